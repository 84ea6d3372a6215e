"""Several workers on one database and the same storages, in one event loop and in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from archiver.destinations.memory import MemoryDestination
from archiver.destinations.port import Context, Destination, Pace
from archiver.errors import ArchiverError
from archiver.fleet.postgres import PostgresFleet
from archiver.model import Connection, Item
from archiver.pipeline.assembly import Assembly, Parts
from archiver.pipeline.events import Event, WorkerEntered
from archiver.sources.memory import MemorySource
from archiver.sources.port import Page, Source
from genstage.testing import VirtualClock, run
from support.membership import Roll, SharedDatabase
from support.world import FEATURES, Unhurried, World

__all__ = ["TTL", "FleetWorld", "WorkerClock", "WorkerProcess", "in_fleet_time"]

TTL = 10.0


class WorkerClock(VirtualClock):
    """The clock of one process, which may stand still without noticing.

    Attributes:
        lost: Seconds that went by while it stood still.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lost = 0.0

    def time(self) -> float:
        """Seconds of the running loop, and those which the process missed."""
        return super().time() + self.lost


class _View:
    """A source that others have open too."""

    def __init__(self, origin: MemorySource) -> None:
        self._origin = origin

    def discover(self, cursor: str) -> AsyncGenerator[Page, None]:
        return self._origin.discover(cursor)

    async def read_many(self, items: Sequence[Item]) -> Sequence[bytes | ArchiverError]:
        return await self._origin.read_many(items)

    def stream(self, item: Item, offset: int = 0) -> AsyncIterator[bytes]:
        return self._origin.stream(item, offset)

    async def close(self) -> None:
        """The others go on."""


class WorkerProcess:
    """One worker, as a process of its own would be.

    Attributes:
        names: Under which it has entered.
        stop: Drains it.
        database: As it sees it; what is between may fail or wait.
        opened: Its destinations, by lane; those it opened before come first.
    """

    def __init__(self, world: FleetWorld, name: str) -> None:
        self.world = world
        self.name = name
        self.clock = WorkerClock()
        self.database: Any = Unhurried(SharedDatabase(world.path, self.clock, world.roll))
        self.stop = asyncio.Event()
        self.names: list[str] = []
        self.events: list[Event] = []
        self.opened: dict[int, list[MemoryDestination]] = {}
        self.assembly = Assembly(
            Parts(
                database=self.database,
                open_source=self._open_source,
                open_destination=self._open_destination,
                name_rules=lambda _: "posix",
                clock=self.clock,
                listener=self._listen,
                budget=world.budget,
                sweep_seconds=world.sweep_seconds,
                seed=1,
            )
        )
        self.ended: bool | None = None

    def _open_source(self, connection: Connection) -> Source:
        return _View(self.world.sources[connection.id])

    def _open_destination(self, connection: Connection, pace: Pace) -> Destination:
        destination = MemoryDestination(Context(pace=pace, clock=self.clock), features=FEATURES, store=self.world.stores[connection.id])
        for name, prepare in self.world.prepare.items():
            if self.world.lanes[name] == connection.id:
                prepare(destination)
        self.opened.setdefault(connection.id, []).append(destination)
        return destination

    def _listen(self, event: Event) -> None:
        if isinstance(event, WorkerEntered):
            self.names.append(event.worker)
        self.events.append(event)
        self.world.listen(event)

    def _make_id(self) -> str:
        return f"{self.name}.{len(self.names)}"

    async def run(self, *, until_empty: bool = False, drain_seconds: float = 5.0) -> None:
        """Its whole life."""
        await self.database.open()
        try:
            fleet = PostgresFleet(self.database, self.clock, ttl=TTL, listener=self._listen, make_id=self._make_id)
            self.ended = await fleet.run(self.assembly, self.stop, drain_seconds=drain_seconds, until_empty=until_empty)
        finally:
            await self.database.close()

    @property
    def held(self) -> set[int]:
        """Customers that it serves, as it believes."""
        return set(self.assembly.holding.held)

    def calls(self, lane: int) -> list[float]:
        """When it called a lane's storage."""
        return [call.at for destination in self.opened.get(lane, ()) for call in destination.calls]

    def seen(self, kind: type[Event]) -> list[Any]:
        """Its events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


class FleetWorld(World):
    """Customers and storages for several workers."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.roll = Roll(self.clock)
        self.workers: list[WorkerProcess] = []

    def worker(self) -> WorkerProcess:
        """One more worker, which does not run yet."""
        worker = WorkerProcess(self, f"w{len(self.workers)}")
        self.workers.append(worker)
        return worker

    async def settled_in(self, *workers: WorkerProcess) -> None:
        """Returns when these own all customers among them, a fair share each."""
        async with asyncio.timeout(600):
            while not self._fair([worker.held for worker in workers], await self._customer_ids()):
                await asyncio.sleep(0.1)

    def _fair(self, held: list[set[int]], everybody: set[int]) -> bool:
        counts = [len(each) for each in held]
        return sum(counts) == len(everybody) and set().union(*held) == everybody and max(counts) - min(counts) <= 1

    async def _customer_ids(self) -> set[int]:
        return {customer.id for customer in await self.database.customers()}

    async def all_archived(self) -> None:
        """Returns when nothing waits any more."""
        async with asyncio.timeout(3600):
            while any(row.waiting for row in await self.database.counters()) or not self._all_stored():
                await asyncio.sleep(0.1)

    def _all_stored(self) -> bool:
        return all(
            len(self.stores[self.lanes[name]].objects) == len(self.sources[source]._found) for name, source in self.source_ids.items()
        )

    def never_two_owners(self) -> None:
        """Every call to a storage was made by the worker that owned the customer at that moment, by the database's own history."""
        for name, lane in self.lanes.items():
            customer_id = self.customer_ids[name]
            history = [(at, owner) for at, customer, owner, _ in self.roll.history if customer == customer_id]
            epochs = [epoch for _, customer, owner, epoch in self.roll.history if customer == customer_id and owner]
            assert epochs == sorted(set(epochs)), "an epoch was given twice"
            for worker in self.workers:
                for at in worker.calls(lane):
                    owner = [owner for since, owner in history if since <= at][-1]
                    assert owner in worker.names, f"{worker.name} called {name}'s storage at {at:.3f} when {owner or 'nobody'} owned it"

    async def nothing_lost(self) -> None:
        """Everything was archived once, with its bytes; the database and the storages agree."""
        for row in await self.database.counters():
            store = self.stores[row.lane]
            assert (row.archived, row.waiting, row.rejected, row.gone) == (len(store.objects), 0, 0, 0)
        for name, lane in self.lanes.items():
            source = self.sources[self.source_ids[name]]
            wanted = {f"{found.kind}/{found.external_id}": source._bytes[found.locator] for found in source._found}
            stored = {"/".join(path.rsplit("/", 2)[-2:]).split(".")[0]: found.data for path, found in self.stores[lane].objects.items()}
            assert stored == wanted

    @asynccontextmanager
    async def fleet(self, *workers: WorkerProcess) -> AsyncIterator[asyncio.TaskGroup]:
        """Runs workers within, and drains all of them at the end."""
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(worker.run())
            try:
                yield group
            finally:
                for worker in self.workers:
                    worker.stop.set()


def in_fleet_time(test: Callable[[FleetWorld], Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
    """Makes a test of a coroutine function that takes a `FleetWorld`: an open database which nobody serves yet."""

    async def scenario(path: Path) -> None:
        world = FleetWorld(path)
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
