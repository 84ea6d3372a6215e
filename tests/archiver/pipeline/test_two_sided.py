"""Two-sided pace: a lane asks for the smaller of what its destination takes and what its source gives."""

from __future__ import annotations

import asyncio

from archiver.database.port import Database
from archiver.destinations.memory import MemoryStore
from archiver.lifecycle import DeliveryState
from archiver.model import Discovery, Kind, Role
from archiver.pipeline.events import BatchSettled, DeliveryFailed
from archiver.pipeline.share import Budget
from archiver.sources.port import Room
from support.springs import Spring
from support.world import World, in_virtual_time

DAY = 86_400_000


def record(source: Spring, count: int, *, days: float = 0.0, prefix: str = "call", size: int = 500) -> None:
    """So many recordings of calls so many days ago, the newest first."""
    now = int(source.clock.wall() * 1000)
    for number in range(count):
        at = now - int(days * DAY) - number * 1000
        key = f"{prefix}{number:05}"
        data = (key.encode() * size)[:size]
        found = Discovery(
            kind=Kind.RECORDING,
            external_id=key,
            occurred_at=at,
            purge_at=at + 90 * DAY,
            locator=key,
            media_type="audio/mpeg",
            size=size,
            budget=1,
        )
        source.add(found, data)


async def spring(world: World, name: str, *, calls: int = 10, window: float = 60.0) -> Spring:
    """A customer whose source gives so many recordings a window."""
    await world.add_customer(name)
    source = Spring(world.clock, calls=calls, window=window)
    world.sources[world.source_ids[name]] = source
    return source


def archived(world: World) -> int:
    return sum(event.archived for event in world.events if isinstance(event, BatchSettled))


async def order(database: Database, name: str) -> list[str]:
    """External ids in the order in which they were archived."""
    rows = [row for row in await database.deliveries(customer=name, limit=10_000) if row.receipt is not None]
    return [row.external_id for row in sorted(rows, key=lambda row: (row.receipt.archived_at if row.receipt else 0, row.id))]


@in_virtual_time
async def test_a_slow_source_is_used_to_its_limit_and_never_pushed(world: World) -> None:
    """Ten a window and no refusal; nothing is put off, so nothing is written but what is archived; the run ends with the last one."""
    source = await spring(world, "acme", window=6.0)
    record(source, 65)
    began = world.clock.time()
    await world.run_until_empty()
    assert (await world.counters("acme")).archived == 65
    assert source.refused == 0
    assert world.clock.time() - began < 6 * 6 + 1, "six windows are needed at least"
    assert not world.seen(DeliveryFailed)
    assert sum(event.others for event in world.events if isinstance(event, BatchSettled)) == 0


@in_virtual_time
async def test_what_waits_for_its_source_holds_no_place(world: World) -> None:
    """The process may have four uploads at a time: a thousand recordings wait outside, and the other customer notices nothing."""
    world.budget = Budget(items=4)
    source = await spring(world, "acme")
    record(source, 1000)
    await world.add_customer("quiet")
    world.put("quiet", 100)
    assembly = world.assembly()
    async with world.running(assembly):
        await asyncio.sleep(10)
        assert (await world.counters("quiet")).waiting == 0
        assert (await world.counters("acme")).archived == 10
        (lane,) = [lane for lane in assembly.lanes.awake.values() if lane.id == world.lanes["acme"]]
        assert (lane.held_items, lane.held_bytes, len(lane.in_flight)) == (0, 0, 0)
        reads = assembly.fetcher.reads
        await asyncio.sleep(40)
        assert assembly.fetcher.reads - reads < 10, "while there is no room nothing is read"


@in_virtual_time
async def test_texts_go_ahead_of_recordings_that_wait(world: World) -> None:
    """What costs nothing at the source is archived at once, though a thousand recordings were found before it."""
    source = await spring(world, "acme")
    record(source, 1000)
    world.put("acme", 300)
    async with world.running(world.assembly()):
        await asyncio.sleep(20)
        assert (await world.counters("acme")).archived == 310


@in_virtual_time
async def test_the_live_goes_first_and_the_old_has_its_share(world: World) -> None:
    """A backlog of months waits; calls of today are archived within minutes, and the backlog has every fifth turn, soonest purged first."""
    source = await spring(world, "acme")
    record(source, 300, days=80, prefix="old")
    assembly = world.assembly()
    async with world.running(assembly):
        await asyncio.sleep(61)
        record(source, 100, prefix="new")
        await asyncio.sleep(12.5 * 60)
    done = await order(world.database, "acme")
    new = [one for one in done if one.startswith("new")]
    old = [one for one in done if one.startswith("old")]
    assert len(new) == 100
    assert sorted(old) == [f"old{number:05}" for number in range(300 - len(old), 300)], "what will be purged soonest goes first"
    beside = [one for one in done[20 : done.index(new[-1])] if one.startswith("old")]
    assert 0.15 < len(beside) / (len(beside) + len(new)) < 0.25


@in_virtual_time
async def test_two_destinations_share_what_one_source_gives(world: World) -> None:
    """Each recording is read for each of them; neither goes ahead of the other for long, and the source is not pushed."""
    source = await spring(world, "acme")
    second = await world.database.add_connection(world.customer_ids["acme"], Role.DESTINATION, "memory", {}, {})
    world.stores[second.id] = MemoryStore()
    record(source, 60)
    async with world.running(world.assembly()):
        await asyncio.sleep(5 * 60 + 5)
        counts = [row.archived for row in await world.database.counters()]
        assert sum(counts) >= 58
        assert abs(counts[0] - counts[1]) <= 10
    assert source.refused == 0


@in_virtual_time
async def test_a_source_that_has_no_room_after_all_charges_nobody(world: World) -> None:
    """Somebody else spends the same: what was begun goes back to its place in the order, and no try is charged."""

    class Hopeful(Spring):
        """Believes that it has room."""

        def room(self, budget: int, *, wanted: bool) -> Room:
            """Always some."""
            del budget, wanted
            return Room(items=3)

    await world.add_customer("acme")
    source = world.sources[world.source_ids["acme"]] = Hopeful(world.clock, calls=10, window=6.0)
    record(source, 30)
    await world.run_until_empty()
    assert source.refused > 0
    rows = await world.database.deliveries(customer="acme", limit=100)
    assert {(row.state, row.attempt) for row in rows} == {(DeliveryState.ARCHIVED, 0)}
    assert not world.seen(DeliveryFailed)
