"""Virtual time: an event loop whose clock jumps to the next timer when all is idle, so that an hour of waiting costs no time at all."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, TypeVar, TypeVarTuple

__all__ = ["DeadlockError", "VirtualClock", "VirtualLoop", "idle", "run", "virtual_time", "wait_until_idle"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

SELF_PIPE = 1
"""File descriptors that a loop of its own registers: the end by which other threads wake it."""


class DeadlockError(RuntimeError):
    """Everybody waits and nothing is scheduled: in the real world this would hang for ever."""


class _JumpingSelector(selectors.DefaultSelector):
    """A selector that moves the virtual clock where another would sleep.

    Args:
        grace: Real seconds that sockets and foreign threads get to answer before the clock jumps.
    """

    def __init__(self, grace: float) -> None:
        super().__init__()
        self.grace = grace
        self.now = 0.0
        self.jobs = 0
        self.idlers: list[asyncio.Future[None]] = []

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self.jobs:  # a thread of the executor is at work in real time: virtual time stands still meanwhile
            return super().select(None)
        if self.grace and (ready := super().select(self.grace)):
            return ready
        if self.idlers:
            idlers, self.idlers = self.idlers, []
            for idler in idlers:
                if not idler.done():
                    idler.set_result(None)
        elif timeout is None:
            raise DeadlockError(_deadlock_text(len(self.get_map()) > SELF_PIPE))
        else:
            self.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time, which begins at 0.0.

    Jobs of executors (`asyncio.to_thread`) run in real time while the virtual clock stands still.

    Args:
        grace: Real seconds to wait for sockets, and for threads that are not the executor's, before each jump of the clock.
            0 if there are none.
    """

    _selector: _JumpingSelector

    def __init__(self, grace: float = 0.0) -> None:
        super().__init__(_JumpingSelector(grace))
        # asyncio's nanosecond vanishes in rounding when the clock is far from zero, and a timer that is never quite due spins for ever.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._selector.now

    def run_in_executor(self, executor: Executor | None, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]  # typeshed declares it with a TypeVarTuple; the run-time contract is this
        """As the parent's; virtual time stands still until the job has ended."""
        future = super().run_in_executor(executor, func, *args)
        self._selector.jobs += 1
        future.add_done_callback(self._job_ended)
        return future

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Within it virtual time stands still: for awaiting threads and processes that are not the executor's.

        Something must wake the loop in real time, or the loop waits for ever.
        """
        self._selector.jobs += 1
        try:
            yield
        finally:
            self._selector.jobs -= 1

    async def shutdown_default_executor(self) -> None:
        """As the parent's, which waits for a thread of its own."""
        with self.standing_still():
            await super().shutdown_default_executor()

    def _job_ended(self, _future: asyncio.Future[Any]) -> None:
        self._selector.jobs -= 1

    async def idle(self) -> None:
        """Returns when nothing else can go on without time passing; no time passes."""
        idler = self.create_future()
        self._selector.idlers.append(idler)
        await idler


class VirtualClock:
    """A `Clock` that tells the time of the running loop; of a `VirtualLoop` if one runs.

    Args:
        start: What ``wall()`` says at the loop's time 0.0: seconds since the epoch, UTC; by default 2026-01-01.
    """

    def __init__(self, start: float = 1_767_225_600.0) -> None:
        self.start = start

    def time(self) -> float:
        """Seconds of the running loop."""
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        """Seconds since the epoch: the start plus the loop's time."""
        return self.start + self.time()

    async def sleep(self, seconds: float) -> None:
        """Sleeps on the running loop; in virtual time this takes no time."""
        await asyncio.sleep(seconds)


def virtual_time(*, grace: float = 0.0) -> asyncio.Runner:
    """A runner in virtual time.

    Used so: ``with virtual_time() as runner: runner.run(main())``.

    Args:
        grace: See `VirtualLoop`.
    """
    return asyncio.Runner(loop_factory=lambda: VirtualLoop(grace))


def run(function: Callable[[*Ts], Coroutine[Any, Any, T]], *args: *Ts, grace: float = 0.0) -> T:
    """Runs a coroutine function in virtual time, from a synchronous test, and returns its result.

    Args:
        function: What to run.
        args: Its arguments.
        grace: See `VirtualLoop`.

    Raises:
        DeadlockError: Everybody waits and nothing is scheduled; the text names who waits where.
    """
    with virtual_time(grace=grace) as runner:
        return runner.run(function(*args))


async def wait_until_idle() -> None:
    """Returns when every other task waits for something that only time (or nothing) can bring; no time passes.

    Raises:
        RuntimeError: The running loop is not a `VirtualLoop`; use `run` or `virtual_time`.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        raise RuntimeError("wait_until_idle() needs virtual time: run the test with genstage.testing.run() or virtual_time()")  # noqa: TRY004 - the caller's argument is not wrong, its surroundings are
    await loop.idle()


idle = wait_until_idle
"""The same in one word: tests say it often."""


def _deadlock_text(sockets: bool) -> str:
    tasks = asyncio.all_tasks(asyncio.get_running_loop())
    lines = ["everybody waits and nothing is scheduled:"]
    lines += [f"  {task.get_name()} in {' > '.join(_places(task.get_coro())) or 'nowhere'}" for task in tasks]
    if sockets:
        lines.append("sockets are open: give them real time with grace=…")
    lines.append("(if a thread of its own should have answered, give it real time with grace=…)")
    return "\n".join(lines)


def _places(waiting: Any) -> list[str]:
    """Where a coroutine waits: itself, the one it awaits, and so on inwards, as far as these are coroutines."""
    places = []
    while (frame := getattr(waiting, "cr_frame", None)) is not None:
        places.append(f"{frame.f_code.co_qualname}, line {frame.f_lineno}")
        waiting = waiting.cr_await
    return places
