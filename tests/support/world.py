"""A whole pipeline on a real SQLite file, with sources and destinations in memory, in virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from operator import attrgetter
from pathlib import Path
from typing import Any

from archiver.database.port import LaneCounters
from archiver.database.sqlite import SqliteDatabase
from archiver.destinations.memory import MemoryDestination, MemoryStore
from archiver.destinations.port import Context, Destination, Features, Pace
from archiver.errors import DatabaseUnavailableError
from archiver.fleet.local import LocalFleet
from archiver.model import Connection, Discovery, Kind, Role
from archiver.pipeline.assembly import Assembly, Parts
from archiver.pipeline.events import Event
from archiver.pipeline.share import Budget
from archiver.sources.memory import MemorySource
from archiver.sources.port import Source
from genstage.testing import VirtualClock, VirtualLoop, run


class Unhurried:
    """A database whose work takes no virtual time, though its threads need real time for it.

    Attributes:
        fails: How often the next calls of a method find the database away.
        before: What is awaited before a method is called.
    """

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self.fails: Counter[str] = Counter()
        self.before: dict[str, Callable[[], Awaitable[None]]] = {}

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._database, name)

        async def unhurried(*args: Any, **named: Any) -> Any:
            if name in self.before:
                await self.before[name]()
            if self.fails[name] > 0:
                self.fails[name] -= 1
                raise DatabaseUnavailableError(f"scripted: {name}")
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualLoop)
            with loop.standing_still():
                return await method(*args, **named)

        return unhurried


FEATURES = Features(batch_items=10, batch_bytes=100_000, whole_bytes=10_000, resumable=True, name_rules="posix")


class World:
    """Customers, each with a memory source and a memory destination, and the assembly that serves them."""

    def __init__(self, path: Path) -> None:
        self.clock = VirtualClock()
        self.path = path
        self.database: Any = self.another_database()
        self.sources: dict[int, MemorySource] = {}
        self.stores: dict[int, MemoryStore] = {}
        self.opened: dict[int, MemoryDestination] = {}
        self.lanes: dict[str, int] = {}
        self.source_ids: dict[str, int] = {}
        self.customer_ids: dict[str, int] = {}
        self.prepare: dict[str, Callable[[MemoryDestination], None]] = {}
        self.events: list[Event] = []
        self.changed = asyncio.Event()
        self.budget = Budget()
        self.sweep_seconds = 30.0
        self.site: Callable[[Connection], str] = attrgetter("adapter")

    def another_database(self) -> Any:
        """The same file as a process of its own sees it."""
        return Unhurried(SqliteDatabase(self.path, clock=self.clock))

    async def add_customer(self, name: str, weight: int = 1) -> None:
        """A customer with one source and one destination."""
        customer = await self.database.add_customer(name, path_template="/{kind}/{id}", weight=weight)
        source = await self.database.add_connection(customer.id, Role.SOURCE, "memory", {}, {})
        destination = await self.database.add_connection(customer.id, Role.DESTINATION, "memory", {}, {})
        self.sources[source.id] = MemorySource()
        self.stores[destination.id] = MemoryStore()
        self.lanes[name] = destination.id
        self.source_ids[name] = source.id
        self.customer_ids[name] = customer.id

    def put(self, name: str, count: int, size: int = 100, prefix: str = "") -> None:
        """So many items for a customer."""
        source = self.sources[self.source_ids[name]]
        for number in range(count):
            key = f"{prefix}{number:06}"
            data = (key.encode() * (size // len(key) + 1))[:size]
            source.add(Discovery(kind=Kind.SMS, external_id=key, occurred_at=number, locator=key, media_type="text/plain", size=size), data)

    def assembly(self) -> Assembly:
        """A fresh one on the same world."""
        return Assembly(
            Parts(
                database=self.database,
                open_source=self.open_source,
                open_destination=self.open_destination,
                name_rules=lambda _: "posix",
                site=self.site,
                clock=self.clock,
                listener=self.listen,
                budget=self.budget,
                sweep_seconds=self.sweep_seconds,
                seed=1,
            )
        )

    def open_source(self, connection: Connection) -> Source:
        """The customer's memory source."""
        return self.sources[connection.id]

    def open_destination(self, connection: Connection, pace: Pace) -> Destination:
        """A memory destination on the customer's store, prepared as the test wants it."""
        destination = MemoryDestination(Context(pace=pace, clock=self.clock), features=FEATURES, store=self.stores[connection.id])
        for name, prepare in self.prepare.items():
            if self.lanes[name] == connection.id:
                prepare(destination)
        self.opened[connection.id] = destination
        return destination

    def listen(self, event: Event) -> None:
        """Keeps what happens."""
        self.events.append(event)
        self.changed.set()

    async def until(self, condition: Callable[[], bool], *, seconds: float = 3600.0) -> None:
        """Returns when a condition holds; looked at after each event of the pipeline."""
        async with asyncio.timeout(seconds):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def seen(self, kind: type[Event]) -> list[Event]:
        """The events of one kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    async def counters(self, name: str) -> LaneCounters:
        """A customer's numbers in the database."""
        return next(row for row in await self.database.counters() if row.customer == name)

    @asynccontextmanager
    async def running(self, assembly: Assembly, *, drain_seconds: float = 5.0) -> AsyncIterator[asyncio.Event]:
        """Runs an assembly as the local fleet does, and drains it at the end."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(LocalFleet(self.clock).run(assembly, stop, drain_seconds=drain_seconds))
            try:
                yield stop
            finally:
                stop.set()
                await task

    async def run_until_empty(self) -> Assembly:
        """Everything that there is, to its end."""
        assembly = self.assembly()
        async with asyncio.timeout(3600):
            await self.run_assembly(assembly)
        return assembly

    async def run_assembly(self, assembly: Assembly) -> None:
        """Runs an assembly until nothing is left to do."""
        await LocalFleet(self.clock).run(assembly, asyncio.Event(), drain_seconds=5.0, until_empty=True)


def in_virtual_time(test: Callable[[World], Coroutine[Any, Any, None]], *, world: type[World] = World) -> Callable[[Path], None]:
    """Makes a test of a coroutine function that takes a `World`, or one of another sort: an open database which this process serves."""
    make = world

    async def scenario(path: Path) -> None:
        world = make(path)
        await world.database.serve()
        await world.database.open()
        try:
            await test(world)
        finally:
            await world.database.close()

    def run_in_virtual_time(tmp_path: Path) -> None:
        run(scenario, tmp_path / "archiver.db")

    run_in_virtual_time.__name__ = test.__name__
    run_in_virtual_time.__doc__ = test.__doc__
    return run_in_virtual_time
