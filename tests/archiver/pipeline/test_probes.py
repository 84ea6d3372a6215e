"""Probes: parked destinations that may have got better are looked at again."""

from __future__ import annotations

import asyncio

from archiver.destinations.memory import MemoryDestination
from archiver.destinations.port import Account
from archiver.errors import MisconfiguredError, QuotaFullError, ReconnectNeededError
from archiver.model import ConnectionState
from archiver.pipeline.events import LaneParked, LaneResumed
from support.world import World, in_virtual_time


@in_virtual_time
async def test_a_full_storage_is_looked_at_again_and_goes_on_by_itself(world: World) -> None:
    """Every quarter of an hour it is asked whether there is space; nobody has to press a button."""
    await world.add_customer("acme")
    world.put("acme", 5)
    full = [True]
    world.prepare["acme"] = lambda destination: destination.script.fail(QuotaFullError("full"), times=10 if full[0] else 0)
    async with world.running(world.assembly()):
        await world.until(lambda: bool(world.seen(LaneParked)))
        full[0] = False
        began = world.clock.time()
        await world.until(lambda: len(world.stores[world.lanes["acme"]].objects) == 5)
        assert 890 <= world.clock.time() - began <= 950
    assert len(world.seen(LaneResumed)) == 1
    assert (await world.counters("acme")).state is ConnectionState.ACTIVE


async def seems_well() -> Account:
    """What a look finds: it writes nothing."""
    return Account(name="somebody")


def read_only(destination: MemoryDestination) -> None:
    """May be looked at, and not be written."""
    destination.script.fail(MisconfiguredError("read only"), times=1000)
    destination.ping = seems_well  # type: ignore[method-assign]  # no script fails only what writes


@in_virtual_time
async def test_looks_that_are_in_vain_become_rarer(world: World) -> None:
    """What may not be written seems well each time, and must not be tried, and told of, each quarter of an hour."""
    world.sweep_seconds = 60.0
    await world.add_customer("acme")
    world.put("acme", 3)
    world.prepare["acme"] = read_only
    async with world.running(world.assembly()):
        await asyncio.sleep(4.5 * 3600)
        assert 4 <= len(world.seen(LaneParked)) <= 6  # after 1/4, 1/2, 1 and 2 hours
        del world.prepare["acme"]
        await world.until(lambda: len(world.stores[world.lanes["acme"]].objects) == 3, seconds=4 * 3600)


@in_virtual_time
async def test_a_destination_that_does_not_answer_its_probe_holds_up_nobody(world: World) -> None:
    """A full storage is looked at again and is silent; meanwhile another customer's item is archived at once."""
    for name in ("full", "acme"):
        await world.add_customer(name)
    world.put("full", 1)
    probing = asyncio.Event()

    def prepare(destination: MemoryDestination) -> None:
        if world.seen(LaneParked):
            destination.script.delay(100_000.0)
            probing.set()
        else:
            destination.script.fail(QuotaFullError("full"))

    world.prepare["full"] = prepare
    async with world.running(world.assembly()):
        await probing.wait()
        began = world.clock.time()
        world.put("acme", 1)
        await world.until(lambda: bool(world.stores[world.lanes["acme"]].objects))
        assert world.clock.time() - began < 1.5


@in_virtual_time
async def test_what_needs_a_person_is_not_looked_at(world: World) -> None:
    """A revoked authorisation does not come back by itself: no call is made for it, however long it waits."""
    await world.add_customer("acme")
    world.put("acme", 1)
    world.prepare["acme"] = lambda destination: destination.script.fail(ReconnectNeededError("revoked"))
    async with world.running(world.assembly()):
        await world.until(lambda: bool(world.seen(LaneParked)))
        destination = world.opened[world.lanes["acme"]]
        await asyncio.sleep(4 * 3600)
        assert world.opened[world.lanes["acme"]] is destination
        assert len(destination.calls) == 1


@in_virtual_time
async def test_a_probe_obeys_the_last_retry_after(world: World) -> None:
    """The lane was told to wait before it was parked: no look reaches it until that is over."""
    await world.add_customer("acme")
    world.put("acme", 1)
    await world.database.save_pace(world.lanes["acme"], throttled_until=int(world.clock.wall() * 1000) + 1_000_000, pace=b"")
    await world.database.set_connection_state(world.lanes["acme"], ConnectionState.QUOTA_FULL, "full")
    async with world.running(world.assembly()):
        await world.until(lambda: bool(world.stores[world.lanes["acme"]].objects))
    assert world.clock.time() > 1000
