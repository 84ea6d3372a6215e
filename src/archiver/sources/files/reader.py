"""Reads files below one directory, and tells what is gone from what is away."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import AsyncGenerator, Sequence
from functools import partial

from archiver.errors import ArchiverError, SourceChangedError, SourceGoneError, TransientError, UnavailableError
from archiver.sources.files.disk import SLICE_SECONDS, Disk

__all__ = ["Files"]

_CHUNK_BYTES = 1024 * 1024
_READ_SECONDS = 0.001
_BYTES_PER_SECOND = 500_000_000.0
"""A file that takes longer than this comes from a disk that is not quick."""
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG})
_AWAY = frozenset(
    {errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENODEV, errno.ENXIO}
)
"""What a share answers that is away."""


class Files:
    """The files below one directory; never written.

    Args:
        root: Absolute path of the directory.

    Attributes:
        disk: Where its calls are made.
    """

    def __init__(self, root: str) -> None:
        self.disk = Disk(root)
        self._root = root
        self._prefix = root.rstrip("/") + "/"

    async def read_many(self, wanted: Sequence[tuple[str, int | None]]) -> list[bytes | ArchiverError]:
        """Whole files, in the loop while the disk is quick, else in threads.

        Args:
            wanted: The path of each below the root, and its size in bytes if that is known.

        Returns:
            The bytes or the error of each, in the same order. Of a file that has grown, one byte more than its size.
        """
        results: list[bytes | ArchiverError] = []
        if await self.disk.is_quick():
            started = before = time.perf_counter()
            for path, size in wanted:
                results.append(self._read(path, size))
                now = time.perf_counter()
                if not self.disk.took(now - before, _READ_SECONDS + (size or 0) / _BYTES_PER_SECOND):
                    break
                if now - started > SLICE_SECONDS:
                    await asyncio.sleep(0)
                    started = now = time.perf_counter()
                before = now
        rest = wanted[len(results) :]
        if rest:
            share = -(-len(rest) // self.disk.workers)
            parts = [rest[start : start + share] for start in range(0, len(rest), share)]
            # All begin now; waiting for them in order keeps the order.
            for reading in [self.disk.submit(self._read_all, part) for part in parts]:
                results += await reading
        return results

    async def stream(self, path: str, offset: int) -> AsyncGenerator[bytes, None]:
        """A big file from ``offset`` on, in chunks of 1 MiB.

        Raises:
            SourceChangedError: The file was written to meanwhile: what was given is neither the old one nor the new one.
            ArchiverError: As `explain` says.
        """
        allowed = _READ_SECONDS + _CHUNK_BYTES / _BYTES_PER_SECOND
        descriptor = -1
        try:
            descriptor = await self.disk.call(partial(self._open, path), allowed=_READ_SECONDS)
            before = await self.disk.call(partial(_written, descriptor), allowed=_READ_SECONDS)
            while chunk := await self.disk.call(partial(os.pread, descriptor, _CHUNK_BYTES, offset), allowed=allowed):
                yield chunk
                offset += len(chunk)
            if await self.disk.call(partial(_written, descriptor), allowed=_READ_SECONDS) != before:
                raise SourceChangedError("the file was written to while it was read")
        except OSError as error:
            raise self.explain(error) from None
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def _read_all(self, wanted: Sequence[tuple[str, int | None]]) -> list[bytes | ArchiverError]:
        return [self._read(path, size) for path, size in wanted]

    def _read(self, path: str, size: int | None) -> bytes | ArchiverError:
        try:
            descriptor = self._open(path)
            try:
                if size is None:
                    size = os.fstat(descriptor).st_size
                # One byte more than declared shows the end of the file, or that it has grown, without another call.
                data = os.read(descriptor, size + 1)
                while len(data) < size and (more := os.read(descriptor, size + 1 - len(data))):
                    data += more
            finally:
                os.close(descriptor)
        except OSError as error:
            return self.explain(error)
        return data

    def _open(self, path: str) -> int:
        if "\0" in path or (".." in path and ".." in path.split("/")):
            raise FileNotFoundError(errno.ENOENT, "the path leaves the directory")
        return os.open(self._prefix + path, _FLAGS)

    def explain(self, error: OSError) -> ArchiverError:
        """An error of the system in the words of the house; without the path, which may hold names and numbers of people.

        Returns:
            `SourceGoneError`: the file is not there, but others are. `UnavailableError`: the directory is empty or away, as a mount point
            without its mount. `TransientError`: anything else.
        """
        number = error.errno or errno.EIO
        words = f"{os.strerror(number)} ({errno.errorcode.get(number, number)})"
        if number in _MISSING:
            # A share that is not mounted leaves an empty directory, or none. That must not look as if everything had been deleted.
            if not _has_entries(self._root):
                return UnavailableError("the folder is empty or not there", hint="Is the share mounted?")
            return SourceGoneError(f"the folder no longer has the file: {words}")
        if number in _AWAY:
            return UnavailableError(f"the folder's share is away: {words}")
        return TransientError(f"the file cannot be read: {words}")

    def close(self) -> None:
        """Lets go of the threads; harmless when called twice."""
        self.disk.close()


def _written(descriptor: int) -> tuple[int, int]:
    """What is another one after a write: when the last one was, and the size."""
    state = os.fstat(descriptor)
    return state.st_mtime_ns, state.st_size


def _has_entries(root: str) -> bool:
    try:
        with os.scandir(root) as entries:
            return next(entries, None) is not None
    except OSError:
        return False
