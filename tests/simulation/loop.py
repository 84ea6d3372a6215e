"""An event loop in virtual time in which everything happens in the same order whenever it is run.

Nothing outside the loop is ever waited for, so it never asks the operating system for anything. Tasks are numbered and hashed by their
number: a set of them, such as a task group's, is then gone through in the same order each time, wherever they lie in memory.
"""

from __future__ import annotations

import asyncio
import selectors
from asyncio import Handle, TimerHandle
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from itertools import count
from typing import Any, TypeVar

__all__ = ["PLACE", "Loop", "Place", "StuckError", "Task"]

T = TypeVar("T")

_MOST_STEPS = 100_000  # of the loop within one moment: everybody is busy and nothing comes of it


class StuckError(RuntimeError):
    """Virtual time cannot go on: nothing is scheduled (a deadlock), or everything is due at once, again and again (a livelock)."""


class _Due:
    """A callback of a place; kept while the place is frozen."""

    __slots__ = ("args", "callback", "context", "handle")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...], context: Context | None) -> None:
        self.callback = callback
        self.args = args
        self.context = context
        self.handle: Handle | None = None


class Place:
    """Where tasks run, such as a process: what is begun there belongs to it, and stands still when it does.

    Attributes:
        frozen: Nothing of it runs; what becomes due meanwhile runs when it goes on, in the order in which it became due.
    """

    def __init__(self) -> None:
        self.frozen = False
        self._kept: list[_Due] = []

    def run(self, due: _Due) -> None:
        """Runs a callback, or keeps it for later."""
        if self.frozen:
            due.context = due.context or copy_context()
            self._kept.append(due)
        elif due.handle is None or not due.handle.cancelled():
            due.callback(*due.args)

    def thaw(self) -> None:
        """Goes on, with everything that became due meanwhile."""
        self.frozen = False
        kept, self._kept = self._kept, []
        loop = asyncio.get_running_loop()
        for due in kept:
            # The old handle stays the one by which it can be cancelled: what runs first may cancel what comes after it.
            asyncio.SelectorEventLoop.call_soon(loop, self.run, due, context=due.context)  # type: ignore[arg-type]  # it is a `Loop`


PLACE: ContextVar[Place | None] = ContextVar("PLACE", default=None)
"""Where the running code runs; None is the world outside."""


class Task(asyncio.Task[T]):
    """A task whose place among others does not depend on its place in memory."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], *, loop: Loop, context: Context | None) -> None:
        self.number = next(loop.numbers)
        self.place = PLACE.get() if context is None else context.get(PLACE)
        super().__init__(coroutine, loop=loop, context=context)

    def __hash__(self) -> int:
        return self.number


class _Selector(selectors.SelectSelector):
    """Moves the clock to the next timer where others would sleep, and asks nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.steps = 0
        self.failure: BaseException | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        if timeout is None:
            raise StuckError("deadlock: everybody waits and nothing is scheduled")
        if timeout > 0:
            self.now += timeout
            self.steps = 0
            return []
        self.steps += 1
        if self.steps > _MOST_STEPS:
            self.steps = 0
            raise StuckError(f"livelock: {_MOST_STEPS} steps without a moment's progress")
        return []


class Loop(asyncio.SelectorEventLoop):
    """The loop; it begins at 0.0.

    Attributes:
        numbers: Of its tasks.
    """

    _selector: _Selector

    def __init__(self) -> None:
        super().__init__(_Selector())
        # asyncio's nanosecond vanishes in rounding when the clock is far from zero, and a timer that is never quite due spins for ever.
        self._clock_resolution = 1e-6
        self.numbers = count()
        self.set_task_factory(_make_task)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._selector.now

    def fail(self, error: BaseException) -> None:
        """Ends the run with an error, whoever notices it: nothing that runs in the loop can catch it."""
        if self._selector.failure is None:
            self._selector.failure = error

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Handle:  # type: ignore[override]  # typeshed declares it with a TypeVarTuple; the run-time contract is this
        """As the parent's; it waits while its place is frozen."""
        place = PLACE.get() if context is None else context.get(PLACE)
        if place is None:
            return super().call_soon(callback, *args, context=context)
        due = _Due(callback, args, context)
        due.handle = super().call_soon(place.run, due, context=context)
        return due.handle

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None) -> TimerHandle:  # type: ignore[override]  # as above
        """As the parent's; it waits while its place is frozen."""
        place = PLACE.get() if context is None else context.get(PLACE)
        if place is None:
            return super().call_at(when, callback, *args, context=context)
        due = _Due(callback, args, context)
        due.handle = timer = super().call_at(when, place.run, due, context=context)
        return timer


def _make_task(loop: asyncio.AbstractEventLoop, coroutine: Any, context: Context | None = None) -> Task[Any]:
    assert isinstance(loop, Loop)
    return Task(coroutine, loop=loop, context=context)
