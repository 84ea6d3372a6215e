"""The folder as a source: pages of what a scanner finds, and the bytes of files."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any

from archiver.errors import ArchiverError
from archiver.model import Discovery, Item
from archiver.sources.files import SLICE_SECONDS, Files
from archiver.sources.folder.candidates import Reason
from archiver.sources.folder.rounds import Rounds
from archiver.sources.folder.scan import Scanner, Steps, take
from archiver.sources.folder.settings import OPTIONS, FolderSettings, settings_from
from archiver.sources.folder.sidecar import path_of
from archiver.sources.folder.watch import Watch, watch_of
from archiver.sources.port import ALONE, Context, Page, Source

__all__ = ["ADAPTER", "FolderAdapter", "FolderSettings", "FolderSource"]

_PAGE_ITEMS = 1000
_THREAD_SECONDS = 1.0
"""How long a thread walks before what it found is looked at."""


class FolderSource:
    """One folder. Files are only ever read.

    Args:
        settings: See `FolderSettings`.
    """

    def __init__(self, settings: FolderSettings) -> None:
        self._settings = settings
        self._files = Files(settings.root)
        self._watches: set[Watch] = set()
        self._closed = False
        self._ignored: Mapping[Reason, int] = {}

    @property
    def ignored(self) -> Mapping[Reason, int]:
        """Why files were left out since the last thorough walk began, and how many."""
        return self._ignored

    # -- finding ------------------------------------------------------------------------------------------------------------------------

    async def discover(self, cursor: str) -> AsyncGenerator[Page, None]:  # noqa: ARG002 - a folder has no place to go on at
        """Finds what is there, then what comes; see `Source.discover`.

        The cursor means nothing to a folder: after a restart everything is found again, which is harmless and quick.

        Raises:
            UnavailableError: The folder is not there.
        """
        watch = self._new_watch()
        scanner = Scanner(self._settings, watch.cover if watch else None)
        rounds = Rounds(self._settings, scanner, watch)
        try:
            while not self._closed and (walk := await rounds.next()) is not None:
                steps, whole = walk
                ended = False
                while not ended:
                    found, ended = await self._page(steps)
                    self._ignored = scanner.ignored
                    if found or (ended and whole):
                        yield Page(discoveries=found, cursor="", complete=ended and whole and not scanner.truncated)
        finally:
            if watch is not None:
                watch.stop()
                self._watches.discard(watch)

    def _new_watch(self) -> Watch | None:
        if not self._settings.watch:
            return None
        watch = watch_of(self._settings.root)
        self._watches.add(watch)
        return watch

    async def _page(self, steps: Steps) -> tuple[list[Discovery], bool]:
        """Goes on with a walk for up to a page, in small slices where the loop does it. Also says whether the walk has ended."""
        found: list[Discovery] = []
        ended = False
        while not ended and len(found) < _PAGE_ITEMS:
            missing = _PAGE_ITEMS - len(found)
            if await self._files.disk.is_quick():
                started = time.perf_counter()
                more, ended = take(steps, missing, SLICE_SECONDS)
                self._files.disk.took(time.perf_counter() - started, 2 * SLICE_SECONDS)
                await asyncio.sleep(0)
            else:
                more, ended = await self._files.disk.in_thread(take, steps, missing, _THREAD_SECONDS)
            found += more
        return found, ended

    # -- reading ------------------------------------------------------------------------------------------------------------------------

    async def read_many(self, items: Sequence[Item]) -> Sequence[bytes | ArchiverError]:
        """Whole files; see `Source.read_many`."""
        return await self._files.read_many([(path_of(item.locator), item.size) for item in items])

    def stream(self, item: Item, offset: int = 0) -> AsyncIterator[bytes]:
        """A big file from ``offset`` on; see `Source.stream`."""
        return self._files.stream(path_of(item.locator), offset)

    async def close(self) -> None:
        """Ends every watch and lets go of the threads; see `Source.close`."""
        self._closed = True
        for watch in self._watches:
            watch.stop()
        self._files.close()


class FolderAdapter:
    """Registers folders as the source ``folder``."""

    name = "folder"
    summary = "A folder of recordings, SMS and fax, with optional sidecars, watched for what comes."
    options = OPTIONS

    def open(self, options: dict[str, Any], context: Context = ALONE) -> Source:
        """Makes the source; see `archiver.sources.port.SourceAdapter.open`."""
        del context
        return FolderSource(settings_from(options))


ADAPTER = FolderAdapter()
