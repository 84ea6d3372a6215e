"""Whole pipelines under random use: whatever is started, asked, taken back, resized, stopped and fails, no event is lost or done twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Hashable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from genstage import Backoff, Consumer, KeyedDispatcher, Pipeline, Producer, ProducerConsumer, Restarts, Subscription
from genstage.testing import END, ScriptedProducer, idle, run

KEYS = ("a", "b")
STOCK = 80  # per key: an endless source and a handler that takes no time would never let time pass


class Source(Producer[Any]):
    """Numbers what it gives; gives fewer than it is asked, and takes its time, as its script says."""

    poll_interval = 0.3

    def __init__(self, script: list[tuple[int, float]]) -> None:
        self.script = script
        self.calls = 0
        self.made: Counter[Hashable] = Counter()
        self.discarded: list[tuple[Hashable, int]] = []

    def make(self, key: Hashable, demand: int) -> list[tuple[Hashable, int]]:
        """Some of what is asked."""
        count = min(demand, self.script[self.calls % len(self.script)][0], STOCK - self.made[key])
        first = self.made[key]
        self.made[key] += count
        return [(key, number) for number in range(first, first + count)]

    async def handle_demand(self, demand: int) -> list[tuple[Hashable, int]]:
        """After a while; what was read cannot be unread."""
        self.calls += 1
        found = self.make(None, demand)
        await self.wait()
        return found

    async def wait(self) -> None:
        """As the script says; a drain does not lose what was claimed before."""
        seconds = self.script[self.calls % len(self.script)][1]
        if seconds:
            try:
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                return

    def handle_discarded(self, key: Hashable, events: list[Any]) -> None:
        """Keeps account."""
        self.discarded += events


class KeyedSource(Source, dispatcher=KeyedDispatcher()):
    """The same, for all keys in one call."""

    async def handle_demand(self, demand: dict[Hashable, int]) -> dict[Hashable, list[Any]]:  # type: ignore[override]  # keyed
        """After a while."""
        self.calls += 1
        found = {key: self.make(key, count) for key, count in demand.items()}
        await self.wait()
        return found


class Lane(Consumer[Any]):
    """Handles lists in a drawn time, fails as it is told; keeps what began and ended."""

    def __init__(self, seconds: float, failing: int = 0) -> None:
        self.seconds = seconds
        self.failing = failing
        self.calls = 0
        self.running = 0
        self.done: list[Any] = []
        self.most_workers = 1

    async def handle_events(self, events: list[Any]) -> None:
        """Takes its time."""
        self.running += 1
        assert self.running <= self.most_workers
        await asyncio.sleep(self.seconds)
        self.running -= 1
        self.calls += 1
        if self.failing and self.calls % self.failing == 0:
            raise OSError("now and then")
        self.done += events


class SyncLane(Lane):
    """The same, in no time."""

    def handle_events(self, events: list[Any]) -> None:  # type: ignore[override]  # the same handler in the other colour
        """Handles them at once."""
        self.calls += 1
        if self.failing and self.calls % self.failing == 0:
            raise OSError("now and then")
        self.done += events


class FailingSource(Source):
    """Fails at every third call, before it makes anything."""

    async def handle_demand(self, demand: int) -> list[tuple[Hashable, int]]:
        """As its parent, if not."""
        if self.calls % 3 == 2:
            self.calls += 1
            raise OSError("away")
        return await super().handle_demand(demand)


class FailingKeyedSource(KeyedSource):
    """The same, for all keys in one call."""

    async def handle_demand(self, demand: dict[Hashable, int]) -> dict[Hashable, list[Any]]:  # type: ignore[override]  # keyed
        """As its parent, if not."""
        if self.calls % 3 == 2:
            self.calls += 1
            raise OSError("away")
        return await super().handle_demand(demand)


counts = st.integers(0, 12)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("start"), st.sampled_from(KEYS), st.booleans(), st.integers(1, 3), st.sampled_from([0, 0.1, 1.0])),
        st.tuples(st.sampled_from(["stop", "retract", "cancel"]), st.integers(0, 5)),
        st.tuples(st.sampled_from(["ask", "window"]), st.integers(0, 5), counts),
        st.tuples(st.just("workers"), st.integers(0, 5), st.integers(1, 4)),
        st.tuples(st.just("sleep"), st.sampled_from([0.05, 0.5, 3.0])),
        st.tuples(st.just("wake")),
    ),
    max_size=25,
)
scripts = st.lists(st.tuples(st.integers(0, 15), st.sampled_from([0, 0.1, 0.7])), min_size=1, max_size=4)


class World:
    """A pipeline, its lanes, and the books."""

    def __init__(self, pipeline: Pipeline, source: Source, keyed: bool) -> None:
        self.pipeline, self.keyed = pipeline, keyed
        self.source = pipeline.start(source)
        self.lanes: list[tuple[Lane, Subscription]] = []
        self.ever: list[Lane] = []
        self.returned: list[Any] = []

    async def step(self, verb: str, *rest: Any) -> None:
        """One random thing happens."""
        match verb:
            case "start":
                self.start(*rest)
            case "sleep":
                await asyncio.sleep(rest[0])
            case "wake":
                self.source.wake()
            case "stop" if self.lanes:
                lane, _ = self.lanes.pop(rest[0] % len(self.lanes))
                self.returned += await self.pipeline.stop(lane)
            case _ if self.lanes:
                self.touch(verb, *self.lanes[rest[0] % len(self.lanes)], *rest[1:])

    def touch(self, verb: str, lane: Lane, edge: Subscription, count: int = 0) -> None:
        """Something random happens to a lane."""
        if verb == "retract":
            edge.retract()
        elif verb == "cancel":
            edge.cancel()
        elif verb == "ask" and edge.manual:
            edge.ask(count)
        elif verb == "window" and not edge.manual:
            edge.max_demand = count
        elif verb == "workers":
            lane.most_workers = max(lane.most_workers, count)
            lane.workers = count

    def start(self, key: str, manual: bool, workers: int, seconds: float) -> None:
        """A new lane."""
        lane = self.pipeline.start(Lane(seconds), workers=workers)
        lane.most_workers = workers
        edge = lane.subscribe(
            self.source,
            key=key if self.keyed else None,
            cancel="temporary",
            demand="manual" if manual else "automatic",
            **({} if manual else {"max_demand": 8}),
        )
        self.lanes.append((lane, edge))
        self.ever.append(lane)

    def check(self) -> None:
        """What must hold at any moment."""
        wanted = sum(edge.outstanding for _, edge in self.lanes if not edge.interrupted)
        assert self.source.outlet.dispatcher.wanted == wanted
        assert not wanted or not self.source.outlet.buffered or self.keyed  # no edge sleeps with demand and events both present
        for lane, edge in self.lanes:
            inlet = lane.inlet
            assert len(inlet.tasks) <= max(lane.workers, inlet.busy)
            assert inlet.in_flight >= inlet.busy == lane.running
            if not edge.manual and not edge.over:
                assert edge.level == edge.outstanding + inlet.inbox.waiting + inlet.in_flight

    def account(self, forgotten: int) -> None:
        """Everything that was made is somewhere, once."""
        found = Counter([*self.returned, *self.source.discarded])
        for lane in self.ever:
            found.update(lane.done)
            if lane.most_workers == 1:
                assert lane.done == sorted(lane.done)
        assert not found or max(found.values()) == 1
        assert sum(self.source.made.values()) == sum(found.values()) + forgotten


async def scenario(keyed: bool, script: list[tuple[int, float]], happenings: list[tuple[Any, ...]]) -> None:
    async with Pipeline() as pipeline:
        world = World(pipeline, KeyedSource(script) if keyed else Source(script), keyed)
        for happening in happenings:
            await world.step(*happening)
            await idle()
            world.check()
        forgotten = sum(lane.inlet.inbox.waiting for lane, edge in world.lanes if edge.manual)
        assert await pipeline.drain(deadline=1000)
    world.account(forgotten)


@settings(max_examples=150)
@given(st.booleans(), scripts, steps)
def test_every_event_is_accounted_for(keyed: bool, script: list[tuple[int, float]], happenings: list[tuple[Any, ...]]) -> None:
    """Made = done + returned by stop + discarded with notice + forgotten by the drain; each once, in order, within its limits."""
    run(scenario, keyed, script, happenings)


class Middle(ProducerConsumer[int, int]):
    """Drops every third event and doubles every fifth, in a drawn time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def handle_events(self, events: list[int]) -> list[int]:
        """Fewer or more than it gets."""
        await asyncio.sleep(self.seconds)
        return results_of(events)


def results_of(events: list[int]) -> list[int]:
    return [event for event in events if event % 3 for _ in range(1 + (event % 5 == 0))]


windows = st.integers(1, 30).flatmap(lambda most: st.tuples(st.just(most), st.integers(0, most - 1)))
times = st.sampled_from([0, 0.1, 1.0])


@given(st.integers(0, 120), windows, windows, st.tuples(st.integers(1, 4), st.integers(1, 4)), st.tuples(times, times))
def test_a_chain_brings_everything_in_order(
    end: int, upper: tuple[int, int], lower: tuple[int, int], workers: tuple[int, int], seconds: tuple[float, float]
) -> None:
    """Whatever the windows, workers and times: each result once; in order where one worker a stage allows it."""
    received: list[int] = []

    async def chain() -> None:
        async with Pipeline() as pipeline:
            source = pipeline.start(ScriptedProducer([*range(end), END]))
            middle = pipeline.start(Middle(seconds[0]), subscribe_to=source, workers=workers[0], max_demand=upper[0], min_demand=upper[1])
            lane = pipeline.start(Lane(seconds[1]), subscribe_to=middle, workers=workers[1], max_demand=lower[0], min_demand=lower[1])
            lane.most_workers = workers[1]
        received.extend(lane.done)

    run(chain)
    expected = results_of(list(range(end)))
    assert (received if workers == (1, 1) else sorted(received)) == expected


class Failures(World):
    """The same world, where lanes fail, and so does the source."""

    def __init__(self, pipeline: Pipeline, source: Source, keyed: bool) -> None:
        super().__init__(pipeline, source, keyed)
        self.least: list[Lane] = []

    def start(self, key: str, manual: bool, workers: int, seconds: float) -> None:
        """A new lane, on terms that depend on how many there were."""
        number = len(self.ever)
        lane = self.pipeline.start((Lane if number % 2 else SyncLane)(seconds, failing=(2, 3, 0, 2)[number % 4]), workers=workers)
        lane.most_workers = workers + 3  # where failures are, no order is promised
        at_least_once = number % 3 != 0
        edge = lane.subscribe(
            self.source,
            key=key if self.keyed else None,
            cancel=("temporary", "permanent", "transient")[number % 3],
            demand="manual" if manual else "automatic",
            resubscribe=Backoff(first=0.2) if number % 2 else None,
            delivery="at_least_once" if at_least_once else "at_most_once",
            **({} if manual else {"max_demand": 8}),
        )
        self.lanes.append((lane, edge))
        self.ever.append(lane)
        if at_least_once:
            self.least.append(lane)

    def account(self, forgotten: int) -> None:
        """Everything is somewhere, once; what was lost was lost at most once, by those who may."""
        assert [lane.inlet.failed for lane in self.least if lane.inlet.failed] == []
        lost = sum(lane.inlet.failed for lane in self.ever)
        found = Counter([*self.returned, *self.source.discarded])
        for lane in self.ever:
            found.update(lane.done)
        assert not found or max(found.values()) == 1
        assert sum(self.source.made.values()) == sum(found.values()) + forgotten + lost


async def failing_scenario(keyed: bool, breaks: bool, script: list[tuple[int, float]], happenings: list[tuple[Any, ...]]) -> None:
    kinds: dict[tuple[bool, bool], type[Source]] = {
        (False, False): Source,
        (True, False): KeyedSource,
        (False, True): FailingSource,
        (True, True): FailingKeyedSource,
    }
    async with Pipeline(restarts=Restarts(1_000_000, 1_000_000)) as pipeline:
        world = Failures(pipeline, kinds[keyed, breaks](script), keyed)
        for happening in happenings:
            await world.step(*happening)
            await idle()
            world.check()
        forgotten = sum(lane.inlet.inbox.waiting for lane, edge in world.lanes if edge.manual)
        assert await pipeline.drain(deadline=1000)
    world.account(forgotten)


@settings(max_examples=150)
@given(st.booleans(), st.booleans(), scripts, steps)
def test_every_event_is_accounted_for_where_stages_fail(
    keyed: bool, breaks: bool, script: list[tuple[int, float]], happenings: list[tuple[Any, ...]]
) -> None:
    """Made = done + returned + discarded with notice + forgotten by the drain + lost by those who may; demand is conserved throughout."""
    run(failing_scenario, keyed, breaks, script, happenings)
