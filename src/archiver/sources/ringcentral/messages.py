"""The message store of one extension: a whole pass at first and from time to time, and what changed between.

A pass begins with a synchronisation token, so that nothing falls between it and what comes while it runs. RingCentral tells each change of
a message once more if it fell into the seconds before the token.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from archiver.model import Discovery, Millis
from archiver.sources.ringcentral.api import Api
from archiver.sources.ringcentral.calls import SKEW, iso
from archiver.sources.ringcentral.cursor import Stream
from archiver.sources.ringcentral.errors import ParameterError
from archiver.sources.ringcentral.records import Reader
from archiver.sources.ringcentral.settings import RingCentralSettings
from archiver.sources.ringcentral.wire import Listed, Record, Synced

__all__ = ["Messages"]

_STORE = "/restapi/v1.0/account/~/extension/{}/message-store"
_SYNC = "/restapi/v1.0/account/~/extension/{}/message-sync"
_DAY = 86_400_000
_OLDEST = 946_684_800_000  # 2000-01-01: before the first message of all
_PER_PAGE = 1000
_AVAILABLE = (("availability", "Alive"), ("availability", "Deleted"))
"""What was deleted by its user is there for a while, and is archived too; what was purged is not."""


class Messages:
    """Looks at message stores.

    Args:
        api: Makes the calls.
        settings: How far back.
    """

    def __init__(self, api: Api, settings: RingCentralSettings) -> None:
        self._api = api
        self._settings = settings

    async def look(self, extension_id: str, stream: Stream, reader: Reader, now: Millis) -> AsyncIterator[Sequence[Discovery]]:
        """Everything, if a pass is due; else what changed. The stream is what it is after the last of what was yielded.

        Yields:
            Discoveries, a page's worth at a time.
        """
        if stream.token and now - stream.full_at < self._settings.reconcile_hours * 3_600_000:
            try:
                yield await self._changed(extension_id, stream, reader)
            except ParameterError:
                pass  # the token is too old: everything again
            else:
                stream.looked_at, stream.trouble = now, ""
                return
        back = now - int(self._settings.reconcile_days * _DAY) if stream.full_at else _OLDEST
        async for found in self._everything(extension_id, stream, reader, max(self._settings.since, back), now):
            yield found

    async def _changed(self, extension_id: str, stream: Stream, reader: Reader) -> list[Discovery]:
        query = [("syncType", "ISync"), ("syncToken", stream.token)]
        answer: Synced = await self._api.ask("message-sync", _SYNC.format(extension_id), Synced, query)
        stream.token = answer.sync_info.sync_token or stream.token
        return _read(answer.records, extension_id, reader)

    async def _everything(
        self, extension_id: str, stream: Stream, reader: Reader, begin: Millis, now: Millis
    ) -> AsyncIterator[Sequence[Discovery]]:
        start = ("dateFrom", iso(begin))
        query = [("syncType", "FSync"), ("recordCount", "1"), start, ("dateTo", iso(now))]
        first: Synced = await self._api.ask("message-sync", _SYNC.format(extension_id), Synced, query)
        span = [start, ("dateTo", iso(self._api.now() + SKEW))]  # not before the token was given, which may have had to wait
        address, more = _STORE.format(extension_id), [*span, *_AVAILABLE, ("perPage", str(_PER_PAGE))]
        records: Sequence[Record] = ()
        while address:
            answer: Listed = await self._api.ask("message-store", address, Listed, more)
            address, more, records = answer.next_page, [], answer.records
            if address:
                yield _read(records, extension_id, reader)
        stream.token, stream.looked_at, stream.full_at, stream.trouble = first.sync_info.sync_token, now, now, ""
        yield _read(records, extension_id, reader)


def _read(records: Sequence[Record], extension_id: str, reader: Reader) -> list[Discovery]:
    return [discovery for record in records for discovery in reader.message(record, extension_id)]
