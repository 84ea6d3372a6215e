"""How many events a second go through the toolkit, beside what plain Python and hand-written asyncio do in the same run.

    python -m benchmarks.genstage [--json FILE] [--scale 1.0]

Median of five runs after a warm-up, start and end of the pipeline included. Per second of CPU, since machines are shared.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from genstage import Consumer, KeyedDispatcher, Pipeline, Producer, ProducerConsumer

RUNS = 5
WORKERS = 100
LANES = 20
LANE_BATCH = 300


class Numbers(Producer[int]):
    """The numbers up to an end."""

    def __init__(self, end: int) -> None:
        self.at, self.end = 0, end

    def handle_demand(self, demand: int) -> list[int] | None:
        """The next ones."""
        first, self.at = self.at, min(self.at + demand, self.end)
        return list(range(first, self.at)) if first < self.at else None


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


class Call(Consumer[int]):
    """A call a piece, which gives way once."""

    async def handle_event(self, event: int) -> None:  # noqa: ARG002  any event will do
        """Gives way."""
        await asyncio.sleep(0)


class Lanes(Producer[int], dispatcher=KeyedDispatcher()):
    """Archiver's regime: every lane gets lists of some hundreds, from one call for all."""

    def __init__(self, end: int) -> None:
        self.rest = end

    async def handle_demand(self, demand: Mapping[int, int]) -> Mapping[int, list[int]] | None:
        """All that is asked, until the end."""
        if self.rest <= 0:
            return None
        self.rest -= sum(demand.values())
        return {lane: ONES[:count] for lane, count in demand.items()}


ONES = [1] * LANE_BATCH


async def chain(stages: tuple[type[Numbers], type[Double], type[Count]], max_demand: int, events: int) -> None:
    """A, B, C."""
    first, middle, last = stages
    async with Pipeline() as pipeline:
        double = pipeline.start(middle(), subscribe_to=pipeline.start(first(events)), max_demand=max_demand)
        count = pipeline.start(last(), subscribe_to=double, max_demand=max_demand)
    assert count.count == events


async def calls(events: int) -> None:
    """A hundred workers."""
    async with Pipeline() as pipeline:
        pipeline.start(Call(), subscribe_to=pipeline.start(Numbers(events)), workers=WORKERS)


async def lanes(events: int) -> None:
    """Twenty lanes of one keyed producer."""
    async with Pipeline() as pipeline:
        source = pipeline.start(Lanes(events))
        for lane in range(LANES):
            pipeline.start(AsyncCount(), subscribe_to=source, key=lane, max_demand=LANE_BATCH, min_demand=0)


async def calls_by_hand(events: int) -> None:
    """The same calls with a queue and a hundred tasks."""
    queue: asyncio.Queue[int | None] = asyncio.Queue(1000)

    async def worker() -> None:
        while await queue.get() is not None:  # noqa: ASYNC110  not a poll: the call that is measured
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for _ in range(WORKERS):
            group.create_task(worker())
        for event in range(events):
            await queue.put(event)
        for _ in range(WORKERS):
            await queue.put(None)


async def plain(size: int, events: int) -> None:
    """Lists of that size, without any pipeline: the limit of what lists can do."""
    count = 0
    for first in range(0, events, size):
        count += len([event * 2 for event in list(range(first, min(first + size, events)))])
    assert count == events


def per_second(what: Callable[[int], Coroutine[Any, Any, None]], events: int) -> float:
    """Events per second of CPU, the median of the runs."""
    asyncio.run(what(events // 5))
    rates = []
    for _ in range(RUNS):
        began = time.process_time()
        asyncio.run(what(events))
        rates.append(events / (time.process_time() - began))
    return statistics.median(rates)


def main() -> None:
    """Prints a line per case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--scale", type=float, default=1.0, help="more or fewer events")
    arguments = parser.parse_args()
    figures: dict[str, float] = {}

    def show(name: str, what: Callable[[int], Coroutine[Any, Any, None]], events: int) -> None:
        figures[name] = per_second(what, max(1000, int(events * arguments.scale)))
        print(f"{name:48}{figures[name]:>14,.0f}/s", flush=True)

    synchronous = (Numbers, Double, Count)
    asynchronous = (AsyncNumbers, AsyncDouble, AsyncCount)
    for demand, size, events in ((1000, 500, 2_000_000), (100, 50, 500_000), (10, 5, 60_000), (1, 1, 15_000)):
        show(f"lists of {size}, no pipeline", lambda n, size=size: plain(size, n), events)
        show(f"A->B->C sync, max_demand {demand}", lambda n, most=demand: chain(synchronous, most, n), events)
        show(f"A->B->C async, max_demand {demand}", lambda n, most=demand: chain(asynchronous, most, n), events)
    show(f"{WORKERS} tasks and a queue by hand, async calls", calls_by_hand, 100_000)
    show(f"{WORKERS} workers, async calls", calls, 100_000)
    show(f"{LANES} lanes keyed, lists of {LANE_BATCH}", lanes, 2_000_000)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
