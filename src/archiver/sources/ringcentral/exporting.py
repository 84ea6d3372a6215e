"""The export of all message stores at once: a company of thousands is known within minutes, and not after hours of asking store by store.

RingCentral collects it in a task, and gives zip files; the first of them lists every store. It needs a user who may see all users, and is
asked for once, at the first pass. Whatever becomes of it, each store is looked at as well: the export makes what will be purged known
early, and nothing depends on it. Attachments are read one by one, as always: that is what they are paid from (the group Medium).
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import zipfile
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import IO, Final

import msgspec

from archiver.errors import ArchiverError, ReconnectNeededError, SourceThrottledError, TransientError, UnavailableError
from archiver.model import Discovery, Millis
from archiver.sources.replies import decode
from archiver.sources.ringcentral.api import Api
from archiver.sources.ringcentral.calls import iso
from archiver.sources.ringcentral.cursor import Export, State
from archiver.sources.ringcentral.records import Reader
from archiver.sources.ringcentral.settings import RingCentralSettings
from archiver.sources.ringcentral.wire import Record

__all__ = ["Exporting"]

_REPORT = "/restapi/v1.0/account/~/message-store-report"
_WORTH = 100
"""With fewer stores than that, looking at each takes less than five minutes."""

_LOOK_MILLIS: Final = 60_000  # between two looks at the task: each costs what a recording costs
_LONGEST_MILLIS: Final = 6 * 3_600_000
_MOST_BYTES: Final = 256 * 1024 * 1024  # of one store's list
_CHUNK_BYTES = 1024 * 1024
_OLDEST: Final = 946_684_800_000  # 2000-01-01
_STORE = re.compile(r"(?:.*/)?extension/(\d+)/(?:.*/)?message-store[^/]*\.json")


class _Task(msgspec.Struct, rename="camel", kw_only=True):
    id: str
    status: str


class _File(msgspec.Struct, kw_only=True):
    uri: str
    size: int = 0


class _Files(msgspec.Struct, kw_only=True):
    records: Sequence[_File] = ()


class _Store(msgspec.Struct, kw_only=True):
    records: Sequence[Record] = ()


class Exporting:
    """Looks after the export.

    Args:
        api: Makes the calls.
        settings: How far back.
    """

    def __init__(self, api: Api, settings: RingCentralSettings) -> None:
        self._api = api
        self._settings = settings

    def due(self, state: State, now: Millis) -> bool:
        """Whether there is something to do about it now."""
        export = state.export
        if export.over:
            return False
        if export.task:
            return now - export.looked_at >= _LOOK_MILLIS
        return sum(stream.full_at == 0 for stream in state.stores.values()) >= _WORTH

    async def look(self, state: State, reader: Reader, now: Millis) -> AsyncGenerator[Sequence[Discovery], None]:
        """Asks for it, or looks how far it is, or reads it. A refusal ends it, and is no trouble of the source's.

        Yields:
            What each store has, when it has come.

        Raises:
            ReconnectNeededError, UnavailableError: Of the whole account.
        """
        export = state.export
        try:
            if not export.task:
                await self._begin(export, now)
                return
            export.looked_at = now
            answer: _Task = await self._api.ask("message-store-report", f"{_REPORT}/{export.task}", _Task)
            if answer.status in {"Failed", "Cancelled"} or now - export.asked_at > _LONGEST_MILLIS:
                export.over = answer.status
            elif answer.status == "Completed":
                async for found in self._read(state, reader):
                    yield found
                export.over = answer.status
        except (ReconnectNeededError, UnavailableError):
            raise
        except (SourceThrottledError, TransientError):
            export.looked_at = now  # it is asked again in a minute; the sweep goes on meanwhile
            if now - export.asked_at > _LONGEST_MILLIS:
                export.over = "Failed"
        except ArchiverError as error:
            export.over = error.message

    async def _begin(self, export: Export, now: Millis) -> None:
        export.asked_at = export.asked_at or now
        export.looked_at = now
        body = {"dateFrom": iso(max(self._settings.since, _OLDEST)), "dateTo": iso(now)}
        answer: _Task = await self._api.ask("message-store-report", _REPORT, _Task, method="POST", body=body)
        export.task = answer.id

    async def _read(self, state: State, reader: Reader) -> AsyncGenerator[Sequence[Discovery], None]:
        files: _Files = await self._api.ask("message-store-report", f"{_REPORT}/{state.export.task}/archive", _Files)
        if not files.records:
            return
        with tempfile.TemporaryFile() as kept:
            async with self._api.content("message-store-report", files.records[0].uri, 0, look=True) as response:
                async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                    await asyncio.to_thread(kept.write, chunk)
            stores = _stores(kept)
            while (store := await asyncio.to_thread(next, stores, None)) is not None:
                extension_id, data = store
                if extension_id in state.stores:
                    answer: _Store = decode("RingCentral", data, _Store)
                    yield [discovery for record in answer.records for discovery in reader.message(record, extension_id)]


def _stores(file: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """The lists of an export's first file, each with its extension's id."""
    try:
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                found = _STORE.fullmatch(entry.filename)
                if found is not None and entry.file_size <= _MOST_BYTES:
                    yield found[1], archive.read(entry)
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError):
        raise TransientError("RingCentral gave an export that cannot be read") from None
