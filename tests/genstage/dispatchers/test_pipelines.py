"""Pipelines with each dispatcher under random use: consumers come, ask, are cancelled and fail; no event is lost, doubled or misplaced."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from genstage import BroadcastDispatcher, Consumer, DemandDispatcher, Dispatcher, PartitionDispatcher, Pipeline, Producer, Subscription
from genstage.supervision import Restarts
from genstage.testing import idle, run

STOCK = 120
OFTEN = Restarts(10_000, 1.0)


class Source(Producer[int]):
    """Numbers, fewer than are asked, in a drawn time."""

    poll_interval = 0.3

    def __init__(self, script: list[tuple[int, float]]) -> None:
        self.script = script
        self.calls = 0
        self.made = 0
        self.lost: list[int] = []

    async def handle_demand(self, demand: int) -> list[int]:
        """Some of what is asked; what was counted is given, also when the wait is cut."""
        self.calls += 1
        most, seconds = self.script[self.calls % len(self.script)]
        first, self.made = self.made, min(STOCK, self.made + min(demand, most))
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(seconds)
        return list(range(first, self.made))

    def handle_discarded(self, key: Any, events: list[int]) -> None:
        """Keeps account."""
        self.lost += events


class FairSource(Source, dispatcher=DemandDispatcher(fair=True)):
    """In turn."""


class BroadcastSource(Source, dispatcher=BroadcastDispatcher()):
    """To everybody."""


class PartitionSource(Source, dispatcher=PartitionDispatcher(2, buffer_size=20)):
    """Even and odd."""


class Lane(Consumer[int]):
    """Handles lists in a drawn time; every so many calls it fails before it has done anything."""

    def __init__(self, seconds: float, fails: int) -> None:
        self.seconds = seconds
        self.fails = fails
        self.calls = 0
        self.done: list[int] = []

    async def handle_events(self, events: list[int]) -> None:
        """Takes its time."""
        self.calls += 1
        await asyncio.sleep(self.seconds)
        if self.fails and self.calls % self.fails == 0:
            raise OSError
        self.done += events


class World:
    """A pipeline with a source of one kind, and its lanes."""

    def __init__(self, pipeline: Pipeline, source: Source) -> None:
        self.pipeline = pipeline
        self.source = pipeline.start(source)
        self.lanes: list[tuple[Lane, Subscription]] = []
        self.ever: list[tuple[Lane, Subscription]] = []
        self.returned: list[int] = []

    async def step(self, verb: str, *rest: Any) -> None:
        """One random thing happens."""
        if verb == "start":
            self.start(*rest)
        elif verb == "sleep":
            await asyncio.sleep(rest[0])
        elif self.lanes:
            lane, edge = self.lanes[rest[0] % len(self.lanes)]
            if verb == "window":
                edge.max_demand = rest[1]
            elif verb == "cancel":
                self.lanes.remove((lane, edge))
                edge.cancel()
            else:
                self.lanes.remove((lane, edge))
                self.returned += await self.pipeline.stop(lane)

    def start(self, number: int, seconds: float, fails: int, window: int) -> None:
        """A new lane."""
        lane = self.pipeline.start(Lane(seconds, fails), restarts=OFTEN)
        terms: dict[str, Any] = {"partition": number} if isinstance(self.source, PartitionSource) else {}
        edge = lane.subscribe(self.source, cancel="temporary", max_demand=window, delivery="at_least_once", **terms)
        self.lanes.append((lane, edge))
        self.ever.append((lane, edge))

    def check(self) -> None:
        """What must hold whenever nothing moves."""
        dispatcher = self.source.outlet.dispatcher
        for lane, edge in self.lanes:
            assert not (edge.outstanding and dispatcher.holds(edge)), "nobody sleeps with demand and events both there"
            assert edge.level == edge.outstanding + lane.inlet.inbox.waiting + lane.inlet.in_flight

    def held(self) -> list[int]:
        """What the source still has for somebody."""
        return [event for _, events in self.source.outlet.dispatcher.flush() for event in events]


starts = st.tuples(st.just("start"), st.integers(0, 1), st.sampled_from([0, 0.1, 1.0]), st.sampled_from([0, 0, 2, 3]), st.integers(1, 8))
sleeps = st.tuples(st.just("sleep"), st.sampled_from([0.05, 0.5, 3.0]))
others = st.one_of(
    starts,
    sleeps,
    st.tuples(st.sampled_from(["cancel", "stop"]), st.integers(0, 5)),
    st.tuples(st.just("window"), st.integers(0, 5), st.integers(0, 9)),
)
happenings = st.tuples(starts, st.lists(others, min_size=3, max_size=20), sleeps).map(lambda parts: [parts[0], *parts[1], parts[2]])
scripts = st.lists(st.tuples(st.integers(0, 15), st.sampled_from([0, 0.1, 0.7])), min_size=1, max_size=3)


async def happen(source: Source, steps: list[tuple[Any, ...]]) -> World:
    """Lets things happen, and everything that was delivered be handled."""
    async with Pipeline() as pipeline:
        world = World(pipeline, source)
        for step in steps:
            await world.step(*step)
            await idle()
            world.check()
        for _, edge in world.lanes:
            edge.max_demand = 0
        await asyncio.sleep(500)
        await idle()
        world.check()
        world.returned += world.held()
        assert await pipeline.drain(deadline=1000)
    return world


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([FairSource, PartitionSource, Source]), scripts, happenings)
def test_every_event_reaches_one_consumer(kind: type[Source], script: list[tuple[int, float]], steps: list[tuple[Any, ...]]) -> None:
    """Made = done + returned + held + told to the hook, each once, and each in its partition."""

    async def scenario() -> None:
        world = await happen(kind(script), steps)
        found = Counter([*world.returned, *world.source.lost])
        for lane, edge in world.ever:
            found.update(lane.done)
            assert kind is not PartitionSource or {event % 2 for event in lane.done} <= {edge.terms.partition}
            assert any(each.fails for each, _ in world.ever) or lane.done == sorted(lane.done)
        assert found == Counter(range(world.source.made))

    run(scenario)


@settings(max_examples=60, deadline=None)
@given(scripts, happenings)
def test_every_event_reaches_every_consumer(script: list[tuple[int, float]], steps: list[tuple[Any, ...]]) -> None:
    """Each gets a run of events without a gap, each once and in order, also through its failures."""

    async def scenario() -> None:
        world = await happen(BroadcastSource(script), steps)
        for lane, _ in world.ever:
            if lane.done:
                assert lane.done == list(range(lane.done[0], lane.done[0] + len(lane.done)))

    run(scenario)


def test_every_dispatcher_has_a_source_here() -> None:
    """But for the keyed one, which the pipelines of `tests/genstage/test_conservation.py` use."""
    sources: tuple[type[Source], ...] = (Source, FairSource, BroadcastSource, PartitionSource)
    kinds: set[type[Dispatcher]] = {type(source._dispatcher) for source in sources}
    assert kinds == {DemandDispatcher, BroadcastDispatcher, PartitionDispatcher}
