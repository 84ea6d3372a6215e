"""The table as a source: pages of rows, and bytes from a column or from files."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from archiver.errors import ArchiverError, SourceGoneError, UnavailableError
from archiver.model import Item
from archiver.sources.files import Files
from archiver.sources.port import ALONE, Context, Page, Source
from archiver.sources.sqltable.progress import Place, Progress
from archiver.sources.sqltable.query import Table
from archiver.sources.sqltable.rows import PATH_MARK, Row, RowReader
from archiver.sources.sqltable.settings import OPTIONS, SqlTableSettings, settings_from
from archiver.sources.sqltable.values import bytes_of, millis_of, read_value

__all__ = ["ADAPTER", "SqlTableAdapter", "SqlTableSource"]

_PAGE_ITEMS = 1000
_READ_ITEMS = 200
_CHUNK_BYTES = 1024 * 1024
_OVERLAP_SECONDS = 60.0
"""Between two looks at the overlap; the newest rows are looked for at every poll."""

T = TypeVar("T")


class SqlTableSource:
    """One table. Never written.

    Args:
        settings: Which column means what.

    Raises:
        ConfigError: The address is no address, or its driver is not installed.
    """

    def __init__(self, settings: SqlTableSettings) -> None:
        self._settings = settings
        self._table = Table(settings)
        self._files = Files(settings.base_dir) if settings.path_column else None
        self._reader = RowReader(settings)
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="sqltable")
        self._closing = asyncio.Event()

    @property
    def ignored(self) -> Mapping[str, int]:
        """Why rows were left out, and how many."""
        return dict(self._reader.ignored)

    async def _run(self, work: Callable[..., T], *args: object) -> T:
        if self._closing.is_set():
            raise UnavailableError("the source is closed")
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)

    # -- finding ------------------------------------------------------------------------------------------------------------------------

    async def discover(self, cursor: str) -> AsyncGenerator[Page, None]:
        """Finds rows in the order of the order column, then what comes; see `Source.discover`.

        Raises:
            ConfigError: The table or a column is not there; the hint lists what is.
            UnavailableError: The database cannot be asked.
        """
        progress = Progress(cursor, column=self._settings.order_column, overlap=self._settings.overlap)
        overlap_at, first = 0.0, True
        while not self._closing.is_set():
            newest = first or time.monotonic() < overlap_at
            if not newest:
                progress.again()
            if first or not newest:
                overlap_at = time.monotonic() + _OVERLAP_SECONDS
            place, full = (progress.newest if newest else progress.overlap_start), True
            while full:
                rows = await self._run(self._table.rows_after, place, _PAGE_ITEMS)
                full = len(rows) == _PAGE_ITEMS
                page = self._page(rows, progress, complete=not full, newest=newest)
                place = Place(rows[-1].order, rows[-1].id) if rows else place
                if page.discoveries or first:
                    yield page
            if not self._settings.watch:
                return
            first = False
            until = time.monotonic() + self._settings.poll_interval
            yield Page(discoveries=(), cursor=progress.cursor(), rest=self._settings.poll_interval)
            await self._pause(until - time.monotonic())

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._closing.wait()
        except TimeoutError:
            return

    def _page(self, rows: Sequence[Row], progress: Progress, *, complete: bool, newest: bool) -> Page:
        places = [(Place(row.order, row.id), millis_of(row.order)) for row in rows]
        told = progress.page(places, now=time.time_ns() // 1_000_000, newest=newest)
        found = [discovery for row, new in zip(rows, told, strict=True) if new and (discovery := self._reader.discovery(row)) is not None]
        return Page(discoveries=found, cursor=progress.cursor(), complete=complete)

    # -- reading ------------------------------------------------------------------------------------------------------------------------

    async def read_many(self, items: Sequence[Item]) -> Sequence[bytes | ArchiverError]:
        """Contents in one question to the database, or files; see `Source.read_many`."""
        if self._files is not None:
            return await self._files.read_many([(item.locator.removeprefix(PATH_MARK), item.size) for item in items])
        results: list[bytes | ArchiverError] = []
        for start in range(0, len(items), _READ_ITEMS):
            asked = items[start : start + _READ_ITEMS]
            try:
                ids = [read_value(item.locator) for item in asked]
                contents = await self._run(self._table.contents, list(dict.fromkeys(ids)))
            except ArchiverError as error:
                results += [error] * len(asked)
            else:
                results += [bytes_of(contents[id_]) if id_ in contents else _gone() for id_ in ids]
        return results

    def stream(self, item: Item, offset: int = 0) -> AsyncIterator[bytes]:
        """One content or file in chunks; see `Source.stream`."""
        if self._files is not None:
            return self._files.stream(item.locator.removeprefix(PATH_MARK), offset)
        return self._content(item, offset)

    async def _content(self, item: Item, offset: int) -> AsyncIterator[bytes]:
        id_ = read_value(item.locator)
        while True:
            part: Any = await self._run(self._table.part_of_content, id_, offset, _CHUNK_BYTES)
            if part is None:
                raise _gone()
            if isinstance(part, str):
                text = bytes_of(part)
                for start in range(offset, len(text), _CHUNK_BYTES):
                    yield text[start : start + _CHUNK_BYTES]
                return
            chunk = bytes_of(part)
            if chunk:
                yield chunk
            if len(chunk) < _CHUNK_BYTES:
                return
            offset += len(chunk)

    async def close(self) -> None:
        """Ends every watch, closes the connections; see `Source.close`."""
        if not self._closing.is_set():
            self._closing.set()
            self._pool.submit(self._table.close)
            self._pool.shutdown(wait=False)
        if self._files is not None:
            self._files.close()


def _gone() -> SourceGoneError:
    return SourceGoneError("the table no longer has the row, or its content")


class SqlTableAdapter:
    """Registers tables as the source ``sqltable``."""

    name = "sqltable"
    summary = "A table of call records in a database of yours, of any kind that SQLAlchemy knows; only ever read."
    options = OPTIONS

    def open(self, options: dict[str, Any], context: Context = ALONE) -> Source:
        """Makes the source; see `archiver.sources.port.SourceAdapter.open`."""
        del context
        return SqlTableSource(settings_from(options))


ADAPTER = SqlTableAdapter()
