from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genstage import (
    Backoff,
    BroadcastDispatcher,
    Consumer,
    KeyedDispatcher,
    Pipeline,
    Producer,
    ProducerConsumer,
    Restarts,
    from_iterable,
)
from genstage.telemetry import (
    Asked,
    Delivered,
    Discarded,
    Failed,
    Handled,
    Produced,
    Retracted,
    StageEnded,
    StageRestarted,
    StageStarted,
    Subscribed,
    TelemetryEvent,
    Unsubscribed,
)
from genstage.testing import END, Fail, Pause, Probe, ScriptedProducer, VirtualClock, run, wait_until_idle

Scenario = Callable[[Pipeline], Coroutine[Any, Any, None]]


def heard(scenario: Scenario, **options: Any) -> list[TelemetryEvent]:
    """What a listener of a pipeline hears while the scenario runs and the block is left."""
    events: list[TelemetryEvent] = []

    async def main() -> None:
        async with Pipeline(clock=VirtualClock(), listener=events.append, **options) as pipeline:
            await scenario(pipeline)

    run(main)
    return events


def of(kind: type[TelemetryEvent], events: list[TelemetryEvent]) -> list[Any]:
    """Those of one kind."""
    return [event for event in events if isinstance(event, kind)]


class Slow(Consumer[int]):
    """Two seconds an event."""

    async def handle_event(self, event: int) -> None:
        """Waits."""
        await asyncio.sleep(2)


def test_a_listener_hears_of_everything_in_its_order() -> None:
    """From the start of the stages to their end, with what was asked, delivered, handled, and how long it took."""

    async def scenario(pipeline: Pipeline) -> None:
        producer = pipeline.start(ScriptedProducer([1, 2, END]), name="source")
        pipeline.start(Slow(), name="slow", subscribe_to=producer, max_demand=2, min_demand=0)

    assert heard(scenario) == [
        StageStarted(0.0, "source", 0),
        StageStarted(0.0, "slow", 1),
        Subscribed(0.0, "source", "slow", None, 0, 2),
        Asked(0.0, "source", "slow", None, 2, 2),
        Produced(0.0, "source", 2, 2, 0.0),
        Delivered(0.0, "source", "slow", None, 0, 2, 0),
        Handled(2.0, "slow", 1, 0.0, 2.0, 1, 1, 1),
        Handled(4.0, "slow", 1, 2.0, 2.0, 0, 1, 1),
        Asked(4.0, "source", "slow", None, 2, 2),
        Produced(4.0, "source", 2, 0, 0.0),
        Unsubscribed(4.0, "source", "slow", None, 0, "ended"),
        StageEnded(4.0, "source", 0, 2, 0),
        StageEnded(4.0, "slow", 2, 0, 0),
    ]


class Double(ProducerConsumer[int, int]):
    """Twice as much."""

    def handle_events(self, events: list[int]) -> list[int]:
        """A list for a list."""
        return [event * 2 for event in events]


def test_synchronous_handlers_are_watched_too() -> None:
    """Lists count as so many events; what a stage returned is what the next one gets."""

    async def scenario(pipeline: Pipeline) -> None:
        double = pipeline.start(Double(), subscribe_to=pipeline.start(from_iterable(range(5))), max_demand=4)
        pipeline.start(Probe(), subscribe_to=double)

    events = heard(scenario)
    assert [event.count for event in of(Handled, events) if event.stage == "Double"] == [2, 2, 1]
    assert sum(event.count for event in of(Delivered, events) if event.consumer == "Probe") == 5
    assert [event.count for event in of(Produced, events)] == [4, 1, 0]


def test_demand_that_is_taken_back_is_heard() -> None:
    """With what is left of it; an empty retraction is none."""

    async def scenario(pipeline: Pipeline) -> None:
        producer = pipeline.start(ScriptedProducer())
        edge = pipeline.start(Probe()).subscribe(producer, demand="manual")
        edge.ask(5)
        edge.retract(2)
        edge.retract()
        edge.retract()
        edge.cancel()
        await pipeline.drain()

    events = heard(scenario)
    assert [(event.count, event.outstanding) for event in of(Retracted, events)] == [(2, 3), (3, 0)]
    assert [event.reason for event in of(Unsubscribed, events)] == ["cancelled"]
    assert [event.max_demand for event in of(Subscribed, events)] == [0]


class Once(Consumer[int]):
    """Fails with one event."""

    def handle_event(self, event: int) -> None:
        """Handles the others."""
        if event == 2:
            raise OSError("two")


def test_failures_and_restarts_are_heard() -> None:
    """The failure with its events, then the restart with its number."""

    async def scenario(pipeline: Pipeline) -> None:
        pipeline.start(Once(), subscribe_to=pipeline.start(ScriptedProducer([1, 2, 3, END])))

    events = heard(scenario, restarts=Restarts())
    (failed,) = of(Failed, events)
    (restarted,) = of(StageRestarted, events)
    assert (failed.stage, str(failed.error), failed.count) == ("Once", "two", 1)
    assert (restarted.error, restarted.restarts) == (failed.error, 1)
    assert events.index(failed) < events.index(restarted)
    assert len(of(Handled, events)) == 2


def test_a_producers_failure_is_heard_and_so_is_its_return() -> None:
    """The subscription is over with the exception as its reason, and opens again."""

    async def scenario(pipeline: Pipeline) -> None:
        producer = pipeline.start(ScriptedProducer([1, Pause(1), Fail(OSError("cut")), 2, END]))
        pipeline.start(Probe(), subscribe_to=producer, resubscribe=Backoff(first=5, jitter=0))

    events = heard(scenario, restarts=Restarts())
    assert [str(event.reason) for event in of(Unsubscribed, events)] == ["cut", "ended"]
    assert [event.time for event in of(Subscribed, events)] == [0.0, 6.0]


def test_cancelled_handlers_are_no_failures() -> None:
    """What a deadline cuts short has neither been handled nor failed."""

    async def scenario(pipeline: Pipeline) -> None:
        pipeline.start(Slow(), subscribe_to=pipeline.start(ScriptedProducer([1])))
        await asyncio.sleep(1)
        await pipeline.drain(deadline=0)

    events = heard(scenario)
    assert of(Failed, events) == of(Handled, events) == []


class Lanes(Producer[str], dispatcher=KeyedDispatcher()):
    """As much as is asked for, a second later."""

    async def handle_demand(self, demand: dict[str, int]) -> dict[str, list[str]]:
        """The same for everybody."""
        await asyncio.sleep(1)
        return {lane: [lane] * count for lane, count in demand.items()}


def test_keys_and_discarded_events_are_heard() -> None:
    """What came for a key whose consumer has gone meanwhile is discarded, and its key named."""

    async def scenario(pipeline: Pipeline) -> None:
        lanes = pipeline.start(Lanes())
        probe = pipeline.start(Probe())
        kept = probe.subscribe(lanes, key="kept", demand="manual")
        gone = probe.subscribe(lanes, key="gone", demand="manual", cancel="temporary")
        kept.ask(2)
        gone.ask(3)
        await asyncio.sleep(0.5)
        gone.cancel()
        await asyncio.sleep(1)
        await pipeline.drain()

    events = heard(scenario)
    assert [(event.key, event.count) for event in of(Discarded, events)] == [("gone", 3)]
    assert [(event.key, event.count) for event in of(Delivered, events)] == [("kept", 2)]
    assert [(event.demand, event.count) for event in of(Produced, events)] == [(5, 5)]


class Loud(Producer[int], dispatcher=BroadcastDispatcher()):
    """Says what it is told to say."""

    def handle_demand(self, demand: int) -> list[int]:
        """Nothing by itself."""
        return []


def test_what_is_pushed_is_heard_with_what_is_buffered() -> None:
    """What is delivered of it, and what waits behind it."""

    async def scenario(pipeline: Pipeline) -> None:
        loud = pipeline.start(Loud())
        edge = pipeline.start(Probe()).subscribe(loud, demand="manual")
        edge.ask(1)
        loud.push([1, 2, 3])
        await wait_until_idle()
        await pipeline.drain()

    assert [(event.count, event.buffered) for event in of(Delivered, heard(scenario))] == [(1, 2)]


def test_stats_measure_the_times_if_somebody_listens() -> None:
    """Seconds that events waited, and that handlers ran; without a listener they are None."""

    async def scenario(pipeline: Pipeline) -> tuple[float | None, float | None]:
        pipeline.start(Slow(), subscribe_to=pipeline.start(ScriptedProducer([1, 2, 3])), workers=1)
        await asyncio.sleep(100)
        stats = pipeline.stats().stages[1]
        await pipeline.drain()
        return stats.waited, stats.took

    async def main(listener: Callable[[TelemetryEvent], None] | None) -> tuple[float | None, float | None]:
        async with Pipeline(clock=VirtualClock(), listener=listener) as pipeline:
            return await scenario(pipeline)

    assert run(main, lambda _: None) == (0 + 2 + 4, 6.0)
    assert run(main, None) == (None, None)


def test_an_error_of_the_listener_comes_out() -> None:
    """It is code of the user's, and does not fail in silence."""

    def listener(event: TelemetryEvent) -> None:
        if isinstance(event, Handled):
            raise ValueError("cannot listen")  # noqa: TRY004 - nothing is wrong with the event

    async def main() -> None:
        async with Pipeline(listener=listener) as pipeline:
            pipeline.start(Probe(), subscribe_to=pipeline.start(from_iterable([1])))

    with pytest.raises(ValueError, match="cannot listen"):
        run(main)


@given(
    script=st.lists(st.integers(0, 9) | st.builds(Pause, st.integers(1, 3)), max_size=30),
    max_demand=st.integers(1, 8),
    workers=st.integers(1, 3),
    forget=st.booleans(),
)
def test_what_is_heard_adds_up(script: list[Any], max_demand: int, workers: int, *, forget: bool) -> None:
    """On every subscription: asked = delivered + retracted + outstanding; what was delivered was handled, or given back by a stop."""
    left: list[Any] = []

    async def scenario(pipeline: Pipeline) -> None:
        producer = pipeline.start(ScriptedProducer([*script, END]))
        slow = pipeline.start(Slow(), subscribe_to=producer, workers=workers, max_demand=max_demand)
        if forget:
            await asyncio.sleep(3)
            left.extend(await pipeline.stop(slow))
            await pipeline.drain()

    events = heard(scenario)
    asked = sum(event.count for event in of(Asked, events))
    delivered = sum(event.count for event in of(Delivered, events))
    assert asked >= delivered
    if not forget:
        assert delivered == len([step for step in script if not isinstance(step, Pause)])
    assert sum(event.count for event in of(Handled, events)) == delivered - len(left)
    assert all(event.waited >= 0 for event in of(Handled, events))
    assert len(of(StageEnded, events)) == 2
    assert type(events[-1]) is StageEnded
