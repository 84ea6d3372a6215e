"""The fleet of one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from archiver.database.port import Worker
from archiver.errors import FencedError
from archiver.fleet.local import LocalFleet
from archiver.model import CustomerState
from archiver.sources.memory import MemorySource
from archiver.sources.port import Page
from support.world import World, in_virtual_time


@in_virtual_time
async def test_it_serves_until_it_is_told_to_stop(world: World) -> None:
    """Without anything to do it waits, and ends when the event is set, with everything closed."""
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(100, stop.set)
    assert await LocalFleet(world.clock).run(world.assembly(), stop, drain_seconds=5)
    assert 100 <= world.clock.time() <= 110


@in_virtual_time
async def test_until_empty_it_ends_by_itself(world: World) -> None:
    """When the sources were read and nothing is left; what is deferred to later does not hold it up."""
    await world.add_customer("acme")
    world.put("acme", 20)
    stop = asyncio.Event()
    assert await LocalFleet(world.clock).run(world.assembly(), stop, drain_seconds=5, until_empty=True)
    assert stop.is_set()
    assert (await world.counters("acme")).archived == 20


@in_virtual_time
async def test_what_runs_beside_ends_with_it(world: World) -> None:
    """The display of progress is cancelled after the drain, not before."""
    seen: list[str] = []

    async def beside() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("ended")

    await LocalFleet(world.clock).run(world.assembly(), asyncio.Event(), drain_seconds=5, until_empty=True, beside=[beside()])
    assert seen == ["ended"]


@in_virtual_time
async def test_an_error_beside_comes_out_alone(world: World) -> None:
    """One failure reads better without the group that asyncio wraps it in."""

    async def beside() -> None:
        raise FencedError("somebody else owns it")

    with pytest.raises(FencedError):
        await LocalFleet(world.clock).run(world.assembly(), asyncio.Event(), drain_seconds=5, beside=[beside()])


@in_virtual_time
async def test_sources_are_watched_while_their_customer_is_active(world: World) -> None:
    """Customers that are added, paused and resumed by another process begin, end and begin again to be watched."""
    watched: list[str] = []

    class Noted(MemorySource):
        async def discover(self, cursor: str) -> AsyncGenerator[Page]:
            watched.append("begin")
            try:
                async for page in super().discover(cursor):
                    yield page
            finally:
                watched.append("end")

    other = world.another_database()
    await other.open()
    async with world.running(world.assembly()):
        await asyncio.sleep(3)
        guest = World(world.path)
        guest.database = other
        await guest.add_customer("acme")
        world.lanes, world.source_ids, world.stores = guest.lanes, guest.source_ids, guest.stores
        world.sources = {guest.source_ids["acme"]: Noted()}
        for state in (CustomerState.PAUSED, CustomerState.ACTIVE):
            await asyncio.sleep(3)
            await other.set_customer_state("acme", state)
        await asyncio.sleep(3)
        assert watched == ["begin", "end", "begin"]
    await other.close()
    assert watched[-1] == "end"


@in_virtual_time
async def test_a_clean_end_is_no_death_and_a_failure_is_one(world: World) -> None:
    """Who drained has left; what ended by an error may have died of what was under way, and the next one is careful."""

    async def beside() -> None:
        raise FencedError("somebody else owns it")

    probe = Worker(id="probe", host="host", pid=1)
    await world.run_until_empty()
    assert not await world.database.enter(probe, ttl=0)
    await world.database.leave(probe)
    with pytest.raises(FencedError):
        await LocalFleet(world.clock).run(world.assembly(), asyncio.Event(), drain_seconds=5, beside=[beside()])
    assert await world.database.enter(probe, ttl=0)


@in_virtual_time
async def test_a_database_that_is_away_delays_the_beginning_and_not_the_end(world: World) -> None:
    """It waits until it is known whether somebody died; that it leaves it says once, and the next one is careful in vain."""
    world.database.fails.update(enter=3, leave=1)
    await world.run_until_empty()
    assert world.database.fails.total() == 0
    assert await world.database.enter(Worker(id="probe", host="host", pid=1), ttl=0)
