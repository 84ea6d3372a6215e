"""One process that serves a database of ``benchmarks.scale``, for a time or until nothing waits; prints one JSON line of figures.

The queue alone: everything of Archiver from the Database to the Uploader and back, with bytes that cost nothing and storages that take
everything. What finds items is not measured; a few are born beside, as a collector would.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import signal
import statistics
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import uvloop

from archiver.database.port import Birth
from archiver.database.postgres import PostgresDatabase
from archiver.database.sqlite import SqliteDatabase
from archiver.destinations.port import CallKind, Features, Pace, Upload
from archiver.errors import ThrottledError
from archiver.fleet.local import LocalFleet
from archiver.fleet.postgres import PostgresFleet
from archiver.model import Connection, Customer, Delivery, Discovery, Item, Kind, Receipt, Role
from archiver.outcome import Archived, Outcome, outcome_of
from archiver.pipeline.assembly import Assembly, Parts
from archiver.sources.port import Page
from genstage.clock import SystemClock

_BYTES = b"x" * 1000
_TICK = 0.02


class Nothing:
    """A source that has the same bytes for every item, and finds none."""

    async def discover(self, cursor: str) -> AsyncGenerator[Page, None]:
        """Finds nothing, once."""
        yield Page(discoveries=[], cursor=cursor, complete=True)

    async def read_many(self, items: Sequence[Item]) -> Sequence[bytes]:
        """The bytes."""
        return [_BYTES] * len(items)

    async def stream(self, item: Item, offset: int = 0) -> AsyncIterator[bytes]:
        """The bytes from an offset on."""
        del item
        yield _BYTES[offset:]

    async def close(self) -> None:
        """Nothing to close."""


class Sink:
    """A storage that takes everything and keeps nothing.

    Args:
        pace: The lane's.
        limit: Calls a second beyond which it refuses; None refuses none.
    """

    features = Features(batch_items=300, name_rules="posix")

    def __init__(self, pace: Pace, limit: float | None) -> None:
        self._pace = pace
        self._limit = limit
        self._tokens, self._filled_at = limit or 0.0, time.monotonic()

    async def put_many(self, uploads: Sequence[Upload]) -> AsyncIterator[tuple[Upload, Outcome]]:
        """Takes a batch in one call."""
        refused: Outcome | None = None
        try:
            async with self._pace.call(CallKind.TRANSFER, len(uploads)):
                self._count()
        except ThrottledError as error:
            refused = outcome_of(error)
        now = int(time.time() * 1000)
        for upload in uploads:
            receipt = Receipt(
                path=upload.delivery.path,
                remote_id="id:1",
                revision="1",
                size=len(_BYTES),
                sha256="a" * 64,
                remote_hash="sha256:" + "a" * 64,
                archived_at=now,
            )
            yield upload, refused or Archived(receipt=receipt)

    def _count(self) -> None:
        if self._limit is None:
            return
        now = time.monotonic()
        self._tokens = min(self._limit, self._tokens + (now - self._filled_at) * self._limit) - 1
        self._filled_at = now
        if self._tokens < 0:
            self._tokens += 1
            raise ThrottledError("over the limit", retry_after=1.0)

    async def close(self) -> None:
        """Nothing to close."""


class QueueOnly(Assembly):
    """An assembly that collects nothing."""

    async def sources(self) -> list[tuple[Customer, Connection]]:
        """None."""
        return []


class Watch:
    """What is measured while the fleet runs."""

    def __init__(self, assembly: QueueOnly, database: SqliteDatabase | PostgresDatabase, options: argparse.Namespace) -> None:
        self._assembly = assembly
        self._database = database
        self._options = options
        self._process = psutil.Process()
        self.reads: list[float] = []
        self.born: dict[str, float] = {}
        self.dwell: list[float] = []
        self.first: float | None = None
        self.idle: float | None = None

    def time_reads(self) -> None:
        """Times each of the Database's reads: from its first step to its last, as the thread sees it that makes them and nothing else."""
        reader: Any = self._database._reader  # noqa: SLF001  a look at what passes

        def timed(run: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
            def call(work: Callable[..., Any], *args: object) -> Awaitable[Any]:
                def step(raw: object) -> object:
                    began = time.perf_counter()
                    try:
                        return work(raw, *args)
                    finally:
                        self.reads.append(time.perf_counter() - began)

                return run(step)

            return call

        for name in ("run", "transact"):
            if hasattr(reader, name):
                setattr(reader, name, timed(getattr(reader, name)))

    async def run(self, stop: asyncio.Event) -> None:
        """Looks again and again, until it is time to stop."""
        began = time.monotonic()
        options = self._options
        if options.births:
            await self._bear(began, options)
        elif options.idle:
            await asyncio.sleep(options.idle_after)
            before, at = time.process_time(), time.monotonic()
            await asyncio.sleep(options.seconds)
            self.idle = (time.process_time() - before) / (time.monotonic() - at)
        else:
            while time.monotonic() - began < options.seconds and not stop.is_set():
                if self.first is None and self._assembly.settlement.archived:
                    self.first = time.time() - self._process.create_time()
                await asyncio.sleep(_TICK)
        stop.set()

    async def _bear(self, began: float, options: argparse.Namespace) -> None:
        """Lets an item of a customer taken by lot be born every now and then, and waits for each to be archived."""
        lots = random.Random(1)  # noqa: S311  which customer, no secret
        sources: dict[int, Connection] = {}
        number = 0
        while time.monotonic() - began < options.seconds:
            customer = lots.randrange(2, options.customers)
            source = sources.get(customer) or Connection(
                id=options.customers + customer, customer_id=customer, role=Role.SOURCE, adapter="none"
            )
            found = Discovery(
                kind=Kind.SMS, external_id=f"q{number}", occurred_at=number, locator="q", media_type="text/plain", size=len(_BYTES)
            )
            number += 1
            at = time.monotonic()
            births = await self._database.add_births(
                source, [Birth(found, [(customer, f"/q/{number}.txt", 0)])], now=int(time.time() * 1000), cursor=None
            )
            self._assembly.lanes.hint(births.lanes)
            self.born[f"/q/{number}.txt"] = at
            await asyncio.sleep(1 / options.births)

    def archived(self, path: str) -> None:
        """An item was uploaded."""
        at = self.born.pop(path, None)
        if at is not None:
            self.dwell.append(time.monotonic() - at)


async def serve(options: argparse.Namespace) -> dict[str, Any]:
    """Serves as the options say; the figures."""
    clock = SystemClock()
    database: Any = PostgresDatabase(options.database) if "://" in options.database else SqliteDatabase(Path(options.database))
    await database.serve()
    await database.open()
    watch: Watch

    def sink(connection: Connection, pace: Pace) -> Sink:
        del connection
        return Sink(pace, options.limit)

    assembly = QueueOnly(
        Parts(database=database, open_source=lambda _: Nothing(), open_destination=sink, name_rules=lambda _: "posix", clock=clock)
    )
    watch = Watch(assembly, database, options)
    watch.time_reads()
    report = assembly.settlement.report

    def reported(lane: Any, delivery: Delivery, outcome: Outcome) -> None:
        report(lane, delivery, outcome)
        if isinstance(outcome, Archived):
            watch.archived(delivery.path)

    if options.births:
        assembly.settlement.report = reported  # type: ignore[method-assign]  # a look at what passes
    fleet = PostgresFleet(database, clock) if "://" in options.database else LocalFleet(clock)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    began, cpu = time.monotonic(), time.process_time()
    await fleet.run(assembly, stop, drain_seconds=5.0, until_empty=options.until_empty, beside=[watch.run(stop)])
    seconds = time.monotonic() - began
    await database.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        "archived": assembly.settlement.archived,
        "seconds": seconds,
        "cpu_seconds": time.process_time() - cpu,
        "first_seconds": watch.first,
        "reads": len(watch.reads),
        "read_p99_ms": quantile(watch.reads, 99) * 1000,
        "dwell_p95_s": quantile(watch.dwell, 95),
        "dwells": len(watch.dwell),
        "idle_cpu": watch.idle,
        "peak_bytes": peak,
    }


def quantile(values: Sequence[float], percent: int) -> float:
    """So many percent of the values are no larger; 0 of nothing."""
    return statistics.quantiles(values, n=100)[percent - 1] if len(values) > 1 else 0.0


def main() -> None:
    """Serves and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database")
    parser.add_argument("--customers", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=600.0, help="at most")
    parser.add_argument("--until-empty", action="store_true")
    parser.add_argument("--births", type=float, default=0.0, help="items a second that are born for quiet customers")
    parser.add_argument("--limit", type=float, help="calls a second that each storage takes")
    parser.add_argument("--idle", action="store_true", help="measure what doing nothing costs")
    parser.add_argument("--idle-after", type=float, default=5.0)
    print(json.dumps(uvloop.run(serve(parser.parse_args()))))


if __name__ == "__main__":
    main()
