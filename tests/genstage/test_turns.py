from __future__ import annotations

import asyncio
from typing import Any

import pytest

from genstage import Consumer, Pipeline, Producer, ProducerConsumer, Restarts
from genstage.testing import END, Probe, ScriptedProducer, idle, run
from genstage.turns import Turns


class Numbers(Producer[int]):
    """The numbers up to an end, without waiting."""

    def __init__(self, end: int) -> None:
        self.at, self.end = 0, end

    def handle_demand(self, demand: int) -> list[int] | None:
        """The next ones."""
        first, self.at = self.at, min(self.at + demand, self.end)
        return list(range(first, self.at)) or None


class Step(ProducerConsumer[int, int]):
    """Adds one."""

    depth = 0

    def handle_events(self, events: list[int]) -> list[int]:
        """One more each."""
        return [event + 1 for event in events]


def test_a_long_chain_needs_no_deep_stack() -> None:
    """Three hundred stages hand on without a task and without recursion."""

    async def scenario() -> tuple[list[int], int]:
        async with Pipeline() as pipeline:
            stage: Any = pipeline.start(Numbers(10))
            for _ in range(300):
                stage = pipeline.start(Step(), subscribe_to=stage, max_demand=2)
            probe = pipeline.start(Probe(), subscribe_to=stage)
            tasks = len(asyncio.all_tasks())
        return probe.received, tasks

    assert run(scenario) == (list(range(300, 310)), 1)


def test_an_endless_sync_pipeline_lets_others_run() -> None:
    """Every so many handler calls the event loop gets its turn."""

    class Endless(Producer[int]):
        def handle_demand(self, demand: int) -> list[int]:
            return [0] * demand

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            probe = pipeline.start(Probe(), subscribe_to=pipeline.start(Endless()), max_demand=1)
            for _ in range(10):
                await asyncio.sleep(0)
            assert 10 < len(probe.received) < 10_000
            assert await pipeline.drain()

    run(scenario)


def test_an_error_belongs_to_the_stage_whose_handler_raised_it() -> None:
    """However far down within the turn of another one; its traceback begins at its own stage."""

    class Broken(Consumer[int]):
        def handle_events(self, events: list[int]) -> None:
            raise OSError("mine")

    async def scenario() -> None:
        async with Pipeline(restarts=Restarts(0)) as pipeline:
            step = pipeline.start(Step(), subscribe_to=pipeline.start(Numbers(3)))
            pipeline.start(Broken(), subscribe_to=step)

    with pytest.raises(OSError, match="mine") as caught:
        run(scenario)
    frames = [entry.name for entry in caught.traceback]
    assert "emit" not in frames


def test_what_a_handler_pushes_is_not_handled_within_it() -> None:
    """Only what a handler has returned is handed on at once: no handler runs inside another one."""
    depth: list[str] = []

    class Side(Producer[int]):
        def handle_demand(self, demand: int) -> list[int]:
            return []

    class Nested(Consumer[int]):
        def __init__(self, side: Side | None) -> None:
            self.side = side

        def handle_events(self, events: list[int]) -> None:
            depth.append(f"in {self.name}")
            if self.side is not None:
                self.side.push(events)
            depth.append(f"out {self.name}")

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            side = pipeline.start(Side())
            pipeline.start(Nested(None), subscribe_to=side, name="inner")
            pipeline.start(Nested(side), subscribe_to=pipeline.start(Numbers(1)), name="outer")
            await idle()
            await pipeline.drain()

    run(scenario)
    assert depth == ["in outer", "out outer", "in inner", "out inner"]


def test_a_consumer_may_cancel_within_the_turn_of_its_producer() -> None:
    """What it was given is handled; the rest stays with the producer."""

    class Once(Probe):
        def handle_events(self, events: list[int]) -> None:
            super().handle_events(events)
            next(iter(self.inlet.edges)).cancel()

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            step = pipeline.start(Step(), subscribe_to=pipeline.start(Numbers(10)), max_demand=2)
            once = pipeline.start(Once(), subscribe_to=step, max_demand=2, min_demand=1)
            await idle()
            assert (once.received, [stage.name for stage in pipeline.stats().stages]) == ([1], ["Numbers", "Step"])
            probe = pipeline.start(Probe(), subscribe_to=step)
        assert probe.received == list(range(2, 11))

    run(scenario)


def test_a_sync_stage_behind_an_async_one_needs_no_task() -> None:
    """Whoever brings the events, turns serve it."""

    async def scenario() -> tuple[list[int], int]:
        async with Pipeline() as pipeline:
            step = pipeline.start(Step(), subscribe_to=pipeline.start(ScriptedProducer([*range(5), END])), max_demand=2)
            probe = pipeline.start(Probe(), subscribe_to=step)
            await idle()
            tasks = len(step.inlet.tasks) + len(probe.inlet.tasks)
        return probe.received, tasks

    assert run(scenario) == ([1, 2, 3, 4, 5], 0)


def test_after_the_break_only_those_who_waited_get_their_turn() -> None:
    """Nobody new is served."""
    served: list[str] = []
    turns = Turns()

    class Part:
        def __init__(self, name: str) -> None:
            self.name = name

        def turn(self) -> int:
            served.append(self.name)
            turns.stop()
            turns.put(Part("late"))
            return 1

    async def scenario() -> None:
        turns.put(Part("first"))
        turns.put(Part("second"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    run(scenario)
    assert served == ["first", "second"]
