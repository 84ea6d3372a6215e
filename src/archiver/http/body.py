"""The bytes of a call on their way: written piece by piece as the connection takes them, never copied into one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import aiohttp
from aiohttp.abc import AbstractStreamWriter

from archiver.failpoints import failpoint
from archiver.http.progress import Progress

__all__ = ["Body"]

_SLICE_BYTES = 256 * 1024  # what is handed to the connection at once
_SMALL_BYTES = 64 * 1024  # pieces below this are joined: a copy costs less than a call


class Body(aiohttp.Payload):
    """Many pieces as one body of known length.

    Args:
        pieces: What is sent, in this order.

    Attributes:
        progress: Who watches over the call that it is sent by; None if nobody does.
    """

    def __init__(self, pieces: list[bytes]) -> None:
        super().__init__(None, content_type="application/octet-stream")
        self.progress: Progress | None = None
        self._pieces = pieces
        self._size = sum(map(len, pieces))

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Writes everything; whoever watches over the call sees how far it came."""
        progress = self.progress
        if progress is not None:
            progress.sends(writer.transport)
        sent, whole = 0, self._size or 0
        for chunk in _slices(self._pieces):
            await writer.write(chunk)
            if progress is not None:
                progress.wrote(len(chunk))
            before, sent = sent, sent + len(chunk)
            if 2 * before < whole <= 2 * sent < 2 * whole:
                failpoint("chunk.half")

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The body as text; aiohttp's interface asks for it, nobody calls it."""
        return b"".join(self._pieces).decode(encoding, errors)


def _slices(pieces: Iterable[bytes]) -> Iterator[bytes | memoryview]:
    """Small pieces joined, large ones cut: each slice is worth a call and holds up the event loop for a moment only."""
    small: list[bytes] = []
    held = 0
    for piece in pieces:
        if held and held + len(piece) > _SMALL_BYTES:
            yield b"".join(small)
            small, held = [], 0
        if len(piece) <= _SMALL_BYTES:
            small.append(piece)
            held += len(piece)
        elif len(piece) <= _SLICE_BYTES:
            yield piece
        else:
            view = memoryview(piece)
            for start in range(0, len(piece), _SLICE_BYTES):
                yield view[start : start + _SLICE_BYTES]
    if held:
        yield b"".join(small)
