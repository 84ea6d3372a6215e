"""The fleet of many, in virtual time: what workers owe each other and their customers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from archiver.destinations.memory import MemoryDestination
from archiver.errors import FencedError
from archiver.fleet.postgres import PostgresFleet
from archiver.pipeline.events import BatchSettled, CustomerLost, CustomersDropped, CustomersGivenBack, CustomersTaken, DatabaseAway
from support.fleet import TTL, FleetWorld, in_fleet_time


def slow(destination: MemoryDestination) -> None:
    """A storage whose calls take a second."""
    destination.latency = 1.0


async def customers(world: FleetWorld, count: int, items: int) -> None:
    """So many customers with slow storages, each with so many items."""
    for number in range(count):
        name = f"c{number:02}"
        await world.add_customer(name)
        world.put(name, items)
        world.prepare[name] = slow


@in_fleet_time
async def test_one_worker_serves_everybody(world: FleetWorld) -> None:
    """Alone it holds every customer, and ends by itself when nothing is left."""
    await customers(world, 5, 30)
    worker = world.worker()
    await worker.run(until_empty=True)
    assert worker.ended
    assert sum(event.customers for event in worker.seen(CustomersTaken)) == 5
    await world.nothing_lost()
    world.never_two_owners()
    assert not await SharedRows.owned(world)


class SharedRows:
    """What the database says of owners."""

    @staticmethod
    async def owned(world: FleetWorld) -> dict[str, int]:
        """Workers with customers, and how many."""
        worker = world.worker()
        await worker.database.open()
        try:
            return {row.worker.id: row.customers for row in await worker.database.workers() if row.customers}
        finally:
            await worker.database.close()


@in_fleet_time
async def test_workers_share_the_customers(world: FleetWorld) -> None:
    """Three workers that start together hold a third each; everything is archived once, and nobody calls another's storage."""
    await customers(world, 9, 40)
    workers = [world.worker() for _ in range(3)]
    async with world.fleet(*workers):
        await world.settled_in(*workers)
        assert sorted(len(worker.held) for worker in workers) == [3, 3, 3]
        await world.all_archived()
    await world.nothing_lost()
    world.never_two_owners()


@in_fleet_time
async def test_who_joins_gets_a_share_and_nothing_is_cut_short(world: FleetWorld) -> None:
    """The surplus is given back when its uploads have ended: nothing travels twice."""
    await customers(world, 6, 200)
    first, second = world.worker(), world.worker()
    async with world.fleet(first) as group:
        await world.settled_in(first)
        await asyncio.sleep(3)
        began = world.clock.time()
        group.create_task(second.run())
        await world.settled_in(first, second)
        assert (len(first.held), len(second.held)) == (3, 3)
        assert world.clock.time() - began < TTL
        await world.all_archived()
    await world.nothing_lost()
    world.never_two_owners()
    for lane in world.stores:
        carried = sum(call.items for worker in (first, second) for opened in worker.opened.get(lane, ()) for call in opened.calls)
        assert carried == 200


@in_fleet_time
async def test_a_drained_workers_customers_are_taken_at_once(world: FleetWorld) -> None:
    """It gives each back when its uploads have ended, and the others need not wait for its time to live."""
    await customers(world, 6, 400)
    first, second = world.worker(), world.worker()
    async with world.fleet(first, second):
        await world.settled_in(first, second)
        first.stop.set()
        began = world.clock.time()
        await world.settled_in(second)
        assert world.clock.time() - began < 5
        assert not any(event.careful for event in second.seen(CustomersTaken))
        await world.all_archived()
    assert first.ended
    await world.nothing_lost()
    world.never_two_owners()


@in_fleet_time
async def test_a_dead_workers_customers_are_taken_within_its_time_to_live_and_a_beat(world: FleetWorld) -> None:
    """The others find them by themselves, are told that somebody died, and share them out without taking too many."""
    await customers(world, 9, 400)
    first, second, third = (world.worker() for _ in range(3))
    async with world.fleet(second, third) as group:
        dying = group.create_task(first.run())
        await world.settled_in(first, second, third)
        await asyncio.sleep(3)
        given_back = len(second.seen(CustomersGivenBack) + third.seen(CustomersGivenBack))
        dying.cancel()
        began = world.clock.time()
        await world.settled_in(second, third)
        assert TTL / 2 < world.clock.time() - began < TTL * 1.25 + 1
        assert sum(event.careful for event in second.seen(CustomersTaken) + third.seen(CustomersTaken)) == 3
        assert len(second.seen(CustomersGivenBack) + third.seen(CustomersGivenBack)) == given_back
        await world.all_archived()
    await world.nothing_lost()
    world.never_two_owners()


@in_fleet_time
async def test_a_worker_whose_beats_get_no_answer_drops_everything_in_time(world: FleetWorld) -> None:
    """Its connection hangs, and so does the beat: before others take its customers its uploads are cancelled; later it enters anew."""
    await customers(world, 4, 600)
    first, second = world.worker(), world.worker()
    connected = asyncio.Event()
    connected.set()
    for call in ("beat", "take", "share", "settle", "waiting", "enter", "leave", "give_back", "changes", "lanes"):
        first.database.before[call] = connected.wait
    async with world.fleet(first, second):
        await world.settled_in(first, second)
        connected.clear()
        cut = world.clock.time()
        await world.until(lambda: bool(first.seen(CustomersDropped)))
        assert world.clock.time() - cut < TTL * 0.9 + 0.1, "it waited for the answer to its beat"
        await world.settled_in(second)
        (dropped,) = first.seen(CustomersDropped)
        assert dropped.customers == 2
        assert first.held == set()
        await asyncio.sleep(30)
        connected.set()
        await world.settled_in(first, second)
        assert len(first.names) == 2
        assert len(first.held) == 2
        await world.all_archived()
    await world.nothing_lost()
    world.never_two_owners()


@in_fleet_time
async def test_a_worker_that_stood_still_begins_nothing_more(world: FleetWorld) -> None:
    """Its process was stopped for longer than its time to live: not one more call is made for customers that others may have by now."""
    await customers(world, 2, 600)
    first, second = world.worker(), world.worker()
    async with world.fleet(first, second):
        await world.settled_in(first, second)
        await asyncio.sleep(2.5)
        (held,) = first.held
        lane = next(world.lanes[name] for name, customer in world.customer_ids.items() if customer == held)
        first.clock.lost += 3600.0
        woke = first.clock.time()
        await world.until(lambda: len(first.names) == 2)
        assert not [at for at in first.calls(lane) if at >= woke]
        await world.settled_in(first, second)
        await world.all_archived()
    await world.nothing_lost()


@in_fleet_time
async def test_a_retry_after_is_obeyed_by_the_next_owner(world: FleetWorld) -> None:
    """A 429 is written down at once: also the heir of a worker that dies waits until it is over."""
    await world.add_customer("acme")
    world.put("acme", 300)
    scripts: list[MemoryDestination] = []

    def refuse_first(destination: MemoryDestination) -> None:
        destination.latency = 0.1
        if not scripts:
            destination.throttle_next(300.0)
        scripts.append(destination)

    world.prepare["acme"] = refuse_first
    first, second = world.worker(), world.worker()
    async with world.fleet() as group:
        dying = group.create_task(first.run())
        await world.settled_in(first)
        await asyncio.sleep(2)
        group.create_task(second.run())
        await asyncio.sleep(2)
        dying.cancel()
        await world.settled_in(second)
        await world.all_archived()
    (refused,) = first.calls(world.lanes["acme"])
    assert min(second.calls(world.lanes["acme"])) >= refused + 300.0
    await world.nothing_lost()
    world.never_two_owners()


@in_fleet_time
async def test_a_drained_worker_hands_over_its_pace(world: FleetWorld) -> None:
    """What a pacer has learnt stands in the database before the customer is given back."""
    await world.add_customer("acme")
    world.put("acme", 100)
    first = world.worker()
    world.prepare["acme"] = lambda destination: None if len(world.workers) > 1 else destination.throttle_next(5.0)
    async with world.fleet(first):
        await world.settled_in(first)
        await asyncio.sleep(8)
    (connection,) = [c for c in await world.database.connections() if c.id == world.lanes["acme"]]
    assert connection.pace
    await world.worker().run(until_empty=True)
    await world.nothing_lost()
    world.never_two_owners()


@in_fleet_time
async def test_paces_are_written_before_customers_are_given_back(world: FleetWorld) -> None:
    """Whoever comes next may take the customer in the same moment, and must not begin without them."""
    await customers(world, 4, 400)
    for name, prepare in list(world.prepare.items()):
        world.prepare[name] = lambda destination, prepare=prepare: (prepare(destination), destination.throttle_next(1.0))
    first, second = world.worker(), world.worker()
    said: list[str] = []

    def note(what: str) -> Callable[[], Awaitable[None]]:
        async def noted() -> None:
            said.append(what)

        return noted

    for call in ("save_pace", "give_back"):
        first.database.before[call] = note(call)
    async with world.fleet(first) as group:
        await world.settled_in(first)
        await world.until(lambda: said.count("save_pace") == 4)  # each lane has learnt something, at its first 429
        said.clear()
        group.create_task(second.run())
        await world.settled_in(first, second)
        for count, what in enumerate(said):
            assert what == "save_pace" or said[:count].count("save_pace") > said[:count].count("give_back"), said[: count + 1]
        assert said.count("save_pace") == 2


@in_fleet_time
async def test_a_short_absence_of_the_database_stops_no_upload(world: FleetWorld) -> None:
    """While the deadline has not come uploads go on and their outcomes wait; nothing is dropped, nothing travels twice."""
    await customers(world, 2, 100)
    worker = world.worker()
    async with world.fleet(worker):
        await world.settled_in(worker)
        await asyncio.sleep(3)
        for call in ("beat", "settle", "share", "changes"):
            worker.database.fails[call] = 3
        await world.all_archived()
    assert worker.seen(DatabaseAway)
    assert not worker.seen(CustomersDropped)
    assert sum(call.items for opened in worker.opened.values() for one in opened for call in one.calls) == 200
    await world.nothing_lost()


@in_fleet_time
async def test_a_long_absence_of_the_database_drops_everything_and_all_goes_on_afterwards(world: FleetWorld) -> None:
    """Nobody can beat, so everybody drops what it has, also outcomes that could not be written; when the database is back all go on."""
    await customers(world, 4, 200)
    workers = [world.worker() for _ in range(2)]
    async with world.fleet(*workers):
        await world.settled_in(*workers)
        await asyncio.sleep(3)
        calls = (
            "beat",
            "settle",
            "share",
            "changes",
            "take",
            "leave",
            "enter",
            "lanes",
            "waiting",
            "customers",
            "save_pace",
            "ready_lanes",
        )
        for worker in workers:
            worker.database.fails |= dict.fromkeys(calls, 1_000_000)
        await asyncio.sleep(3 * TTL)
        assert all(worker.seen(CustomersDropped) and not worker.held for worker in workers)
        for worker in workers:
            worker.database.fails.clear()
        await world.settled_in(*workers)
        await world.all_archived()
    assert all(len(worker.names) == 2 for worker in workers)
    await world.nothing_lost()
    world.never_two_owners()


@in_fleet_time
async def test_a_customer_that_another_worker_owns_is_dropped_at_the_first_refused_write(world: FleetWorld) -> None:
    """The database took the worker for dead sooner than it did itself: its write is fenced, and it cancels that customer's uploads."""
    await customers(world, 1, 300)
    first, second = world.worker(), world.worker()
    async with world.fleet() as group:
        group.create_task(first.run())
        await world.settled_in(first)
        await asyncio.sleep(3)
        first.database.fails["beat"] = 1  # so that it does not hear of it before
        world.roll.bury(first.names[0])
        group.create_task(second.run())
        await world.until(lambda: bool(first.seen(CustomerLost)))
        (lost,) = first.seen(CustomerLost)
        assert lost.epoch == 1
        assert not first.assembly.lanes.awake
        await world.all_archived()
    await world.nothing_lost()
    settled = [event for event in first.seen(BatchSettled) if event.refused]
    assert settled[-1].archived == 0


@in_fleet_time
async def test_a_refused_write_of_a_customer_that_is_still_ours_only_interrupts(world: FleetWorld) -> None:
    """The database is asked who owns it, and the customer goes on under the epoch that it tells."""
    await customers(world, 1, 200)
    worker = world.worker()
    async with world.fleet(worker):
        await world.settled_in(worker)
        await world.until(lambda: bool(worker.assembly.lanes.awake))
        await asyncio.sleep(2.5)
        (lane,) = worker.assembly.lanes.awake.values()
        worker.assembly.lanes.refused(lane)
        assert lane.dropped
        await world.all_archived()
    assert len(worker.names) == 1
    await world.nothing_lost()


@in_fleet_time
async def test_it_can_be_stopped_before_it_has_entered(world: FleetWorld) -> None:
    """The database is away from the beginning: a stop is heard all the same."""
    await world.add_customer("acme")
    worker = world.worker()
    worker.database.fails["enter"] = 1_000_000
    async with world.fleet(worker):
        await asyncio.sleep(60)
    assert world.clock.time() < 70
    assert worker.ended
    assert not worker.names


@in_fleet_time
async def test_a_failure_ends_the_worker_and_leaves_its_customers_to_careful_heirs(world: FleetWorld) -> None:
    """A service that fails comes out alone; it did not leave, so whoever comes next is told of a death."""
    await customers(world, 1, 50)
    first, second = world.worker(), world.worker()

    async def beside() -> None:
        await asyncio.sleep(3)
        raise FencedError("something is wrong")

    await first.database.open()
    fleet = PostgresFleet(first.database, first.clock, ttl=TTL, listener=first._listen, make_id=first._make_id)
    with pytest.raises(FencedError):
        await fleet.run(first.assembly, first.stop, drain_seconds=5, beside=[beside()])
    await first.database.close()
    async with world.fleet(second):
        await world.all_archived()
    assert [event.careful for event in second.seen(CustomersTaken)] == [1]
    await world.nothing_lost()
