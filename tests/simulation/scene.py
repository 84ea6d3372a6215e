"""The scene of a seed: customers with their sources and accounts, when their items come, one database; all of it chosen by chance."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from archiver.model import Role
from archiver.pipeline.share import Budget
from genstage.testing import VirtualClock
from simulation.cloud import Account, Provider
from simulation.database import Ailments, InlineDatabase, Ready
from simulation.destination import Way
from simulation.limits import some_limits
from simulation.source import Origin
from simulation.story import Story

__all__ = ["ADAPTERS", "MOST_CUSTOMERS", "Customer", "Scene", "Shape"]

ADAPTERS = ("one", "two")
"""The providers."""
MOST_CUSTOMERS = 26
_SIZES = ((0, 0), (1, 2_000), (2_001, 10_000), (10_001, 60_000))
_SIZE_WEIGHTS = (4, 76, 12, 8)


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What kind of world a seed has.

    Attributes:
        customers: How many there are, the airline among them.
        items: How many items they have together.
        airline: The part of the items that the first customer has.
        besides: How many more items the airline has, all from the beginning; they change nothing of the others.
        seconds: For how long items come, and the weather rages.
        faults: Whether anything goes wrong.
        workers: How many processes share the customers at first; 1 is one process that serves everybody.
        sweep_seconds: How often lanes with due work are looked for, in case a hint was lost.
    """

    customers: int
    items: int
    airline: float
    seconds: float
    besides: int = 0
    faults: bool = True
    workers: int = 1
    sweep_seconds: float = 30.0


class Customer(msgspec.Struct):
    """One customer, as the world knows it."""

    name: str
    id: int
    sources: dict[int, Origin]
    lanes: dict[int, Account]


class Scene:
    """What one seed begins with, and what outlives every process.

    Attributes:
        chance: Of what the world is like; other things have their own, so that one does not move the others.
        story: What happened.
        customers: By name.
        accounts: Of all lanes.
        ways: How each lane's cloud is spoken to.
        origins: Of all sources.
        budget: What bounds each process.
        page_items: How many discoveries a page has at most.
        ailments: How the database does.
        clock_was_set: Somebody set the wall clock.
        people: The database, as people and other processes see it.
    """

    def __init__(self, seed: int, path: Path, shape: Shape, story: Story, ready: Sequence[Ready]) -> None:
        self.seed = seed
        self.path = path
        self.shape = shape
        self.chance = self.dice("world")
        self.clock = VirtualClock()
        self.story = story
        self.ready = ready
        self.people = InlineDatabase(path, self.clock)
        self.providers = {name: Provider(name) for name in ADAPTERS}
        self.customers: dict[str, Customer] = {}
        self.accounts: dict[int, Account] = {}
        self.origins: dict[int, Origin] = {}
        self.ways: dict[int, Way] = {}
        self._arrivals: list[tuple[float, str]] = []
        self.budget = Budget(items=self.chance.choice([20, 200, 2000]), bytes=self.chance.choice([20, 32]) * 1024 * 1024)
        self.clock_was_set = False
        self.ailments = Ailments()
        self.page_items = self.chance.choice([3, 50, 1000])

    def dice(self, name: str) -> random.Random:
        """Chance of its own for one kind of thing."""
        return random.Random(f"{self.seed} {name}")

    @property
    def now(self) -> float:
        """Virtual seconds since the beginning."""
        return asyncio.get_running_loop().time()

    # -- customers ------------------------------------------------------------------------------------------------------------------

    async def create(self) -> None:
        """Takes the customers that are ready, and decides when their items will come."""
        await self.people.open()
        shape, chance = self.shape, self.chance
        unwanted: list[int] = []
        for number, ready in enumerate(self.ready[: shape.customers]):
            sources = ready.sources if chance.random() < 0.1 else ready.sources[:1]
            adapters = list(ready.lanes) if chance.random() < 0.1 else [chance.choice(list(ready.lanes))]
            lanes = {ready.lanes[adapter]: adapter for adapter in adapters}
            unwanted += [id_ for id_ in (*ready.sources, *ready.lanes.values()) if id_ not in sources and id_ not in lanes]
            self._admit(f"c{number}", ready.id, sources, lanes, big=number == 0)
        self._remove(unwanted, [ready.id for ready in self.ready[shape.customers :]])
        names = [name for name in self.customers if name != "c0"]
        airline = int(shape.items * shape.airline)
        owners = ["c0"] * airline + [chance.choice(names) for _ in range(shape.items - airline)]
        for name in owners:
            at = 0.0 if chance.random() < 0.4 else chance.uniform(0.0, shape.seconds)
            self._arrivals.append((round(at / 10) * 10.0 if chance.random() < 0.8 else at, name))  # in clumps, as sources are asked
        self._arrivals.sort()
        self.rain(0.0)
        chance = self.dice("airline")
        for _ in range(shape.besides):
            self.drop("c0", chance)

    def _remove(self, connections: Sequence[int], customers: Sequence[int]) -> None:
        """Takes out of the file what this seed does not want; and gives weights."""
        raw, _ = self.people._writer._both()
        raw.execute("BEGIN")
        listed, missing = json.dumps(connections), json.dumps(customers)
        connection = "SELECT id FROM connections WHERE id IN (SELECT value FROM json_each(?1))"
        connection += " OR customer_id IN (SELECT value FROM json_each(?2))"
        for delete in (f"lane_counters WHERE lane IN ({connection})", f"connections WHERE id IN ({connection})"):
            raw.execute(f"DELETE FROM {delete}", (listed, missing))  # noqa: S608  made of constants
        raw.execute("DELETE FROM customers WHERE id IN (SELECT value FROM json_each(?))", (missing,))
        for customer in self.customers.values():
            raw.execute("UPDATE customers SET weight = ? WHERE id = ?", (self.chance.choice([1, 1, 1, 3]), customer.id))
        raw.execute("COMMIT")

    async def add_customer(self, name: str) -> Customer:
        """One more customer, as a person adds it."""
        added = await self.people.add_customer(name, path_template="/{kind}/{id}", weight=self.chance.choice([1, 1, 1, 3]))
        source = await self.people.add_connection(added.id, Role.SOURCE, "simulated", {}, {})
        adapter = self.chance.choice(list(self.providers))
        lane = await self.people.add_connection(added.id, Role.DESTINATION, adapter, {}, {})
        return self._admit(name, added.id, [source.id], {lane.id: adapter}, big=False)

    def _admit(self, name: str, id_: int, sources: Sequence[int], lanes: Mapping[int, str], *, big: bool) -> Customer:
        """Gives a customer's sources and destinations something behind them."""
        chance = self.chance
        customer = Customer(name, id_, {}, {})
        for source in sources:
            customer.sources[source] = self.origins[source] = Origin(self.dice(f"source {source}"))
        for lane, adapter in lanes.items():
            account = Account(lane, self.providers[adapter], self.story, self.dice(f"account {lane}"), some_limits(chance, big=big))
            account.latency = chance.choice([0.0, 0.02, 0.1, 0.1, 1.0])
            account.service = chance.choice([0.0, 0.0, 0.05, 0.3])
            self.ways[lane] = Way.BATCH if big and chance.random() < 0.5 else chance.choice(list(Way))
            customer.lanes[lane] = self.accounts[lane] = account
        self.customers[name] = customer
        return customer

    def rain(self, until: float) -> int:
        """Adds the items which come until then; how many are still to come."""
        while self._arrivals and self._arrivals[0][0] <= until:
            _, name = self._arrivals.pop(0)
            self.drop(name)
        return len(self._arrivals)

    def drop(self, name: str, chance: random.Random | None = None) -> None:
        """One more item for a customer."""
        chance = chance or self.chance
        source_id, origin = chance.choice(list(self.customers[name].sources.items()))
        size = chance.randint(*chance.choices(_SIZES, _SIZE_WEIGHTS)[0])
        origin.add(
            name=f"{len(origin.found):05}",
            key=f"s{source_id}-{len(origin.found)}",
            size=size,
            knows_size=chance.random() < 0.95,
            knows_hash=chance.random() < 0.3,
            occurred_at=int(self.clock.wall() * 1000),
            now=self.now,
        )
        origin.stir()

    def query(self, statement: str, *args: Any) -> list[tuple[Any, ...]]:
        """What the database has, asked by the world itself."""
        raw, _ = self.people._looker._both()
        return raw.execute(statement, args).fetchall()
