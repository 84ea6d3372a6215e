from __future__ import annotations

import asyncio
from typing import Any

import pytest

from genstage import Consumer, Pipeline, ProducerConsumer, Restarts
from genstage.testing import END, Probe, ScriptedProducer, run


class Sleeper(Consumer[float]):
    """Sleeps so many seconds."""

    def __init__(self) -> None:
        self.done: list[float] = []

    async def handle_event(self, event: float) -> None:
        """Sleeps."""
        await asyncio.sleep(event)
        self.done.append(event)


class Buried(Sleeper):
    """Keeps what failed."""

    def __init__(self) -> None:
        super().__init__()
        self.dead: list[tuple[list[Any], str]] = []

    def handle_failed(self, events: list[Any], error: Exception) -> None:
        """A dead letter."""
        self.dead.append((events, str(error)))


class SlowlyBuried(Buried):
    """The same, asynchronously."""

    async def handle_failed(self, events: list[Any], error: Exception) -> None:  # type: ignore[override]  # the same hook in the other colour
        """A dead letter by slow post."""
        await asyncio.sleep(1)
        super().handle_failed(events, error)


def test_a_handler_that_takes_too_long_has_failed() -> None:
    """Each event has its own time; the error names the stage and the limit."""

    async def scenario() -> None:
        async with Pipeline(restarts=Restarts(0)) as pipeline:
            producer = pipeline.start(ScriptedProducer([2.0, 2.0, 4.0, END]))
            pipeline.start(Sleeper(), subscribe_to=producer, timeout=3, name="sleeper")

    with pytest.raises(TimeoutError, match=r"a handler of sleeper took longer than its 3 seconds"):
        run(scenario)


def test_a_time_limit_and_restarts_cost_the_event_alone() -> None:
    """With workers the others are not touched; the demand returns."""

    async def scenario() -> tuple[list[float], float]:
        async with Pipeline(restarts=Restarts()) as pipeline:
            producer = pipeline.start(ScriptedProducer([9.0, 2.0, 2.0, 2.0, END]))
            sleeper = pipeline.start(Sleeper(), subscribe_to=producer, timeout=3, workers=2, max_demand=2, min_demand=1)
        return sleeper.done, asyncio.get_running_loop().time()

    assert run(scenario) == ([2, 2, 2], 5)


def test_a_timeout_of_the_handlers_own_is_left_alone() -> None:
    """Only the stage's limit is named as such."""

    class Own(Consumer[int]):
        async def handle_event(self, event: int) -> None:
            raise TimeoutError("mine")

    async def scenario() -> None:
        async with Pipeline(restarts=Restarts(0)) as pipeline:
            pipeline.start(Own(), subscribe_to=pipeline.start(ScriptedProducer([1, END])), timeout=3)

    with pytest.raises(TimeoutError, match="mine"):
        run(scenario)


@pytest.mark.parametrize("kind", [Buried, SlowlyBuried])
def test_handle_failed_deals_with_a_failure(kind: type[Buried]) -> None:
    """It gets the events and the exception; nothing is restarted, the demand returns."""

    async def scenario() -> tuple[Buried, int]:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([1.0, 9.0, 2.0, END]))
            buried = pipeline.start(kind(), subscribe_to=producer, timeout=3, max_demand=1)
        return buried, buried.restarts

    buried, restarts = run(scenario)
    assert (buried.done, restarts) == ([1, 2], 0)
    assert buried.dead == [([9], f"a handler of {kind.__name__} took longer than its 3 seconds")]


class Refusing(Consumer[int]):
    """Fails on odd lists, in the one colour or the other."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []

    def handle_events(self, events: list[int]) -> None:
        """Fails."""
        if events[0] % 2:
            raise OSError(f"odd {events}")
        self.seen.append(events)

    def handle_failed(self, events: list[int], error: Exception) -> None:
        """Deals with some."""
        self.seen.append([-event for event in events])
        if events[0] == 5:
            raise LookupError("even I") from error


def test_handle_failed_of_a_sync_handler() -> None:
    """It deals with failures too; what it raises itself is the failure then."""
    refusing = Refusing()

    async def scenario(limits: Restarts) -> None:
        async with Pipeline(restarts=limits) as pipeline:
            producer = pipeline.start(ScriptedProducer([1, 2, 3, 4, 5, 6, END]))
            pipeline.start(refusing, subscribe_to=producer, max_demand=2, min_demand=0)

    with pytest.raises(LookupError, match="even I"):
        run(scenario, Restarts(0))
    assert refusing.seen == [[-1, -2], [-3, -4], [-5, -6]]
    refusing = Refusing()
    run(scenario, Restarts())
    assert (refusing.restarts, refusing.seen[-1]) == (1, [-5, -6])


def test_a_producer_consumer_deals_with_failures_too() -> None:
    """The others' results are given."""

    class Roots(ProducerConsumer[int, float]):
        def handle_events(self, events: list[int]) -> list[float]:
            return [1 / event for event in events]

        async def handle_failed(self, events: list[int], error: Exception) -> None:
            await asyncio.sleep(1)

    async def scenario() -> list[float]:
        async with Pipeline() as pipeline:
            roots = pipeline.start(Roots(), subscribe_to=pipeline.start(ScriptedProducer([1, 0, 2, END])), max_demand=1)
            probe = pipeline.start(Probe(), subscribe_to=roots)
        return probe.received

    assert run(scenario) == [1, 0.5]
