"""Whose turn it is: the run queue of synchronous work. One stage hands over to the next without a task in between."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final, Protocol

__all__ = ["BUDGET", "Part", "Turns"]

BUDGET: Final = 256
"""Handler calls, about, before others on the event loop get their turn. The price is one trip through the loop, some 2 µs."""

_NOBODY: Final[deque[Any]] = deque(maxlen=0)
"""Nobody waits, in any of many idle pipelines."""


class Part(Protocol):
    """A part of a stage that has something to do."""

    def turn(self) -> int:
        """Does some of it, takes care of what it raises, and returns how many handler calls that were, about."""
        ...


class Turns:
    """The parts of a pipeline's stages that have something to do, served one after the other from the event loop.

    Whatever a handler causes is queued. What a handler has *returned* is handed to the next stage at once, if that is idle and
    synchronous too; ``depth`` bounds the stack. Every stage takes care of its own exceptions, whoever called.
    """

    __slots__ = ("_loop", "_stopped", "depth", "giver", "rank", "ready", "running")

    def __init__(self) -> None:
        self.ready: deque[Part] = _NOBODY
        """Who waits for a turn. While ``running``, appending here is as good as `put`."""
        self.running = False
        """Whether turns are being given; False from the moment at which the pipeline breaks off."""
        self.depth = 0
        """While a handler's results are given out: how many stages handed on to one another; 0 at any other time."""
        self.giver: asyncio.Task[Any] | None = None
        """While the results of an asynchronous handler are given out by the toolkit: the task that does it."""
        self.rank = 0
        """As ``depth``, for asynchronous stages."""
        self._stopped = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def put(self, part: Part) -> None:
        """Gives a part a turn, soon. Whoever puts sees to it that a part waits for one turn at a time."""
        if self._stopped:
            return
        if self.ready is _NOBODY:
            self.ready = deque()
        self.ready.append(part)
        if not self.running:
            self.running = True
            if self._loop is None:
                self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self._run)

    def stop(self) -> None:
        """The pipeline breaks off: those that wait get their turn, nobody else."""
        self._stopped = True
        self.running = False

    def _run(self) -> None:
        ready = self.ready
        next_part = ready.popleft
        left = BUDGET
        while left > 0:
            if not ready:
                self.running = False
                self.ready = _NOBODY
                return
            left -= next_part().turn()
        if self._loop is not None:
            self._loop.call_soon(self._run)
