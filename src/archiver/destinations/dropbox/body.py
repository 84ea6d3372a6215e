"""The bytes of a call on their way: written piece by piece as the connection takes them, never copied into one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

import aiohttp
from aiohttp.abc import AbstractStreamWriter

from archiver.failpoints import failpoint

__all__ = ["NO_PROGRESS_SECONDS", "Body"]

NO_PROGRESS_SECONDS = 60.0
"""A connection that takes or gives no byte for so long is given up; a slow one is not."""

_SLICE_BYTES = 256 * 1024  # what is handed to the connection at once
_SMALL_BYTES = 64 * 1024  # pieces below this are joined: a copy costs less than a call
_LOOK_SECONDS = 5.0  # moving the time limit at each slice would cost more than the slice


class Body(aiohttp.Payload):
    """Many pieces as one body of known length.

    Args:
        pieces: What is sent, in this order.
    """

    def __init__(self, pieces: list[bytes]) -> None:
        super().__init__(None, content_type="application/octet-stream")
        self._pieces = pieces
        self._size = sum(map(len, pieces))

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Writes everything, and gives up when nothing moves."""
        loop = asyncio.get_running_loop()
        looked_at = loop.time()
        async with asyncio.timeout(NO_PROGRESS_SECONDS) as limit:
            sent, whole = 0, self._size or 0
            for chunk in _slices(self._pieces):
                await writer.write(chunk)
                before, sent = sent, sent + len(chunk)
                if 2 * before < whole <= 2 * sent < 2 * whole:
                    failpoint("chunk.half")
                now = loop.time()
                if now - looked_at > _LOOK_SECONDS:
                    looked_at = now
                    limit.reschedule(now + NO_PROGRESS_SECONDS)

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
