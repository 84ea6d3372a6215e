"""Where the sandbox keeps bytes: in one pack file under their SHA-256, or nowhere when only hashes are wanted.

A file for each content would be simpler, but making a file costs a disk far more than the bytes of an SMS do.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from archiver.sandbox.hashing import Content, ContentHasher, digest

__all__ = ["ContentStore", "Spool"]

READ_BYTES = 1024 * 1024
_RECORD = struct.Struct(">32sQQ")
"""A line of the index: SHA-256, offset in the pack, size."""


class ContentStore:
    """Keeps contents under their SHA-256: small ones in a pack, those that came in pieces as files of their own.

    Another process may open the same directory in order to read (an audit does): it sees what was flushed when it opened.

    Args:
        directory: Where they are kept, and where pieces of unfinished files are gathered.
        keep: False keeps digests only (for benchmarks).
    """

    def __init__(self, directory: Path, *, keep: bool = True) -> None:
        self.keep = keep
        self.directory = directory
        self._places: dict[str, tuple[int, int]] = {}
        self._end = 0
        self._unflushed = bytearray()
        directory.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT
        self._pack = os.open(directory / "pack", flags, 0o600)
        self._index = os.open(directory / "index", flags, 0o600)
        self._index_end = self._load((directory / "index").read_bytes())

    def put(self, data: bytes | memoryview) -> Content:
        """Digests the bytes and keeps them; contents that are there already are not written again."""
        content = digest(data)
        if self.keep and content.sha256 not in self._places:
            _write_all(self._pack, data, self._end)
            self._places[content.sha256] = (self._end, content.size)
            self._unflushed += _RECORD.pack(bytes.fromhex(content.sha256), self._end, content.size)
            self._end += content.size
        return content

    def flush(self) -> None:
        """Makes what was put findable after a restart; called before a commit is answered."""
        if self._unflushed:
            _write_all(self._index, self._unflushed, self._index_end)
            self._index_end += len(self._unflushed)
            self._unflushed.clear()

    def chunks(self, sha256: str) -> Iterator[bytes]:
        """The bytes of a kept content, in pieces of a MiB.

        Raises:
            LookupError: There is no such content, or contents are not kept.
        """
        place = self._places.get(sha256)
        if place is not None:
            offset, size = place
            for start in range(0, size, READ_BYTES):
                yield os.pread(self._pack, min(READ_BYTES, size - start), offset + start)
            return
        path = self.directory / sha256
        if not self.keep or not path.exists():
            raise LookupError("this content is not kept")
        with path.open("rb") as file:
            while data := file.read(READ_BYTES):
                yield data

    def spool(self, *, in_order: bool) -> Spool:
        """A place for bytes that come in pieces; without the promise of order it needs a file even where nothing is kept."""
        path = self.directory / f"{uuid4().hex}.part" if self.keep or not in_order else None
        return Spool(path, in_order=in_order)

    def adopt(self, spool: Spool) -> Content:
        """Makes what a spool gathered a kept content; the spool is used up."""
        content = spool.content()
        if spool.path is not None:
            if self.keep:
                spool.path.replace(self.directory / content.sha256)
            else:
                spool.path.unlink()
        return content

    def corrupted(self, content: Content) -> Content:
        """Another content of the same size, with one bit flipped: what a storage that loses bits has."""
        if not self.keep or not content.size:
            wrong = digest(content.sha256.encode())
            return Content(content.size, wrong.sha256, wrong.content_hash)
        data = bytearray(b"".join(self.chunks(content.sha256)))
        data[len(data) // 2] ^= 1
        return self.put(bytes(data))

    def close(self) -> None:
        """Flushes and lets go of the files; harmless when called twice."""
        if self._pack >= 0:
            self.flush()
            os.close(self._pack)
            os.close(self._index)
            self._pack = self._index = -1

    def _load(self, index: bytes) -> int:
        whole = len(index) - len(index) % _RECORD.size  # a kill may have cut off the last line; it is written over
        for sha256, offset, size in _RECORD.iter_unpack(index[:whole]):
            self._places[sha256.hex()] = (offset, size)
            self._end = max(self._end, offset + size)
        return whole


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


def _write_all(handle: int, data: bytes | bytearray | memoryview, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(handle, view, offset)
        offset += written
        view = view[written:]
