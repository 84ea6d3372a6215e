"""The cases of `benchmarks.genstage`: what is measured, and what against."""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from genstage import (
    BroadcastDispatcher,
    Consumer,
    KeyedDispatcher,
    PartitionDispatcher,
    Pipeline,
    Producer,
    ProducerConsumer,
)

__all__ = ["CASES", "Case", "bare_tasks", "cpu", "idle_pipeline_bytes", "limit", "waits", "wall"]

WAIT = 0.01
KEYS = 100_000
BUSY = 1_000
IDLE = 10_000
LIST = 500

Work = Callable[[int], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Case:
    """Something to measure.

    Attributes:
        name: The name in the figures.
        max_demand: Of every subscription; for peers how many they let wait or run.
        handlers: "sync" or "async".
        rate: Events a second, for so many events.
        events: How many.
        goal: Which part of the physical limit is wanted.
        least: Fewer events say nothing.
        missing: Why it cannot be measured here; empty if it can.
        against: What it is set against in the same round; the physical limit if not given.
    """

    name: str
    max_demand: int
    handlers: str
    rate: Callable[[int], float]
    events: int
    goal: float | None = None
    least: int = 1000
    missing: str = ""
    against: Callable[[int], float] | None = None


def cpu(work: Work, events: int, run: Callable[[Coroutine[Any, Any, float]], float] = asyncio.run) -> float:
    """Events per second of CPU; starting and closing the event loop is not counted."""
    return _rate(work, events, time.process_time, run)


def wall(work: Work, events: int, run: Callable[[Coroutine[Any, Any, float]], float] = asyncio.run) -> float:
    """Events per second on the clock."""
    return _rate(work, events, time.perf_counter, run)


def _rate(work: Work, events: int, clock: Callable[[], float], run: Callable[[Coroutine[Any, Any, float]], float]) -> float:
    async def timed() -> float:
        began = clock()
        await work(events)
        return clock() - began

    return events / run(timed())


def limit(events: int = 1_000_000) -> float:
    """The physical limit: lists of 500 through the same three steps, without any pipeline; events per second of CPU."""
    began = time.process_time()
    count = 0
    for first in range(0, events, LIST):
        count += len([event * 2 for event in list(range(first, first + LIST))])
    return count / (time.process_time() - began)


class Numbers(Producer[int]):
    """The numbers up to an end."""

    def __init__(self, end: int) -> None:
        self.at, self.end = 0, end

    def handle_demand(self, demand: int) -> list[int] | None:
        """The next ones."""
        first = self.at
        if first >= self.end:
            return None
        self.at = first + demand
        return list(range(first, min(self.at, self.end)))


class AsyncNumbers(Numbers):
    """The same, asynchronously."""

    async def handle_demand(self, demand: int) -> list[int] | None:  # type: ignore[override]  # the same handler in the other colour
        """The next ones."""
        return super().handle_demand(demand)


class Double(ProducerConsumer[int, int]):
    """Twice as much."""

    def handle_events(self, events: list[int]) -> list[int]:
        """A list for a list."""
        return [event * 2 for event in events]


class AsyncDouble(Double):
    """The same, asynchronously."""

    async def handle_events(self, events: list[int]) -> list[int]:  # type: ignore[override]  # the same handler in the other colour
        """A list for a list."""
        return [event * 2 for event in events]


class Count(Consumer[int]):
    """How many came."""

    count = 0

    def handle_events(self, events: list[int]) -> None:
        """Counts."""
        self.count += len(events)


class AsyncCount(Count):
    """The same, asynchronously."""

    async def handle_events(self, events: list[int]) -> None:  # type: ignore[override]  # the same handler in the other colour
        """Counts."""
        self.count += len(events)


class BroadcastNumbers(Numbers, dispatcher=BroadcastDispatcher()):
    """To everybody."""


class AsyncBroadcastNumbers(AsyncNumbers, dispatcher=BroadcastDispatcher()):
    """To everybody."""


class PartitionNumbers(Numbers, dispatcher=PartitionDispatcher(4)):
    """To one of four."""


class AsyncPartitionNumbers(AsyncNumbers, dispatcher=PartitionDispatcher(4)):
    """To one of four."""


class Wait(Consumer[int]):
    """A call that takes ten milliseconds."""

    async def handle_event(self, event: int) -> None:  # noqa: ARG002  any event will do
        """Waits."""
        await asyncio.sleep(WAIT)


class Keyed(Producer[int], dispatcher=KeyedDispatcher()):
    """All that is asked, for every key in one call, until the end."""

    def __init__(self, end: int) -> None:
        self.rest = end
        self.ended = 0.0

    def handle_demand(self, demand: Mapping[int, int]) -> Mapping[int, list[int]] | None:
        """Ones."""
        if self.rest <= 0:
            self.ended = time.process_time()
            return None
        self.rest -= sum(demand.values())
        return {key: [1] * count for key, count in demand.items()}


async def abc(stages: tuple[type[Numbers], type[Double], type[Count]], max_demand: int, events: int) -> None:
    """A, B, C."""
    first, middle, last = stages
    async with Pipeline() as pipeline:
        double = pipeline.start(middle(), subscribe_to=pipeline.start(first(events)), max_demand=max_demand)
        count = pipeline.start(last(), subscribe_to=double, max_demand=max_demand)
    assert count.count == events


async def to_four(stages: tuple[type[Numbers], type[Count]], partitions: bool, max_demand: int, events: int) -> None:
    """One producer, four consumers; the figure is of events that were produced."""
    first, last = stages
    async with Pipeline(demand="accumulate") as pipeline:
        numbers = pipeline.start(first(events))
        for number in range(4):
            part = number if partitions else None
            pipeline.start(last(), subscribe_to=numbers, max_demand=max_demand, **({"partition": part} if partitions else {}))  # type: ignore[arg-type]  # terms by name
        pipeline.demand = "forward"


class Yield(Consumer[int]):
    """A call that gives way once: what a call costs besides waiting."""

    async def handle_event(self, event: int) -> None:  # noqa: ARG002  any event will do
        """Gives way."""
        await asyncio.sleep(0)


async def yields(workers: int, events: int) -> None:
    """So many calls at once, each of which gives way once."""
    async with Pipeline() as pipeline:
        pipeline.start(Yield(), subscribe_to=pipeline.start(Numbers(events)), workers=workers, max_demand=1000)


async def waits(workers: int, events: int) -> None:
    """So many calls at once; there are always some that wait for a worker."""
    async with Pipeline() as pipeline:
        numbers = pipeline.start(Numbers(events))
        pipeline.start(Wait(), subscribe_to=numbers, workers=workers, max_demand=4 * workers)


async def bare_tasks(many: int, events: int) -> None:
    """So many tasks around asyncio.sleep and nothing else: what can be reached."""

    async def one(times: int) -> None:
        for _ in range(times):
            await asyncio.sleep(WAIT)

    async with asyncio.TaskGroup() as group:
        for _ in range(many):
            group.create_task(one(events // many))


async def keys(many: int, busy: int, events: int) -> float:
    """So many keys have a consumer, and so many of them ask; the seconds of CPU from the first demand to the last event."""
    async with Pipeline(demand="accumulate") as pipeline:
        producer = pipeline.start(Keyed(events))
        for key in range(many):
            demand = 100 if key % (many // busy) == 0 else 0
            pipeline.start(Count(), subscribe_to=producer, key=key, max_demand=demand, cancel="temporary")
        began = time.process_time()
        pipeline.demand = "forward"
    return producer.ended - began


def keyed_rate(many: int, busy: int, events: int) -> float:
    """Per second of CPU, without what it takes to start and stop the stages."""
    return events / asyncio.run(keys(many, busy, events))


class Nothing(Producer[int]):
    """Has nothing."""

    def handle_demand(self, demand: int) -> list[int]:  # noqa: ARG002  there is nothing, however much is asked
        """Nothing yet."""
        return []


async def _idle_bytes() -> int:
    async with AsyncExitStack() as stack:
        gc.collect()
        tracemalloc.start()
        pipelines: list[Pipeline] = []
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(IDLE):
            pipelines.append(pipeline := await stack.enter_async_context(Pipeline()))
            double = pipeline.start(Double(), subscribe_to=pipeline.start(Nothing()))
            pipeline.start(Count(), subscribe_to=double)
        await asyncio.sleep(0.1)
        gc.collect()
        size = (tracemalloc.get_traced_memory()[0] - before) // IDLE
        tracemalloc.stop()
        for pipeline in pipelines:
            await pipeline.drain()
    return size


def idle_pipeline_bytes() -> int:
    """Memory of one of ten thousand pipelines of three stages, subscribed, asked, and with nothing to do."""
    return asyncio.run(_idle_bytes())


def _cases() -> list[Case]:
    chain = {"sync": (Numbers, Double, Count), "async": (AsyncNumbers, AsyncDouble, AsyncCount)}
    queue: dict[str, tuple[type[Numbers], type[Count]]] = {"sync": (Numbers, Count), "async": (AsyncNumbers, AsyncCount)}
    broadcast: dict[str, tuple[type[Numbers], type[Count]]]
    broadcast = {"sync": (BroadcastNumbers, Count), "async": (AsyncBroadcastNumbers, AsyncCount)}
    partition: dict[str, tuple[type[Numbers], type[Count]]]
    partition = {"sync": (PartitionNumbers, Count), "async": (AsyncPartitionNumbers, AsyncCount)}
    sizes = ((1000, 2_000_000), (100, 500_000), (10, 100_000), (1, 30_000))
    # GenStage's own figures on a machine where the limit reads 30 million a second; of async handlers only the first is asked.
    goals = {("sync", 1000): 0.85, ("sync", 100): 7.4 / 30, ("sync", 10): 1.5 / 30, ("sync", 1): 0.27 / 30, ("async", 1000): 0.75}
    cases = [
        Case("abc", demand, handlers, partial(cpu, partial(abc, chain[handlers], demand)), events, goals.get((handlers, demand)))
        for demand, events in sizes
        for handlers in ("sync", "async")
    ]
    for name, kinds, partitions in (("work_queue_4", queue, False), ("broadcast_4", broadcast, False), ("partition_4", partition, True)):
        for demand, events in sizes:
            for handlers in ("sync", "async"):
                work = partial(to_four, kinds[handlers], partitions, demand)
                cases.append(Case(name, demand, handlers, partial(cpu, work), events // 2))
    for many in (100, 1000):
        against = partial(wall, partial(bare_tasks, many))
        cases.append(Case("await_10ms", many, "async", partial(wall, partial(waits, many)), 200 * many, 0.98, 20 * many, against=against))
    cases.append(Case("await_0", 100, "async", partial(cpu, partial(yields, 100)), 100_000))
    cases.append(Case("keyed_1", 100, "sync", partial(keyed_rate, 1, 1), 500_000))
    cases.append(Case(f"keyed_{KEYS}", 100, "sync", partial(keyed_rate, KEYS, BUSY), 2_000_000, least=2_000_000))
    return cases


CASES = _cases()
"""All of them, in the order in which they are shown."""
