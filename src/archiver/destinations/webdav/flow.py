"""A stream on its way to a server, hashed as it passes; nothing of it is held."""

from __future__ import annotations

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

    Attributes:
        sums: Of what was read.
        failure: Why it broke off, which aiohttp would hide.
    """

    def __init__(self, upload: Upload) -> None:
        super().__init__([])
        self.sums = StreamSums(_PART_BYTES, frozenset({"md5"}))
        self.failure: ArchiverError | None = None
        self._upload = upload
        self._size = upload.delivery.item.size

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Writes everything; whoever watches over the call sees how far it came."""
        self.sums, self.failure = StreamSums(_PART_BYTES, frozenset({"md5"})), None
        if self.progress is not None:
            self.progress.sends(writer.transport)
        try:
            await self._write(writer)
        except ArchiverError as error:
            self.failure = error
            raise

    async def _write(self, writer: AbstractStreamWriter) -> None:
        item, stream = self._upload.delivery.item, self._upload.stream
        if stream is None:
            raise TransientError("an upload had neither bytes nor a stream")
        async for piece in stream(0):
            self.sums.update(piece)
            if item.size is not None and self.sums.size > item.size:
                break
            await writer.write(piece)
            if self.progress is not None:
                self.progress.wrote(len(piece))
        if item.size is not None and item.size != self.sums.size:
            raise SourceChangedError(f"the source gave {self.sums.size} bytes or more where it declared {item.size}")
        if item.sha256 is not None and item.sha256 != self.sums.sha256:
            raise SourceChangedError("the source gave bytes of another hash than it declared")
