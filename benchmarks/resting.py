"""What a hundred thousand sources without news cost: memory, tasks, and the time until each was looked at once.

    python -m benchmarks.resting [--sources N] [--waiting] [--json FILE]

A SQLite database with so many customers, a source each that is looked at every hour and has nothing; the real collecting, without
destinations that do anything. ``--waiting`` lets the sources wait inside instead of saying that they rest: a task each.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from archiver.database.sqlite import SqliteDatabase
from archiver.destinations.memory import MemoryDestination
from archiver.destinations.port import Context, Destination, Pace
from archiver.fleet.local import LocalFleet
from archiver.model import Connection, Item
from archiver.pipeline.assembly import Assembly, Parts
from archiver.sources.port import Page
from benchmarks.scale_world import build_sqlite
from genstage.clock import SystemClock

_REST_SECONDS = 3600.0
_MIB = 1024 * 1024
_MOST_MIB_A_100_000 = 450


class Quiet:
    """A source without news.

    Attributes:
        looks: How often it was looked at.
    """

    __slots__ = ("_clock", "_waiting", "looks")

    def __init__(self, clock: SystemClock, *, waiting: bool) -> None:
        self._clock = clock
        self._waiting = waiting
        self.looks = 0

    async def discover(self, cursor: str) -> AsyncGenerator[Page, None]:
        """Nothing, every hour."""
        while True:
            self.looks += 1
            until = self._clock.time() + _REST_SECONDS
            yield Page(discoveries=(), cursor=cursor, complete=True, rest=None if self._waiting else _REST_SECONDS)
            await self._clock.sleep(until - self._clock.time())

    async def read_many(self, items: Sequence[Item]) -> Sequence[bytes]:
        """There are none."""
        return [b""] * len(items)

    async def stream(self, item: Item, offset: int = 0) -> AsyncIterator[bytes]:
        """There are none."""
        yield item.external_id.encode()[offset:]

    async def close(self) -> None:
        """Nothing to close."""


async def measure(path: Path, count: int, *, waiting: bool) -> dict[str, Any]:
    """Runs the collecting until each was looked at, and for some seconds more."""
    clock, process = SystemClock(), psutil.Process()
    database = SqliteDatabase(path, clock=clock)
    sources = [Quiet(clock, waiting=waiting) for _ in range(count)]

    def open_source(connection: Connection) -> Quiet:
        return sources[connection.id - count - 1]

    def open_destination(connection: Connection, pace: Pace) -> Destination:
        del connection
        return MemoryDestination(Context(pace=pace, clock=clock))

    await database.serve()
    await database.open()
    assembly = Assembly(
        Parts(database=database, open_source=open_source, open_destination=open_destination, name_rules=lambda _: "posix", clock=clock)
    )
    gc.collect()
    before = process.memory_info().rss
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(LocalFleet(clock).run(assembly, stop, drain_seconds=5.0))
        began = time.perf_counter()
        while not all(source.looks for source in sources):  # noqa: ASYNC110  a hundred thousand events would be measured too
            await asyncio.sleep(0.2)
        looked = time.perf_counter() - began
        await asyncio.sleep(5)  # until what was found is written
        gc.collect()
        used = process.cpu_times()
        began = time.perf_counter()
        await asyncio.sleep(10)
        seconds, now = time.perf_counter() - began, process.cpu_times()
        found = {
            "sources": count,
            "waiting": waiting,
            "looked_seconds": round(looked, 1),
            "tasks": len(asyncio.all_tasks()),
            "mib": round((process.memory_info().rss - before) / _MIB, 1),
            "idle_core": round((now.user + now.system - used.user - used.system) / seconds, 4),
        }
        stop.set()
    await database.close()
    return found


def main() -> None:
    """Measures, prints, and says whether it is what is promised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=int, default=100_000)
    parser.add_argument("--waiting", action="store_true", help="a task each, as a source does that does not say when it rests")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="resting-") as directory:
        path = Path(directory) / "archiver.db"
        build_sqlite(path, customers=options.sources, items=0, airline=0, now=int(time.time() * 1000))
        found = asyncio.run(measure(path, options.sources, waiting=options.waiting))
    print(
        f"{found['sources']:,} sources without news: {found['mib']} MiB, {found['tasks']:,} tasks, {found['idle_core']:.1%} of a core",
        end="; ",
    )
    print(f"each was looked at after {found['looked_seconds']} s")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + os.linesep)
    few = found["tasks"] < 100 and found["mib"] <= _MOST_MIB_A_100_000 * options.sources / 100_000
    sys.exit(0 if options.waiting or few else 1)


if __name__ == "__main__":
    main()
