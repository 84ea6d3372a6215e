"""The folder as a source: pages of what a scanner finds, and the bytes of files."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any

from archiver.errors import ArchiverError, SourceGoneError, TransientError, UnavailableError
from archiver.model import Discovery, Item
from archiver.sources.folder.candidates import Reason
from archiver.sources.folder.disk import SLICE_SECONDS, Disk
from archiver.sources.folder.rounds import Rounds
from archiver.sources.folder.scan import Scanner, Steps, take
from archiver.sources.folder.settings import OPTIONS, FolderSettings, settings_from
from archiver.sources.folder.sidecar import path_of
from archiver.sources.folder.watch import Watch
from archiver.sources.port import Page, Source

__all__ = ["ADAPTER", "FolderAdapter", "FolderSettings", "FolderSource"]

_PAGE_ITEMS = 1000
_CHUNK_BYTES = 1024 * 1024
_THREAD_SECONDS = 1.0
"""How long a thread walks before what it found is looked at."""
_READ_SECONDS = 0.001
_BYTES_PER_SECOND = 500_000_000.0
"""A file that takes longer than this comes from a disk that is not quick."""
_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG})
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_AWAY = frozenset(
    {errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENODEV, errno.ENXIO}
)
"""What a share answers that is away."""


class FolderSource:
    """One folder. Files are only ever read.

    Args:
        settings: See `FolderSettings`.
    """

    def __init__(self, settings: FolderSettings) -> None:
        self._settings = settings
        self._prefix = settings.root.rstrip("/") + "/"
        self._disk = Disk(settings.root)
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
        scanner = Scanner(self._settings)
        watch = self._begin_watch()
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
            if not self._closed:
                # Looked at only once, and what was still being written has had its time.
                yield Page(discoveries=[], cursor="", complete=not scanner.truncated)
        finally:
            if watch is not None:
                watch.stop()
                self._watches.discard(watch)

    def _begin_watch(self) -> Watch | None:
        if not self._settings.watch:
            return None
        watch = Watch(self._settings.root)
        self._watches.add(watch)
        watch.start()
        return watch

    async def _page(self, steps: Steps) -> tuple[list[Discovery], bool]:
        """Goes on with a walk for up to a page, in small slices where the loop does it. Also says whether the walk has ended."""
        found: list[Discovery] = []
        ended = False
        while not ended and len(found) < _PAGE_ITEMS:
            missing = _PAGE_ITEMS - len(found)
            if await self._disk.is_quick():
                started = time.perf_counter()
                more, ended = take(steps, missing, SLICE_SECONDS)
                self._disk.took(time.perf_counter() - started, 2 * SLICE_SECONDS)
                await asyncio.sleep(0)
            else:
                more, ended = await self._disk.in_thread(take, steps, missing, _THREAD_SECONDS)
            found += more
        return found, ended

    # -- reading ------------------------------------------------------------------------------------------------------------------------

    async def read_many(self, items: Sequence[Item]) -> Sequence[bytes | ArchiverError]:
        """Whole files, in the loop while the disk is quick, else in threads; see `Source.read_many`."""
        results: list[bytes | ArchiverError] = []
        if await self._disk.is_quick():
            started = before = time.perf_counter()
            for item in items:
                results.append(self._read(item))
                now = time.perf_counter()
                if not self._disk.took(now - before, _READ_SECONDS + (item.size or 0) / _BYTES_PER_SECOND):
                    break
                if now - started > SLICE_SECONDS:
                    await asyncio.sleep(0)
                    started = now = time.perf_counter()
                before = now
        rest = items[len(results) :]
        if rest:
            share = -(-len(rest) // self._disk.workers)
            parts = [rest[start : start + share] for start in range(0, len(rest), share)]
            # All begin now; waiting for them in order keeps the order.
            for reading in [self._disk.submit(self._read_all, part) for part in parts]:
                results += await reading
        return results

    def _read_all(self, items: Sequence[Item]) -> list[bytes | ArchiverError]:
        return [self._read(item) for item in items]

    def _read(self, item: Item) -> bytes | ArchiverError:
        try:
            descriptor = self._open(item)
            try:
                size = os.fstat(descriptor).st_size if item.size is None else item.size
                # One byte more than declared shows the end of the file, or that it has grown, without another call.
                data = os.read(descriptor, size + 1)
                while len(data) < size and (more := os.read(descriptor, size + 1 - len(data))):
                    data += more
            finally:
                os.close(descriptor)
        except OSError as error:
            return self._explain(error)
        return data

    async def stream(self, item: Item, offset: int = 0) -> AsyncIterator[bytes]:
        """A big file from ``offset`` on; see `Source.stream`."""
        allowed = _READ_SECONDS + _CHUNK_BYTES / _BYTES_PER_SECOND
        descriptor = -1
        try:
            descriptor = await self._disk.call(partial(self._open, item), allowed=_READ_SECONDS)
            while chunk := await self._disk.call(partial(os.pread, descriptor, _CHUNK_BYTES, offset), allowed=allowed):
                yield chunk
                offset += len(chunk)
        except OSError as error:
            raise self._explain(error) from None
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def _open(self, item: Item) -> int:
        path = path_of(item.locator)
        if ".." in path and ".." in path.split("/"):
            raise FileNotFoundError(errno.ENOENT, "the path leaves the folder")
        return os.open(self._prefix + path, _FLAGS)

    def _explain(self, error: OSError) -> ArchiverError:
        """An error of the system in the words of the house; without the path, which may hold names and numbers of people."""
        words = f"{os.strerror(error.errno or errno.EIO)} ({errno.errorcode.get(error.errno or errno.EIO, error.errno)})"
        if error.errno in _MISSING:
            # A share that is not mounted leaves an empty directory, or none. That must not look as if everything had been deleted.
            if not _has_entries(self._settings.root):
                return UnavailableError("the folder is empty or not there", hint="Is the share mounted?")
            return SourceGoneError(f"the folder no longer has the file: {words}")
        if error.errno in _AWAY:
            return UnavailableError(f"the folder's share is away: {words}")
        return TransientError(f"the file cannot be read: {words}")

    async def close(self) -> None:
        """Ends every watch and lets go of the threads; see `Source.close`."""
        self._closed = True
        for watch in self._watches:
            watch.stop()
        self._disk.close()


def _has_entries(root: str) -> bool:
    try:
        with os.scandir(root) as entries:
            return next(entries, None) is not None
    except OSError:
        return False


class FolderAdapter:
    """Registers folders as the source ``folder``."""

    name = "folder"
    summary = "A folder of recordings, SMS and fax, with optional sidecars, watched for what comes."
    options = OPTIONS

    def open(self, options: dict[str, Any]) -> Source:
        """Makes the source; see `archiver.sources.port.SourceAdapter.open`."""
        return FolderSource(settings_from(options))


ADAPTER = FolderAdapter()
