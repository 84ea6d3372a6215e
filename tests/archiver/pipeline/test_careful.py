"""Careful mode: what is journalled after a death, and how suspects are kept apart without keeping anybody else."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest

from archiver.database.port import Start, Worker
from archiver.destinations.memory import MemoryDestination
from archiver.destinations.port import Upload
from archiver.errors import ArchiverError, QuotaFullError
from archiver.model import Customer, Delivery
from archiver.outcome import Outcome
from archiver.pipeline.careful import Careful
from archiver.pipeline.events import LaneThrottled
from archiver.pipeline.patience import Patience
from archiver.pipeline.share import Budget
from genstage.clock import SystemClock
from support.world import World, in_virtual_time


class Put(msgspec.Struct):
    """One `put_many`: which deliveries, from when to when, and what the journal said runs when it began."""

    lane: int
    ids: frozenset[int]
    began: float
    ended: float
    running: frozenset[int]


class Observer:
    """Watches every call of a world's destinations."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.puts: list[Put] = []

    def watch(self, name: str, prepare: Callable[[MemoryDestination], None] = lambda _: None) -> None:
        """Watches a customer's destination, prepared besides."""

        def wrap(destination: MemoryDestination) -> None:
            prepare(destination)
            original = destination.put_many

            async def put_many(uploads: Sequence[Upload]) -> AsyncIterator[tuple[Upload, Outcome]]:
                running = frozenset(key for key, runs in journal(self.world).items() if runs)
                ids = frozenset(upload.delivery.id for upload in uploads)
                put = Put(uploads[0].delivery.lane, ids, self.world.clock.time(), 0.0, running)
                self.puts.append(put)
                async for pair in original(uploads):
                    yield pair
                put.ended = self.world.clock.time()

            destination.put_many = put_many  # type: ignore[method-assign]  # watched from outside

        self.world.prepare[name] = wrap


def journal(world: World) -> dict[int, bool]:
    """What stands in the journal: id → whether it runs."""
    with sqlite3.connect(world.path) as raw:
        found = dict(raw.execute("SELECT delivery_id, running FROM journal").fetchall())
    raw.close()
    return found


def slow(destination: MemoryDestination) -> None:
    """Each call takes a second."""
    destination.latency = 1.0


async def collected(world: World, *names: str) -> dict[str, list[int]]:
    """Items of these customers are in the database; the ids of their deliveries, in order."""
    assembly = world.assembly()
    customers = {customer.name: customer for customer in await world.database.customers()}
    for name in names:
        (source,) = [c for c in await world.database.connections() if c.id == world.source_ids[name]]
        await assembly.collector.collect(customers[name], source)
    rows = await world.database.deliveries(limit=1000)
    return {name: [row.id for row in rows if row.customer == name] for name in names}


async def a_process_dies(world: World, running: Sequence[int] = ()) -> None:
    """The one before this one served, and died while these ran by its journal."""
    await world.database.enter(Worker(id="dead", host="host", pid=1), ttl=0)
    rows = {row.id: row.lane for row in await world.database.deliveries(limit=1000)}
    owners = {c.id: c.customer_id for c in await world.database.connections()}
    await world.database.journal([Start(key, owners[rows[key]]) for key in running])


@in_virtual_time
async def test_who_need_not_be_careful_never_hears_of_the_journal(world: World) -> None:
    """Neither at a first start nor after a clean end is anything of it read or written."""

    async def never() -> None:
        raise AssertionError("the journal was used")

    for method in ("journal", "clear_journal", "suspects"):
        world.database.before[method] = never
    await world.add_customer("acme")
    for prefix in ("a", "b"):
        world.put("acme", 30, prefix=prefix)
        await world.run_until_empty()
    assert (await world.counters("acme")).archived == 60


@in_virtual_time
async def test_after_a_death_nothing_begins_that_is_not_written_down(world: World) -> None:
    """Each call's items run by the journal before it is made; at the end the journal is empty and the lane careful no more."""
    await world.add_customer("acme")
    world.put("acme", 40)
    observer = Observer(world)
    observer.watch("acme", slow)
    await a_process_dies(world)
    assembly = world.assembly()
    async with world.running(assembly):
        await world.until(lambda: len(world.stores[world.lanes["acme"]].objects) == 40)
        await assembly.settlement.flush()
        await assembly.careful.flush()
        assert journal(world) == {}
        assert [lane.careful for lane in assembly.lanes.awake.values()] == [None]
    assert all(put.ids <= put.running for put in observer.puts)
    assert sum(len(put.ids) for put in observer.puts) == 40


@in_virtual_time
async def test_starts_that_come_together_are_written_together(world: World) -> None:
    """Ten lanes wake at once: fewer writes than lanes, while one write waits for the disk."""
    names = [f"c{number}" for number in range(10)]
    for name in names:
        await world.add_customer(name)
        world.put(name, 5)
    await a_process_dies(world)
    writes = 0

    async def write() -> None:
        nonlocal writes
        writes += 1
        await world.clock.sleep(0.5)

    world.database.before["journal"] = write
    await world.run_until_empty()
    assert [(await world.counters(name)).archived for name in names] == [5] * 10
    assert 1 <= writes <= 5


@in_virtual_time
async def test_care_ends_when_as_many_have_ended_as_were_in_flight(world: World) -> None:
    """A busy lane never runs dry; after so many items it pays for nothing any more."""
    world.budget = Budget(items=12, bytes=1_000_000)
    await world.add_customer("acme")
    world.put("acme", 300)
    observer = Observer(world)
    observer.watch("acme", slow)
    await a_process_dies(world)
    await world.run_until_empty()
    careful = [bool(put.running) for put in observer.puts]
    journalled = sum(len(put.ids) for put in observer.puts if put.running)
    assert careful == sorted(careful, reverse=True), "first careful, then not"
    assert 12 <= journalled <= 40
    assert sum(len(put.ids) for put in observer.puts) == 300


@in_virtual_time
async def test_suspects_go_alone_and_nobody_waits_for_them(world: World) -> None:
    """Never two at once in the process, never in one call with others; what is not suspect takes as long as ever, in every lane."""
    for name in ("acme", "bakery"):
        await world.add_customer(name)
        world.put(name, 40)
    observer = Observer(world)
    for name in ("acme", "bakery"):
        observer.watch(name, slow)
    ids = await collected(world, "acme", "bakery")
    suspects = {*ids["acme"][:6], *ids["bakery"][3:6]}
    await a_process_dies(world, sorted(suspects))
    await world.run_until_empty()
    assert all(len(put.ids) == 1 for put in observer.puts if put.ids & suspects)
    turns = sorted((put.began, put.ended) for put in observer.puts if put.ids & suspects)
    assert len(turns) == len(suspects)
    assert all(end <= begin for (_, end), (begin, _) in pairwise(turns)), "two at once"
    others = [put.ended for put in observer.puts if not put.ids & suspects]
    assert max(others) <= 6 < turns[-1][1], "others waited"
    assert [(await world.counters(name)).archived for name in ("acme", "bakery")] == [40, 40]
    assert journal(world) == {}


@in_virtual_time
async def test_what_runs_when_a_drain_begins_is_pardoned(world: World) -> None:
    """Whoever asks a process to end, and then kills it, kills it for no item's sake: else a big file were poison after three deploys."""
    observer = Observer(world)
    await world.add_customer("acme")
    observer.watch("acme", slow)
    world.put("acme", 1)
    await a_process_dies(world)
    async with world.running(world.assembly(), drain_seconds=10) as stop:
        await world.clock.sleep(0.5)
        assert list(journal(world).values()) == [True]
        stop.set()
        await world.clock.sleep(0.2)
        assert not observer.puts[0].ended
        assert not any(journal(world).values())
    assert not journal(world)


@in_virtual_time
async def test_while_the_database_is_away_nothing_begins(world: World) -> None:
    """A start that is not written is not made; when it can be written again everything goes on."""
    await world.add_customer("acme")
    world.put("acme", 10)
    observer = Observer(world)
    observer.watch("acme")
    await a_process_dies(world)
    world.database.fails["journal"] = 5
    await world.run_until_empty()
    assert world.database.fails["journal"] == 0
    assert all(put.ids <= put.running and put.began >= 8 for put in observer.puts)
    assert (await world.counters("acme")).archived == 10


@in_virtual_time
async def test_a_suspect_that_is_given_back_keeps_its_deaths(world: World) -> None:
    """A 429 proves nobody innocent: it stays suspect, does not count as running, and the turn is another's."""
    for name in ("acme", "bakery"):
        await world.add_customer(name)
        world.put(name, 1)
    observer = Observer(world)
    observer.watch("acme", lambda destination: destination.throttle_next(60.0))
    observer.watch("bakery", slow)
    ids = await collected(world, "acme", "bakery")
    suspects = [ids["acme"][0], ids["bakery"][0]]
    await a_process_dies(world, suspects)
    assembly = world.assembly()
    async with world.running(assembly):
        await world.until(lambda: bool(world.seen(LaneThrottled) and world.stores[world.lanes["bakery"]].objects))
        await assembly.settlement.flush()
        await assembly.careful.flush()
        assert world.clock.time() < 30
        customers = [customer.id for customer in await world.database.customers()]
        assert await world.database.suspects(customers) == {suspects[0]: 1}
        assert journal(world) == {suspects[0]: False}
        await world.until(lambda: bool(world.stores[world.lanes["acme"]].objects))
    assert journal(world) == {}


@in_virtual_time
async def test_a_parked_lane_keeps_no_turn(world: World) -> None:
    """Its suspect was never begun; others' suspects go on, and it is still suspect at the next start, though the end was clean."""
    for name in ("acme", "bakery"):
        await world.add_customer(name)
        world.put(name, 2)
    error: ArchiverError = QuotaFullError("full")
    world.prepare["acme"] = lambda destination: destination.script.fail(error, times=100)
    ids = await collected(world, "acme", "bakery")
    await a_process_dies(world, [ids["acme"][0], *ids["bakery"]])
    await world.run_until_empty()
    assert (await world.counters("bakery")).archived == 2
    assert journal(world) == {ids["acme"][0]: False}
    assert await world.database.enter(Worker(id="next", host="host", pid=2), ttl=0), "suspects are left"


@in_virtual_time
async def test_what_moves_on_is_no_suspect(world: World) -> None:
    """A file of many chunks that gets further than at its deaths: they are forgotten, and it keeps nobody's turn while it goes on."""
    for name, size in (("acme", 6 * 1024 * 1024), ("bakery", 100)):
        await world.add_customer(name)
        world.put(name, 1, size=size)

    def chunky(destination: MemoryDestination) -> None:
        destination.latency = 1.0
        destination.chunk_bytes = 1024 * 1024

    observer = Observer(world)
    for name in ("acme", "bakery"):
        observer.watch(name, chunky)
    ids = await collected(world, "acme", "bakery")
    (big,), (small,) = ids["acme"], ids["bakery"]
    await a_process_dies(world, [big, small])
    assembly = world.assembly()
    async with world.running(assembly):
        await world.until(lambda: bool(world.stores[world.lanes["bakery"]].objects))
        await assembly.careful.flush()
        assert journal(world)[big], "it runs on"
        customers = [customer.id for customer in await world.database.customers()]
        assert big not in await world.database.suspects(customers)
        await world.until(lambda: bool(world.stores[world.lanes["acme"]].objects))
    (large,) = [put for put in observer.puts if put.ids == {big}]
    (little,) = [put for put in observer.puts if put.ids == {small}]
    assert large.began < little.began < little.ended < large.ended
    assert journal(world) == {}


@pytest.fixture
def careful() -> Careful:
    """Without a database: only who must be careful."""
    return Careful(None, Patience(SystemClock(), lambda _: None), 10)  # type: ignore[arg-type]  # nothing is written


def customer(number: int) -> Customer:
    """One of several."""
    return Customer(id=number, name=f"c{number}", epoch=0, path_template="/{id}", created_at=0)


def test_only_the_lanes_of_the_dead_are_careful(careful: Careful) -> None:
    """In a fleet each customer is told for itself, and forgotten when it goes; another death begins anew."""
    assert careful.lane(1, customer(1)) is None
    careful.expect([1])
    assert careful.lane(1, customer(1)) is not None
    assert careful.lane(2, customer(2)) is None
    careful.count(1, 1, 0)
    assert careful.lane(1, customer(1)) is None
    careful.expect([1])
    assert careful.lane(1, customer(1)) is not None
    careful.forget([1])
    assert careful.lane(1, customer(1)) is None
    careful.expect_everybody()
    assert careful.lane(3, customer(3)) is not None


def test_a_turn_is_one_suspects(careful: Careful) -> None:
    """Nobody else gets it before it is over; who waited is told once."""
    told: list[set[int]] = []
    careful.on_turn = lambda lanes: told.append(set(lanes))
    assert careful.takes_turn(5)
    assert careful.takes_turn(5)
    assert not careful.takes_turn(6)
    assert not careful.is_free(7)
    careful.end_turn(6)
    assert told == []
    careful.end_turn(5)
    careful.end_turn(5)
    assert told == [{7}]
    assert careful.is_free(7)
    assert careful.takes_turn(6)


def read(delivery_id: int) -> Delivery:
    """A delivery as it is read; of it only the id counts here."""
    return cast("Delivery", SimpleNamespace(id=delivery_id))


def test_who_ran_at_fewer_deaths_goes_first(careful: Careful) -> None:
    """Deaths with another cause fall on many; the one with the most goes only when nobody else of what was read is suspect."""
    careful.expect([1])
    lane = careful.lane(1, customer(1))
    assert lane is not None
    careful._suspects[1] = {5: 2, 6: 1, 7: 1}
    found = [read(number) for number in (4, 5, 6, 7)]
    lane.sees(found)
    assert [delivery.id for delivery in found if lane.admits(delivery.id)] == [4, 6]
    for acquitted in (6, 7):
        careful.acquit(1, acquitted)
        lane.gave_back(acquitted)
    lane.sees(found)
    assert [delivery.id for delivery in found if lane.admits(delivery.id)] == [4, 5, 6, 7]


def test_a_dropped_lane_keeps_no_turn(careful: Careful) -> None:
    """Its customer is another worker's; whoever waited here goes on."""
    told: list[set[int]] = []
    careful.on_turn = lambda lanes: told.append(set(lanes))
    careful.expect([1])
    lane = careful.lane(1, customer(1))
    assert lane is not None
    lane.drop()
    careful._suspects[1] = {5: 1}
    lane.sees([read(5)])
    assert lane.admits(5)
    assert lane.admits(9)
    assert careful.takes_turn(5)
    assert not careful.is_free(2)
    lane.drop()
    assert told == [{2}]
