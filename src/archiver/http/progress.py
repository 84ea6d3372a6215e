"""How long a call may take: as long as bytes move. What moves none for a minute is given up, however it began.

What was written is not yet sent: it may stand in the transport's buffer and in the kernel's, at 1 KB/s for minutes. So these are looked at.
"""

from __future__ import annotations

import array
import asyncio
import fcntl
import termios
from types import TracebackType
from typing import Protocol, Self

__all__ = ["NO_PROGRESS_SECONDS", "Progress", "Received"]

NO_PROGRESS_SECONDS = 60.0
"""A connection that takes or gives no byte for so long is given up; a slow one is not."""

_LOOK_SECONDS = 5.0  # looking at each byte would cost more than the byte


class Received(Protocol):
    """What is being received."""

    @property
    def total_bytes(self) -> int:
        """How many bytes have come so far."""
        ...


class Progress:
    """Watches over one call: ``async with Progress() as progress: …``.

    Args:
        seconds: How long nothing may move.

    Raises:
        TimeoutError: On leaving, if nothing moved for so long; what ran within was cancelled.
    """

    def __init__(self, seconds: float = NO_PROGRESS_SECONDS) -> None:
        self._seconds = seconds
        self._limit = asyncio.timeout(seconds)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._received: Received | None = None
        self._written = 0
        self._seen = (0, 0, 0)

    async def __aenter__(self) -> Self:
        await self._limit.__aenter__()
        self._timer = self._loop.call_later(_LOOK_SECONDS, self._look)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self._limit.__aexit__(kind, error, trace)

    def sends(self, transport: asyncio.WriteTransport | None) -> None:
        """The request goes out here."""
        self._transport = transport

    def wrote(self, size: int) -> None:
        """So many bytes were handed to the transport."""
        self._written += size

    def receives(self, received: Received) -> None:
        """The answer comes in here."""
        self._received = received

    def _look(self) -> None:
        """Moves the limit if anything moved since the last look."""
        received = 0 if self._received is None else self._received.total_bytes
        now = (self._written, self._unsent(), received)
        if now != self._seen:
            self._seen = now
            self._limit.reschedule(self._loop.time() + self._seconds - _LOOK_SECONDS)
        self._timer = self._loop.call_later(_LOOK_SECONDS, self._look)

    def _unsent(self) -> int:
        """Bytes that the transport and the kernel hold, or the other side has not confirmed."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return 0
        held = array.array("i", [0])
        try:
            fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, held)
        except (AttributeError, OSError):
            held[0] = 0  # no socket, or a system that does not tell
        return transport.get_write_buffer_size() + held[0]
