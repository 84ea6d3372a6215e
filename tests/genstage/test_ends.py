from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Any

import pytest

from genstage import (
    BroadcastDispatcher,
    DemandDispatcher,
    ExcessError,
    KeyedDispatcher,
    PartitionDispatcher,
    Pipeline,
    Producer,
    ProducerConsumer,
    StateError,
    Subscription,
    SubscriptionError,
)
from genstage.testing import END, Probe, ScriptedProducer, idle, run


class Clicks(Producer[Any], dispatcher=DemandDispatcher(buffer_size=3)):
    """Gives only what is pushed; keeps what nobody gets."""

    poll_interval = None

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.gone: list[tuple[Hashable, list[Any]]] = []

    def handle_demand(self, demand: Any) -> Any:
        """Nothing of itself."""
        self.asked.append(demand)
        return {} if isinstance(demand, dict) else []

    def handle_discarded(self, key: Hashable, events: list[Any]) -> None:
        """Keeps them."""
        self.gone.append((key, events))


class First(Clicks):
    """The oldest survive."""

    buffer_keep = "first"


class Last(Clicks):
    """The newest survive."""

    buffer_keep = "last"


def test_what_is_pushed_goes_to_whoever_has_demand_and_else_into_the_buffer() -> None:
    """The buffer is served before the producer is asked; it is asked only for what is not covered."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            clicks = pipeline.start(Clicks())
            clicks.push([1, 2, 3])
            assert clicks.estimate_buffered_count() == 3
            probe = pipeline.start(Probe())
            edge = probe.subscribe(clicks, demand="manual")
            edge.ask(2)
            await idle()
            assert (probe.received, clicks.asked, edge.outstanding) == ([1, 2], [], 0)
            edge.ask(4)
            await idle()
            assert (probe.received, clicks.asked, edge.outstanding) == ([1, 2, 3], [3], 3)
            clicks.push([4])
            await idle()
            assert (probe.received, edge.outstanding, clicks.estimate_buffered_count()) == ([1, 2, 3, 4], 2, 0)
            await pipeline.drain()

    run(scenario)


@pytest.mark.parametrize(("kind", "kept", "gone"), [(First, [1, 2, 3], [4, 5]), (Last, [3, 4, 5], [1, 2])])
def test_a_full_buffer_keeps_one_end_and_tells_of_the_other(kind: type[Clicks], kept: list[int], gone: list[int]) -> None:
    """The hook gets what was dropped, each time; the stats count it."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            clicks = pipeline.start(kind())
            for event in range(1, 6):
                clicks.push([event])
            assert (clicks.gone, pipeline.stats().stages[0].discarded) == ([(None, [event]) for event in gone], 2)
            probe = pipeline.start(Probe(), subscribe_to=clicks)
            await idle()
            assert probe.received == kept
            clicks.push([6] * 5000)  # a thousand and more are outstanding
            await idle()
            assert len(probe.received) == 5003 - len([event for _, events in clicks.gone[2:] for event in events])
            await pipeline.drain()

    run(scenario)


def test_a_full_buffer_is_an_error_if_nothing_may_be_dropped() -> None:
    """None of the push is taken; what was there stays."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            clicks = pipeline.start(Clicks())
            clicks.push([1, 2])
            with pytest.raises(ExcessError, match="pushed 1 events for which there is neither demand nor room"):
                clicks.push([3, 4])
            assert clicks.estimate_buffered_count() == 2
            await pipeline.drain()
            with pytest.raises(StateError, match="has ended"):
                clicks.push([5])
        with pytest.raises(StateError, match="has not been started"):
            Clicks().push([1])

    run(scenario)


def test_a_push_while_the_handler_waits_answers_nothing() -> None:
    """What the handler brings later was asked for, and is buffered where the push took its place."""

    class Slow(Clicks, dispatcher=DemandDispatcher(buffer_size=0)):
        async def handle_demand(self, demand: int) -> list[int]:
            await asyncio.sleep(1)
            return list(range(demand)) if not self.gone else []

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            slow = pipeline.start(Slow())
            probe = pipeline.start(Probe())
            edge = probe.subscribe(slow, demand="manual")
            edge.ask(3)
            await idle()
            slow.push([7, 8])
            await asyncio.sleep(1.5)
            assert (probe.received, slow.estimate_buffered_count()) == ([7, 8, 0], 2)
            await pipeline.stop(probe)
            await pipeline.drain()

    run(scenario)


@pytest.mark.parametrize(
    ("dispatcher", "terms", "pushed", "first", "last"),
    [
        (KeyedDispatcher(buffer_size=2), {"key": "a"}, {"a": [1, 2, 3]}, [1, 2], [2, 3]),
        (BroadcastDispatcher(buffer_size=2), {}, [1, 2, 3], [1, 2], [2, 3]),
        (PartitionDispatcher(2, buffer_size=2), {"partition": 0}, [2, 4, 1, 6], [2, 4], [4, 6]),
    ],
)
@pytest.mark.parametrize("keep", ["first", "last", None])
def test_other_dispatchers_keep_their_ends_too(  # noqa: PLR0917 - a table
    dispatcher: Any, terms: dict[str, Any], pushed: Any, first: list[int], last: list[int], keep: Any
) -> None:
    """Each key, partition or subscription has a buffer of that size."""

    class Other(Clicks, dispatcher=dispatcher):
        buffer_keep = keep

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            other = pipeline.start(Other())
            probe = pipeline.start(Probe())
            edge = probe.subscribe(other, demand="manual", cancel="temporary", **terms)
            edge.ask(1)
            edge.retract()
            if keep is None:
                with pytest.raises(ExcessError):
                    other.push(pushed)
            else:
                other.push(pushed)
                edge.ask(3)
                await idle()
                assert probe.received == (first if keep == "first" else last)
            await pipeline.drain()

    run(scenario)


class Refusing(Clicks):
    """Serves nobody who wants much."""

    def handle_subscribe(self, other: str, subscription: Subscription) -> None:
        """Refuses some."""
        if subscription.max_demand > 10:
            raise SubscriptionError("too much for me")


class Shy(Probe):
    """Takes nothing back."""

    def handle_subscribe(self, other: str, subscription: Subscription) -> None:
        """Refuses all."""
        raise SubscriptionError("not me")


def test_either_end_may_refuse_a_subscription() -> None:
    """The error is raised at the subscriber, and nothing has changed."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            refusing = pipeline.start(Refusing())
            probe, shy = pipeline.start(Probe()), pipeline.start(Shy())
            with pytest.raises(SubscriptionError, match="too much for me"):
                probe.subscribe(refusing)
            with pytest.raises(SubscriptionError, match="not me"):
                shy.subscribe(refusing, max_demand=5)
            assert (refusing.outlet.edges, refusing.outlet.dispatcher.wanted, refusing.asked) == ({}, 0, [])
            edge = probe.subscribe(refusing, max_demand=5)
            await idle()
            assert (edge.outstanding, refusing.asked) == (5, [5])
            await pipeline.drain()

    run(scenario)


def test_both_ends_hear_of_subscriptions() -> None:
    """Each is told what the other one is, and why it is over."""
    heard: list[tuple[str, str, Any]] = []

    class Ear(ProducerConsumer[int, int]):
        def handle_events(self, events: list[int]) -> list[int]:
            return events

        def handle_subscribe(self, other: str, subscription: Subscription) -> None:
            heard.append(("+", other, subscription.max_demand))

        def handle_cancel(self, other: str, subscription: Subscription) -> None:
            heard.append(("-", other, subscription.reason))

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([1]))
            ear = pipeline.start(Ear(), subscribe_to=producer, max_demand=3)
            edge = pipeline.start(Probe()).subscribe(ear, max_demand=4, cancel="temporary")
            await idle()
            edge.cancel()
            pipeline.start(Probe(), subscribe_to=ear, max_demand=5)
            producer.add(END)

    run(scenario)
    assert heard == [
        ("+", "producer", 3),
        ("+", "consumer", 4),
        ("-", "consumer", "cancelled"),
        ("+", "consumer", 5),
        ("-", "producer", "ended"),
        ("-", "consumer", "ended"),
    ]


def test_a_stage_may_subscribe_to_several_at_its_start() -> None:
    """On the same terms, each with its own demand; it ends with the last."""

    async def scenario() -> list[int]:
        async with Pipeline() as pipeline:
            sources = [pipeline.start(ScriptedProducer([first, first + 1, END])) for first in (0, 10)]
            probe = pipeline.start(Probe(), subscribe_to=sources, max_demand=2)
        return sorted(probe.received)

    assert run(scenario) == [0, 1, 10, 11]
