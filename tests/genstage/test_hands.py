"""Calls that are begun in the time of the task that brings the events, in the name of the worker's own task."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import pytest

from genstage import Consumer, Pipeline, Producer, ProducerConsumer, Restarts
from genstage.testing import run

Doing = Callable[[list[int]], Awaitable[Any]]


class Numbers(Producer[int]):
    """Gives one list of two at a time, asynchronously, so that a task brings it; every so many seconds, so that workers sleep by then."""

    def __init__(self, end: int = 6, seconds: float = 10) -> None:
        self.at, self.end, self.seconds = 0, end, seconds

    async def handle_demand(self, demand: int) -> list[int] | None:
        """The next ones."""
        if self.seconds:
            await asyncio.sleep(self.seconds)
        first, self.at = self.at, self.at + 2
        return [first, first + 1] if first < self.end else None


class Doer(Consumer[int]):
    """Does something with each list."""

    def __init__(self, do: Doing) -> None:
        self.do = do
        self.ended: list[int] = []

    async def handle_events(self, events: list[int]) -> None:
        """Does it."""
        await self.do(events)
        self.ended += events


class Twice(ProducerConsumer[int, int]):
    """Twice as much, without waiting for anything."""

    async def handle_events(self, events: list[int]) -> list[int]:
        """A list for a list."""
        return [2 * event for event in events]


def through(do: Doing, **settings: Any) -> Doer:
    """What a consumer has handled that gets its events from the task of an asynchronous producer."""
    doer = Doer(do)

    async def scenario() -> None:
        async with Pipeline(restarts=settings.pop("restarts", Restarts(0))) as pipeline:
            pipeline.start(doer, subscribe_to=pipeline.start(Numbers(), name="giver"), max_demand=4, name="taker", **settings)

    run(scenario)
    return doer


def test_a_call_runs_in_the_name_of_its_own_task() -> None:
    """Whoever lends it its time, before and after it has awaited something."""
    names: list[str] = []

    async def do(_: list[int]) -> None:
        tasks = []
        for _step in range(2):
            task = asyncio.current_task()
            assert task is not None
            names.append(task.get_name())
            tasks.append(task)
            await asyncio.sleep(1)
        assert tasks[0] is tasks[1]

    assert through(do).ended == list(range(6))
    assert names == ["taker"] * 6


def test_what_awaits_nothing_costs_no_trip_through_the_loop() -> None:
    """Three asynchronous stages in one step of the loop, list after list; and others on the loop get their turn all the same."""
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    async def do(_: list[int]) -> None:
        """Nothing."""

    async def scenario() -> int:
        ticking = asyncio.create_task(tick())
        async with Pipeline() as pipeline:
            twice = pipeline.start(Twice(), subscribe_to=pipeline.start(Numbers(40_000, 0)), max_demand=4)
            doer = pipeline.start(Doer(do), subscribe_to=twice, max_demand=4)
        ticking.cancel()
        return len(doer.ended)

    assert run(scenario) == 40_000
    assert 50 < ticks < 500


def test_time_limits_hold_from_the_first_step_on() -> None:
    """Those of the handler's own, and the stage's."""

    async def do(_: list[int]) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await asyncio.sleep(5)

    assert through(do).ended == list(range(6))
    with pytest.raises(TimeoutError, match="a handler of taker took longer than its 2 seconds"):
        through(lambda _: asyncio.sleep(5), timeout=2)


def test_task_groups_hold_from_the_first_step_on() -> None:
    """A child's failure cancels the call that waits for it, and nobody else."""

    async def fail() -> None:
        await asyncio.sleep(1)
        raise OSError("child")

    async def do(_: list[int]) -> None:
        with pytest.raises(ExceptionGroup):  # noqa: PT012 - the group as a whole is what raises
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                await asyncio.sleep(5)

    assert through(do).ended == list(range(6))


def test_a_context_is_the_workers_own() -> None:
    """What a call sets is seen by the rest of it, and by nobody who lent it time."""
    variable = ContextVar("variable", default=0)

    class Watching(Numbers):
        async def handle_demand(self, demand: int) -> list[int] | None:
            assert variable.get() == 0
            return await super().handle_demand(demand)

    async def do(events: list[int]) -> None:
        variable.set(events[0] + 1)
        await asyncio.sleep(1)
        assert variable.get() == events[0] + 1

    async def scenario() -> list[int]:
        async with Pipeline() as pipeline:
            doer = pipeline.start(Doer(do), subscribe_to=pipeline.start(Watching()), max_demand=4)
        return doer.ended

    assert run(scenario) == list(range(6))


def test_a_future_may_be_awaited_by_several_calls() -> None:
    """Two that are begun in the same step of their giver."""
    shared: list[asyncio.Future[None]] = []

    class Fours(Numbers):
        async def handle_demand(self, demand: int) -> list[int] | None:
            some = await super().handle_demand(demand)
            return None if some is None else some * 2

    async def do(_: list[int]) -> None:
        if not shared or shared[0].done():
            shared[:] = [asyncio.get_running_loop().create_future()]
            asyncio.get_running_loop().call_later(1, shared[0].set_result, None)
        await shared[0]

    async def scenario() -> tuple[list[int], float]:
        async with Pipeline(restarts=Restarts(0)) as pipeline:
            doer = pipeline.start(Doer(do), subscribe_to=pipeline.start(Fours()), max_demand=4, workers=2)
        return sorted(doer.ended), asyncio.get_running_loop().time()

    assert run(scenario) == (sorted(list(range(6)) * 2), 43)


@pytest.mark.parametrize("after", [0, 1])
def test_a_failure_is_the_workers(after: int) -> None:
    """In the first step or later: the stage is restarted, or its error comes out, and its giver is not touched."""

    async def do(events: list[int]) -> None:
        if after:
            await asyncio.sleep(after)
        if 2 in events:
            raise OSError("mine")

    assert through(do, restarts=Restarts()).ended == [0, 1, 4, 5]
    with pytest.raises(OSError, match="mine"):
        through(do)


@pytest.mark.parametrize("later", range(5))
def test_every_failure_is_told(later: int) -> None:
    """Also if an earlier one has cancelled the task that was to raise it, some steps of the loop later."""
    failed = 0

    class Late(Numbers):
        async def handle_demand(self, demand: int) -> list[int] | None:
            answer = await super().handle_demand(demand)
            for _ in range(later):
                await asyncio.sleep(0)
            return answer

    async def do(events: list[int]) -> None:
        nonlocal failed
        if 2 in events:
            failed += 1
            raise OSError("mine")

    async def scenario() -> None:
        async with Pipeline(restarts=Restarts(0)) as pipeline:
            for kind in (Numbers, Late):
                pipeline.start(Doer(do), subscribe_to=pipeline.start(kind()), max_demand=2)

    with pytest.raises((OSError, ExceptionGroup)) as caught:
        run(scenario)
    errors = caught.value.exceptions if isinstance(caught.value, ExceptionGroup) else [caught.value]
    assert [str(error) for error in errors] == ["mine"] * failed


def test_a_cancellation_reaches_a_call_that_was_only_begun() -> None:
    """It is thrown where the call stands, so that it can clean up."""
    cleaned: list[int] = []

    async def do(events: list[int]) -> None:
        task = asyncio.current_task()
        assert task is not None
        if events[0]:
            task.cancel()  # as a time limit does that is over at once
        try:
            await asyncio.sleep(5 if events[0] else 0)
        except asyncio.CancelledError:
            task.uncancel()
            cleaned.append(events[0])

    assert through(do).ended == list(range(6))
    assert cleaned == [2, 4]


def test_a_drain_finds_nobody_between_two_calls() -> None:
    """A call that stops its own giver, or its whole pipeline's demand, ends as usual; what was not begun is told."""

    async def scenario() -> tuple[list[int], list[int]]:
        async with Pipeline() as pipeline:
            numbers = pipeline.start(Numbers(1000))

            async def do(events: list[int]) -> None:
                if events[0] == 4:
                    await pipeline.stop(numbers)

            doer = pipeline.start(Doer(do), subscribe_to=numbers, max_demand=4)
        return doer.ended, [numbers.at]

    ended, (at,) = run(scenario)
    assert ended == list(range(at))
    assert at >= 6
