from __future__ import annotations

import asyncio

import pytest

from genstage import Pipeline
from genstage.flow.stages import AsyncStage, ChainStage, OrderedAsyncStage, ThrottleStage
from genstage.flow.steps import Chain, Map, Step, Take
from genstage.flow.windows import Gather, Lists, Window
from genstage.testing import END, Pause, Probe, ScriptedProducer, idle, run


class Times(Probe):
    """Keeps when lists came as well."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def handle_events(self, events: list[int]) -> None:
        """Keeps both."""
        super().handle_events(events)
        self.times.append(asyncio.get_running_loop().time())


async def through(*steps: Step, script: list[object], timed: bool = False, max_demand: int = 1000) -> tuple[list[object], list[float]]:
    """What comes out of a chain, and when."""
    async with Pipeline() as pipeline:
        producer = pipeline.start(ScriptedProducer(script))
        chain = pipeline.start(ChainStage(Chain(steps), timed=timed), subscribe_to=producer)
        probe = pipeline.start(Times(), subscribe_to=chain, max_demand=max_demand)
    return probe.received, probe.times


def test_a_window_closes_in_time_without_an_event() -> None:
    """The alarm rings so long after the window's first event, and again for the next window."""

    async def scenario() -> tuple[list[object], list[float]]:
        script = [1, Pause(1), 2, Pause(10), 3, Pause(10), END]
        return await through(Gather(Lists(), Window(seconds=5)), script=script, timed=True)

    assert run(scenario) == ([[1, 2], [3]], [5.0, 16.0])


def test_a_window_that_is_full_closes_before_its_time() -> None:
    """Its alarm does not ring for the next one."""

    async def scenario() -> tuple[list[object], list[float]]:
        script = [1, Pause(3), 2, Pause(1), 3, Pause(10), END]
        return await through(Gather(Lists(), Window(count=2, seconds=5)), script=script, timed=True)

    assert run(scenario) == ([[1, 2], [3]], [3.0, 9.0])


def test_a_step_that_fails_in_time_comes_out() -> None:
    """What goes wrong when the alarm rings is the pipeline's failure, as in a handler."""

    async def scenario() -> None:
        def fail(_: object) -> object:
            raise ValueError("bad window")

        await through(Gather(Lists(), Window(seconds=5)), Map(fail), script=[1, Pause(60), END], timed=True)

    with pytest.raises(ValueError, match="bad window"):
        run(scenario)


def test_a_satisfied_chain_ends_its_stage() -> None:
    """It cancels what it subscribes to, forgets what waits, and its stream ends."""
    producer = ScriptedProducer(range(1000))

    async def scenario() -> tuple[list[int], int]:
        async with Pipeline() as pipeline:
            pipeline.start(producer)
            chain = pipeline.start(ChainStage(Chain([Take(3)]), timed=False), subscribe_to=producer, max_demand=10)
            probe = pipeline.start(Probe(), subscribe_to=chain)
            await idle()
            edges = len(pipeline.stats().edges)
            await pipeline.drain()
        return probe.received, edges

    assert run(scenario) == ([0, 1, 2], 0)


def test_a_timed_chain_is_drained_and_aborted() -> None:
    """Its waiting task keeps no pipeline open, neither after a drain nor after a deadline."""

    async def scenario(deadline: float) -> list[object]:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([1, 2]))
            chain = pipeline.start(ChainStage(Chain([Gather(Lists(), Window(seconds=50))]), timed=True), subscribe_to=producer)
            probe = pipeline.start(Probe(), subscribe_to=chain)
            await asyncio.sleep(1)
            await pipeline.drain(deadline=deadline)
        return probe.received

    assert run(scenario, 10.0) == [[1, 2]]
    assert run(scenario, 0.0) == []


class Desk:
    """An asynchronous function that counts how many of it run."""

    def __init__(self, seconds: dict[int, float]) -> None:
        self.seconds = seconds
        self.running = 0
        self.most = 0
        self.begun: list[int] = []

    async def __call__(self, event: int) -> int:
        """Runs a while."""
        self.begun.append(event)
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(self.seconds.get(event, 1.0))
        self.running -= 1
        return event


async def called(stage: AsyncStage | OrderedAsyncStage, count: int, workers: int) -> tuple[list[int], float]:
    """What comes out of a stage that calls, and when the last came."""
    async with Pipeline() as pipeline:
        producer = pipeline.start(ScriptedProducer([*range(count), END]))
        pipeline.start(stage, subscribe_to=producer, workers=workers, max_demand=2 * workers)
        probe = pipeline.start(Probe(), subscribe_to=stage)
    return probe.received, asyncio.get_running_loop().time()


def test_results_come_as_they_are_ready() -> None:
    """A slow call holds nobody up; so many run at once and no more."""
    desk = Desk({0: 3.0})
    assert run(called, AsyncStage(desk), 6, 2) == ([1, 2, 0, 3, 4, 5], 4.0)
    assert desk.most == 2


def test_results_come_in_order() -> None:
    """A slow call holds up the results behind it, and never more than the workers' are held."""
    desk = Desk({0: 5.0})
    assert run(called, OrderedAsyncStage(desk), 6, 3) == ([0, 1, 2, 3, 4, 5], 6.0)
    assert desk.most == 3
    assert desk.begun == [0, 1, 2, 3, 4, 5]


def test_a_throttle_lets_so_many_pass_a_second() -> None:
    """The first list passes at once, the others at the rate; time without events is not saved up."""

    async def scenario() -> list[float]:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([1, 2, 3, 4, Pause(10), 5, 6, END]))
            throttle = pipeline.start(ThrottleStage(2.0), subscribe_to=producer, max_demand=2, min_demand=0)
            times = pipeline.start(Times(), subscribe_to=throttle)
        return times.times

    assert run(scenario) == [0.0, 1.0, 11.0]
