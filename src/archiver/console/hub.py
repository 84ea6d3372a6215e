"""The hub: renders what is live once a second, if somebody looks, and gives the same bytes to all who do.

It has no task of its own: the first of those who wait makes the next frame, the others take it. Who is slow misses frames and gets the
next one whole; nothing is queued, so a dead tab costs nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping

from genstage.clock import Clock

__all__ = ["Frame", "Hub"]

_SECONDS = 1.0


class Frame:
    """What is live at one moment.

    Attributes:
        number: Frames are counted from 1 on.
        at: When it was made, by the clock.
        parts: Each part's markup, by its element's id.
        whole: All of it as one message.
        changed: What is not as in the frame before, as one message; empty if nothing changed.
    """

    __slots__ = ("at", "changed", "number", "parts", "whole")

    def __init__(self, number: int, at: float, parts: Mapping[str, str], before: Mapping[str, str], extra: str) -> None:
        self.number = number
        self.at = at
        self.parts = parts
        self.whole = _message(parts) + extra.encode()
        self.changed = _message({name: text for name, text in parts.items() if before.get(name) != text}) + extra.encode()

    def since(self, seen: int) -> bytes:
        """What somebody needs who has seen that frame last."""
        return self.changed if seen == self.number - 1 else self.whole


class Hub:
    """Makes frames.

    Args:
        render: Gives the parts of a frame, and whatever else goes out with it, in the form of server-sent events.
        clock: Time.

    Attributes:
        viewers: How many look.
    """

    def __init__(self, render: Callable[[], Awaitable[tuple[Mapping[str, str], str]]], clock: Clock) -> None:
        self._render = render
        self._clock = clock
        self._closed = asyncio.Event()
        self._latest = Frame(0, float("-inf"), {}, {}, "")
        self._coming: asyncio.Event | None = None
        self.viewers = 0

    def close(self) -> None:
        """Nobody waits any more."""
        self._closed.set()

    async def next(self, seen: int) -> Frame | None:
        """The first frame after the one with this number, at most once a second; None if there will be none."""
        while True:
            latest = self._latest
            if latest.number > seen and self._clock.time() - latest.at < _SECONDS:
                return None if self._closed.is_set() else latest
            if self._coming is None:
                return await self._make()
            # All wait for one and the same: a frame costs a viewer one turn of the loop. Who makes it may leave; then another one does.
            await self._coming.wait()

    async def _make(self) -> Frame | None:
        """The next frame, when it is time; those who wait for it are told also when there will be none."""
        coming = self._coming = asyncio.Event()
        try:
            await self._rest(self._latest.at + _SECONDS - self._clock.time())
            if self._closed.is_set():
                return None
            parts, extra = await self._render()
            self._latest = Frame(self._latest.number + 1, self._clock.time(), parts, self._latest.parts, extra)
            return self._latest
        finally:
            self._coming = None
            coming.set()

    async def _rest(self, seconds: float) -> None:
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._closed.wait()

    @contextlib.contextmanager
    def looking(self) -> Iterator[None]:
        """Counts somebody in as long as they look."""
        self.viewers += 1
        try:
            yield
        finally:
            self.viewers -= 1


def _message(parts: Mapping[str, str]) -> bytes:
    """Parts as one server-sent event, each to be put into its element."""
    if not parts:
        return b""
    lines = []
    for name, text in parts.items():
        lines += [f'<hx-partial hx-target="#{name}" hx-swap="innerMorph">', *text.splitlines(), "</hx-partial>"]
    return ("".join(f"data: {line}\n" for line in lines if line.strip()) + "\n").encode()
