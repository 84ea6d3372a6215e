from __future__ import annotations

import asyncio
from typing import Any

import pytest

from genstage import Backoff, Consumer, Pipeline, Producer, ProducerConsumer, Restarts
from genstage.testing import END, Pause, Probe, ScriptedProducer, idle, run


class Diary:
    """Hooks that keep what happens and when."""

    diary: list[Any]
    failing = 0

    def note(self, what: str) -> None:
        """Keeps it with the time."""
        self.__dict__.setdefault("diary", []).append((what, asyncio.get_running_loop().time()))

    async def start(self) -> None:
        """Takes a second."""
        await asyncio.sleep(1)
        if self.failing:
            self.failing -= 1
            raise OSError("cannot start")
        self.note("start")

    async def stop(self, error: BaseException | None) -> None:
        """Takes a second."""
        await asyncio.sleep(1)
        self.note("stop" if error is None else f"stop: {error}")


class Living(Diary, Consumer[int]):
    """Handles an event in a second, fails on negative ones."""

    async def handle_event(self, event: int) -> None:
        """Takes a second."""
        self.note(f"begin {event}")
        await asyncio.sleep(1)
        if event < 0:
            raise OSError(f"event {event}")
        self.note(f"end {event}")


class Source(Diary, Producer[int]):
    """Two events, a failure, two events."""

    def __init__(self) -> None:
        self.at = 0

    def handle_demand(self, demand: int) -> list[int] | None:
        """The next one."""
        self.at += 1
        if self.at == 3:
            raise OSError("at 3")
        return [self.at] if self.at < 6 else None


class Middle(Diary, ProducerConsumer[int, int]):
    """Passes on."""

    def handle_events(self, events: list[int]) -> list[int]:
        """As they come."""
        return events


def test_nothing_is_handled_before_start_has_ended_and_stop_comes_last() -> None:
    """The block waits for stop."""

    async def scenario() -> tuple[list[Any], float]:
        async with Pipeline() as pipeline:
            living = pipeline.start(Living(), subscribe_to=pipeline.start(ScriptedProducer([7, END])))
        return living.diary, asyncio.get_running_loop().time()

    assert run(scenario) == ([("start", 1), ("begin 7", 1), ("end 7", 2), ("stop", 3)], 3)


def test_a_restart_lets_running_handlers_end_and_calls_both_hooks() -> None:
    """Between a failure and the next start nothing is begun; the other worker's call is finished."""

    async def scenario() -> list[Any]:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([-1, Pause(0.5), 2, Pause(1), 3, END]))
            living = pipeline.start(Living(), subscribe_to=producer, workers=2, restarts=Restarts())
        return living.diary

    assert run(scenario) == [
        ("start", 1),
        ("begin -1", 1),
        ("begin 2", 1),
        ("end 2", 2),
        ("stop: event -1", 3),
        ("start", 4),
        ("begin 3", 4),
        ("end 3", 5),
        ("stop", 6),
    ]


def test_a_producer_is_restarted_with_its_hooks() -> None:
    """Its subscriptions open again meanwhile, and are served when it has started."""

    async def scenario() -> tuple[list[Any], list[int]]:
        async with Pipeline(restarts=Restarts()) as pipeline:
            source = pipeline.start(Source())
            probe = pipeline.start(Probe(), subscribe_to=source, resubscribe=Backoff(first=0.5, jitter=0))
        return source.diary, probe.received

    diary, received = run(scenario)
    assert (diary, received) == ([("start", 1), ("stop: at 3", 2), ("start", 3), ("stop", 4)], [1, 2, 4, 5])


def test_a_producer_consumer_stops_when_its_results_are_out() -> None:
    """Its end is the end of its stream."""

    async def scenario() -> tuple[list[Any], list[int]]:
        async with Pipeline() as pipeline:
            middle = pipeline.start(Middle(), subscribe_to=pipeline.start(ScriptedProducer([1, 2, END])))
            edge = (probe := pipeline.start(Probe())).subscribe(middle, demand="manual")
            edge.ask(1)
            await asyncio.sleep(5)
            edge.ask(1)
        return middle.diary, probe.received

    assert run(scenario) == ([("start", 1), ("stop", 6)], [1, 2])


@pytest.mark.parametrize(("times", "survives"), [(2, True), (4, False)])
def test_a_start_that_fails_is_a_failure_like_others(times: int, survives: bool) -> None:
    """It is tried again within the limits; stop is not called for what did not start."""

    async def scenario() -> list[Any]:
        async with Pipeline(restarts=Restarts(3, 100)) as pipeline:
            living = Living()
            living.failing = times
            pipeline.start(living, subscribe_to=pipeline.start(ScriptedProducer([5, END])))
        return living.diary

    if survives:
        assert run(scenario) == [("start", 3), ("begin 5", 3), ("end 5", 4), ("stop", 5)]
    else:
        with pytest.raises(OSError, match="cannot start"):
            run(scenario)


@pytest.mark.parametrize("how", ["cancel", "fail"])
def test_stop_is_called_when_everything_breaks_off(how: str) -> None:
    """After the stage's own handlers have ended; the exception comes out all the same."""
    living = Living()

    class Careful(Living):
        async def handle_event(self, event: int) -> None:
            try:
                await asyncio.sleep(100)
            finally:
                await asyncio.sleep(1)
                self.note("cleaned up")

    living = Careful()

    async def scenario() -> None:
        async with asyncio.timeout(5 if how == "cancel" else None), Pipeline() as pipeline:
            pipeline.start(living, subscribe_to=pipeline.start(ScriptedProducer([1])))
            if how == "fail":
                await asyncio.sleep(5)
                raise OSError("cut")

    with pytest.raises(TimeoutError if how == "cancel" else OSError):
        run(scenario)
    assert living.diary == [("start", 1), ("cleaned up", 6), ("stop", 7)]


def test_what_stop_raises_comes_out() -> None:
    """It is an error like any other."""

    class Broken(Probe):
        def stop(self, error: BaseException | None) -> None:
            raise OSError("cannot stop")

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            pipeline.start(Broken(), subscribe_to=pipeline.start(ScriptedProducer([END])))

    with pytest.raises(OSError, match="cannot stop"):
        run(scenario)


def test_stopping_a_stage_waits_for_its_hook() -> None:
    """pipeline.stop() returns when stop has ended; a stage that is stopped while it starts is stopped after that."""

    async def scenario() -> list[Any]:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([1, 2]))
            living = pipeline.start(Living(), subscribe_to=producer)
            await idle()
            assert await pipeline.stop(living) == [1, 2]
            assert asyncio.get_running_loop().time() == 2
            await pipeline.drain()
        return living.diary

    assert run(scenario) == [("start", 1), ("stop", 2)]


def test_a_deadline_cuts_hooks_short() -> None:
    """A drain cancels a start or a stop that takes too long, and says so."""

    class Stuck(Probe):
        async def start(self) -> None:
            await asyncio.sleep(1000)

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            pipeline.start(Stuck(), subscribe_to=pipeline.start(ScriptedProducer([1])))
            await idle()
            assert not await pipeline.drain(deadline=3)
            assert asyncio.get_running_loop().time() == 3

    run(scenario)
