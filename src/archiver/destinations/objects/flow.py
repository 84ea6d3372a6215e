"""A stream on its way to a server, hashed as it passes; nothing of it is held."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection

from aiohttp.abc import AbstractStreamWriter

from archiver.destinations.objects.sums import StreamSums
from archiver.destinations.port import Upload
from archiver.errors import ArchiverError, SourceChangedError, TransientError
from archiver.http.body import Body

__all__ = ["Flow"]

_PART_BYTES = 8 * 1024 * 1024


class Flow(Body):
    """A stream as the body of a call; if the call is made again, it is read again from its beginning.

    Args:
        upload: The stream.
        wanted: The hashes that are kept beside SHA-256; see `StreamSums`.
        head: What is sent before it.
        tail: What is sent after it.

    Attributes:
        sums: Of what was read.
        failure: Why it broke off, which aiohttp would hide.
    """

    def __init__(self, upload: Upload, wanted: Collection[str] = ("md5",), head: bytes = b"", tail: bytes = b"") -> None:
        super().__init__([])
        self._wanted = frozenset(wanted)
        self.sums = StreamSums(_PART_BYTES, self._wanted)
        self.failure: ArchiverError | None = None
        self._upload = upload
        self._head = head
        self._tail = tail
        size = upload.delivery.item.size
        self._size = None if size is None else len(head) + size + len(tail)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Writes everything; whoever watches over the call sees how far it came."""
        if self.progress is not None:
            self.progress.sends(writer.transport)
        try:
            await self._send(writer, self._head)
            async for piece in self.pieces():
                await self._send(writer, piece)
            await self._send(writer, self._tail)
        except ArchiverError as error:
            self.failure = error
            raise

    async def pieces(self) -> AsyncIterator[bytes]:
        """The stream, hashed as it passes.

        Raises:
            SourceChangedError: It is not what the source declared.
        """
        self.sums, self.failure = StreamSums(_PART_BYTES, self._wanted), None
        item, stream = self._upload.delivery.item, self._upload.stream
        if stream is None:
            raise TransientError("an upload had neither bytes nor a stream")
        async for piece in stream(0):
            self.sums.update(piece)
            if item.size is not None and self.sums.size > item.size:
                break
            yield piece
        if item.size is not None and item.size != self.sums.size:
            raise SourceChangedError(f"the source gave {self.sums.size} bytes or more where it declared {item.size}")
        if item.sha256 is not None and item.sha256 != self.sums.sha256:
            raise SourceChangedError("the source gave bytes of another hash than it declared")

    async def _send(self, writer: AbstractStreamWriter, piece: bytes) -> None:
        if piece:
            await writer.write(piece)
            if self.progress is not None:
                self.progress.wrote(len(piece))
