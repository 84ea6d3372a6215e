from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

from genstage.testing import DeadlockError, VirtualClock, idle, run, virtual_time


def test_an_hour_takes_no_time() -> None:
    """Sleeping an hour moves the virtual clock by exactly an hour, and the real one hardly at all."""

    async def scenario() -> float:
        await VirtualClock().sleep(3600)
        return asyncio.get_running_loop().time()

    began = time.monotonic()
    assert run(scenario) == 3600
    assert time.monotonic() - began < 1


def test_timers_keep_their_order() -> None:
    """Timers run in the order of their times, whatever order they were set in."""

    async def scenario() -> list[float]:
        seen: list[float] = []
        loop = asyncio.get_running_loop()
        for delay in (3.0, 1.0, 2.0):
            loop.call_later(delay, lambda: seen.append(loop.time()))
        await asyncio.sleep(10)
        return seen

    assert run(scenario) == [1.0, 2.0, 3.0]


def test_far_timers_do_not_hang() -> None:
    """A clock that is far from zero still moves, though a nanosecond vanishes in its rounding."""

    async def scenario() -> float:
        await asyncio.sleep(1e9)
        for _ in range(10):
            await asyncio.sleep(1e-9)
        return asyncio.get_running_loop().time()

    assert run(scenario) >= 1e9


def test_a_deadlock_names_who_waits() -> None:
    """When nothing is scheduled any more the run ends with an error that names the waiting task."""

    async def scenario() -> None:
        asyncio.current_task().set_name("the waiting one")  # type: ignore[union-attr]
        await asyncio.Event().wait()

    with pytest.raises(DeadlockError, match=r"the waiting one in .*scenario"):
        run(scenario)


def test_a_deadlock_with_sockets_says_what_to_do() -> None:
    """With an open socket the error tells of the grace that real I/O needs."""

    async def scenario() -> None:
        left, right = socket.socketpair()
        left.setblocking(False)  # noqa: FBT003 - the standard library's signature
        with left, right:
            await asyncio.get_running_loop().sock_recv(left, 1)

    with pytest.raises(DeadlockError, match="sockets are open"):
        run(scenario)


def test_grace_lets_a_foreign_thread_answer() -> None:
    """With grace a thread that is not the executor's may answer before time jumps."""

    async def scenario() -> float:
        loop = asyncio.get_running_loop()
        answered = asyncio.Event()
        thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(answered.set))
        thread.start()
        async with asyncio.timeout(1):
            await answered.wait()
        thread.join()
        return loop.time()

    assert run(scenario, grace=5.0) == 0.0


def test_time_stands_still_while_a_thread_works() -> None:
    """A job of the executor never loses against a timer."""

    async def scenario() -> float:
        async with asyncio.timeout(0.001):
            await asyncio.to_thread(time.sleep, 0.02)
        return asyncio.get_running_loop().time()

    assert run(scenario) == 0.0


def test_idle_waits_for_everybody_but_not_for_time() -> None:
    """`idle` returns after all that can run has run, before any timer."""

    async def scenario() -> tuple[int, float]:
        steps = 0

        async def steppy() -> None:
            nonlocal steps
            for _ in range(50):
                await asyncio.sleep(0)
                steps += 1
            await asyncio.sleep(5)
            steps += 1000

        async with asyncio.TaskGroup() as group:
            group.create_task(steppy())
            await idle()
            return steps, asyncio.get_running_loop().time()

    assert run(scenario) == (50, 0.0)


async def test_idle_refuses_real_time() -> None:
    """On a loop in real time `idle` says which one it needs."""
    with pytest.raises(RuntimeError, match=r"genstage\.testing\.run"):
        await idle()


def test_the_wall_clock_begins_where_told() -> None:
    """`wall` is the start plus the virtual seconds."""

    async def scenario() -> float:
        clock = VirtualClock(start=1000.0)
        await clock.sleep(5)
        return clock.wall()

    assert run(scenario) == 1005.0


def test_a_runner_keeps_its_time_between_runs() -> None:
    """`virtual_time` gives a runner; several runs share one clock."""
    with virtual_time() as runner:
        runner.run(asyncio.sleep(2))
        runner.run(asyncio.sleep(3))
        assert runner.get_loop().time() == 5.0


def test_arguments_reach_the_function() -> None:
    """`run` hands its arguments on and the result back."""

    async def double(value: int) -> int:
        return value * 2

    assert run(double, 21) == 42
