"""Where the sandbox keeps bytes: content-addressed files in a directory, or nowhere when only hashes are wanted."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

from archiver.sandbox.hashing import Content, ContentHasher, digest

__all__ = ["ContentStore", "Spool"]

READ_BYTES = 1024 * 1024


class ContentStore:
    """Keeps contents under their SHA-256.

    Args:
        directory: Where they are kept, and where pieces of unfinished files are gathered.
        keep: False keeps digests only (for benchmarks).
    """

    def __init__(self, directory: Path, *, keep: bool = True) -> None:
        self._directory = directory
        self.keep = keep
        directory.mkdir(parents=True, exist_ok=True)
        if keep:
            for first in range(256):
                (directory / f"{first:02x}").mkdir(exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Where the content with this hash is.

        Raises:
            LookupError: This sandbox keeps no contents.
        """
        if not self.keep:
            raise LookupError("this sandbox keeps hashes only")
        return self._directory / sha256[:2] / sha256

    def put(self, data: bytes | memoryview) -> Content:
        """Digests the bytes and keeps them; contents that are there already are not written again."""
        content = digest(data)
        if self.keep:
            self._write(self.path(content.sha256), data)
        return content

    def read(self, sha256: str) -> bytes:
        """All bytes of a kept content.

        Raises:
            LookupError: Contents are not kept.
        """
        return self.path(sha256).read_bytes()

    def spool(self, *, in_order: bool) -> Spool:
        """A place for bytes that come in pieces; without the promise of order it needs a file even where nothing is kept."""
        path = self._directory / f"{uuid4().hex}.part" if self.keep or not in_order else None
        return Spool(path, in_order=in_order)

    def adopt(self, spool: Spool) -> Content:
        """Makes what a spool gathered a kept content; the spool is used up."""
        content = spool.content()
        if spool.path is not None:
            if self.keep:
                spool.path.replace(self.path(content.sha256))
            else:
                spool.path.unlink()
        return content

    def corrupted(self, content: Content) -> Content:
        """Another content of the same size, with one bit flipped: what a storage that loses bits has."""
        if not self.keep or not content.size:
            wrong = digest(content.sha256.encode())
            return Content(content.size, wrong.sha256, wrong.content_hash)
        data = bytearray(self.read(content.sha256))
        data[len(data) // 2] ^= 1
        return self.put(bytes(data))

    @staticmethod
    def _write(path: Path, data: bytes | memoryview) -> None:
        try:
            # Exclusive creation instead of a look before it: one call fewer for each new content.
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            if path.stat().st_size == len(data):
                return
            handle = os.open(path, os.O_WRONLY | os.O_TRUNC)  # a sandbox that was killed left a part of it
        try:
            _write_all(handle, data, 0)
        finally:
            os.close(handle)


class Spool:
    """The bytes of one upload session on their way: hashed as they come if they come in order, kept in a file if there is one."""

    __slots__ = ("_hasher", "path")

    def __init__(self, path: Path | None, *, in_order: bool) -> None:
        self.path = path
        self._hasher = ContentHasher() if in_order else None
        if path is not None:
            path.touch()

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """Takes a piece at its place."""
        if self._hasher is not None:
            self._hasher.update(data)
        if self.path is not None:
            handle = os.open(self.path, os.O_WRONLY)
            try:
                _write_all(handle, data, offset)
            finally:
                os.close(handle)

    def content(self) -> Content:
        """The digests of everything."""
        if self._hasher is not None:
            return self._hasher.content()
        hasher = ContentHasher()
        if self.path is not None:
            with self.path.open("rb") as file:
                while data := file.read(READ_BYTES):
                    hasher.update(data)
        return hasher.content()


def _write_all(handle: int, data: bytes | memoryview, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(handle, view, offset)
        offset += written
        view = view[written:]
