"""The world: the scene with the processes that serve it, and the people who look after it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from archiver.database.sqlite import SqliteDatabase
from archiver.destinations.port import Context, Pace
from archiver.fleet.local import LocalFleet
from archiver.fleet.postgres import PostgresFleet
from archiver.model import Connection, ConnectionState, CustomerState
from archiver.pipeline.assembly import Assembly, Parts
from archiver.pipeline.events import Event
from simulation.checks import Checks
from simulation.cloud import Caller
from simulation.database import InlineDatabase, InlineSharedDatabase, Link, Ready
from simulation.destination import SimulatedDestination
from simulation.process import Process
from simulation.scene import Customer, Scene, Shape
from simulation.source import SimulatedSource
from simulation.story import Story
from support.membership import Roll

__all__ = ["TTL", "World"]

TTL = 15.0
"""Seconds after which a worker that is not heard of is taken for dead."""


class World(Scene):
    """Everything of one seed.

    Attributes:
        processes: That were begun, the last one last.
        roll: Who is alive, where many share the customers.
        checks: Holds the promises against what happens.
    """

    def __init__(self, seed: int, path: Path, shape: Shape, story: Story, ready: Sequence[Ready]) -> None:
        super().__init__(seed, path, shape, story, ready)
        self.processes: list[Process] = []
        self.checks = Checks(self)
        self.roll = Roll(self.clock)

    async def create(self) -> None:
        """Makes the scene, and lets the database itself guard what is archived."""
        await super().create()
        self.checks.guard_archived()

    def _admit(self, name: str, id_: int, sources: Sequence[int], lanes: Mapping[int, str], *, big: bool) -> Customer:
        customer = super()._admit(name, id_, sources, lanes, big=big)
        if self.shape.workers > 1:
            for account in customer.lanes.values():
                account.may_call = self.checks.may_call
        return customer

    # -- processes ------------------------------------------------------------------------------------------------------------------

    @property
    def running(self) -> Sequence[Process]:
        """Processes that are alive."""
        return [process for process in self.processes if process.alive]

    def start(self) -> Process:
        """Begins one more process."""
        process = Process(f"p{len(self.processes)}", self.story)
        process.drain_seconds = self.chance.choice([0.0, 0.5, 5.0, 20.0])
        main = self._alone(process) if self.shape.workers == 1 else self._together(process)
        self.processes.append(process)
        process.begin(main)
        return process

    def _alone(self, process: Process) -> Callable[[], Coroutine[Any, Any, bool]]:
        """As the only process that serves."""
        database = process.database = InlineDatabase(self.path, self.clock)
        process.assembly = self._assembly(process, self._link(database, process))

        async def main() -> bool:
            await database.serve()
            await database.open()
            return await LocalFleet(self.clock).run(process.assembly, process.stop, drain_seconds=process.drain_seconds)

        return main

    def _together(self, process: Process) -> Callable[[], Coroutine[Any, Any, bool]]:
        """As one of many workers."""
        database = process.database = InlineSharedDatabase(self.path, self.clock, self.roll)
        link = self._link(database, process)
        process.assembly = self._assembly(process, link)
        names = (f"{process.name}.{number}" for number in count())
        listen = partial(self.checks.heard, process)
        fleet = PostgresFleet(link, self.clock, ttl=TTL, listener=listen, make_id=lambda: next(names))

        async def main() -> bool:
            await database.open()
            return await fleet.run(process.assembly, process.stop, drain_seconds=process.drain_seconds)

        return main

    def _link(self, database: SqliteDatabase, process: Process) -> Any:
        return Link(database, process, self.ailments, chance=self.dice(f"database {process.name}"), watcher=self.checks, story=self.story)

    def _assembly(self, process: Process, link: Any) -> Assembly:
        """What the process runs."""

        def open_source(connection: Connection) -> SimulatedSource:
            return SimulatedSource(self.origins[connection.id], process, self.page_items)

        def open_destination(connection: Connection, pace: Pace) -> SimulatedDestination:
            self.checks.opens(process, connection)
            account = self.accounts[connection.id]
            return SimulatedDestination(account, process, self.ways[connection.id], Context(pace=pace, clock=self.clock))

        def listen(event: Event) -> None:
            self.checks.heard(process, event)

        parts = Parts(
            database=link,
            open_source=open_source,
            open_destination=open_destination,
            name_rules=lambda _: "posix",
            clock=self.clock,
            listener=listen,
            budget=self.budget,
            sweep_seconds=self.shape.sweep_seconds,
            seed=self.seed,
        )
        return Assembly(parts)

    @property
    def wanted(self) -> int:
        """How many deliveries there must be: each item's to each of its customer's destinations."""
        return sum(len(origin.found) * len(one.lanes) for one in self.customers.values() for origin in one.sources.values())

    def dwells(self) -> tuple[float, ...]:
        """How long each delivery took, from its item's birth to its object; the airline's are left out."""
        query = "SELECT d.lane, d.path, i.source_id, i.locator FROM deliveries AS d JOIN items AS i ON i.id = d.item_id ORDER BY d.id"
        quiet = [row for row in self.query(query) if row[2] not in self.customers["c0"].sources]
        return tuple(
            self.accounts[lane].stored[path] - self.origins[source].born[locator]
            for lane, path, source, locator in quiet
            if path in self.accounts[lane].stored
        )

    # -- people ---------------------------------------------------------------------------------------------------------------------

    async def kill(self, process: Process) -> None:
        """Kills a process; what it stored and did not settle may be stored once more."""
        self.forgive(process)
        await process.kill()

    def forgive(self, caller: Caller) -> None:
        """A process forgot what it was doing."""
        for account in self.accounts.values():
            account.lost_its_owner(caller)

    async def reconnect(self, lane: int) -> None:
        """A person has looked after a parked lane."""
        if await self.people.set_connection_state(lane, ConnectionState.ACTIVE, ""):
            self.story.tell("people", f"lane {lane} was looked after")

    async def look_after_all(self) -> None:
        """People resume, reconnect and retry whatever waits for them."""
        for (name,) in self.query("SELECT name FROM customers WHERE state <> 'active' ORDER BY id"):
            await self.people.set_customer_state(name, CustomerState.ACTIVE)
        for (lane,) in self.query("SELECT id FROM connections WHERE state <> 'active' ORDER BY id"):
            await self.reconnect(lane)
        failed = self.failed()
        if failed:
            self.story.tell("people", f"retry {failed}")
            await self.people.retry(ids=failed, now=int(self.clock.wall() * 1000))

    def failed(self) -> list[int]:
        """Deliveries that were rejected or given up, though nothing is wrong with their items."""
        rows = self.query(
            "SELECT d.id, i.source_id, i.locator FROM deliveries AS d JOIN items AS i ON i.id = d.item_id"
            " WHERE d.state IN ('rejected', 'gone') ORDER BY d.id"
        )
        return [number for number, source, locator in rows if locator not in self.origins[source].hurt]
