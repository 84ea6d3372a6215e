"""Lanes: which are awake, and what lets them sleep and wake."""

from __future__ import annotations

import asyncio

from archiver.errors import QuotaFullError, TransientError, UnavailableError
from archiver.model import ConnectionState
from archiver.pipeline.events import LaneIdle, LaneParked, LaneResumed, LaneWoke, ProviderUnavailable
from support.world import World, in_virtual_time


@in_virtual_time
async def test_an_idle_lane_is_put_away_and_wakes_by_a_hint(world: World) -> None:
    """A customer without work costs nothing: no Uploader, no destination; the next item brings them back."""
    await world.add_customer("acme")
    world.put("acme", 3)
    assembly = world.assembly()
    async with world.running(assembly):
        await world.until(lambda: bool(world.seen(LaneIdle)))
        assert not assembly.lanes.awake
        assert world.opened[world.lanes["acme"]].closed
        assert len(assembly._pipeline.stats().stages) == 1
        world.put("acme", 1, prefix="new")
        await world.until(lambda: len(world.stores[world.lanes["acme"]].objects) == 4)
    assert len(world.seen(LaneWoke)) == 2


@in_virtual_time
async def test_customers_without_work_are_never_woken(world: World) -> None:
    """Of a hundred customers only those with items have a lane."""
    for number in range(100):
        await world.add_customer(f"c{number}")
    world.put("c7", 1)
    assembly = world.assembly()
    async with world.running(assembly):
        await world.until(lambda: bool(world.stores[world.lanes["c7"]].objects))
        assert len(assembly.lanes.awake) == 1


@in_virtual_time
async def test_a_deferred_delivery_is_tried_when_it_is_due(world: World) -> None:
    """Its own time wakes the lane; nobody polls."""
    await world.add_customer("acme")
    world.put("acme", 1)
    times = [2]
    world.prepare["acme"] = lambda destination: destination.script.fail(TransientError("502"), times=times.pop() if times else 0)
    assembly = world.assembly()
    async with world.running(assembly):
        began = world.clock.time()
        await world.until(lambda: bool(world.stores[world.lanes["acme"]].objects))
        # 2.5-5 s, then 30-60 s; the lane was put away meanwhile, and the sweep or the timer woke it.
        assert 32 <= world.clock.time() - began <= 100
    assert assembly.fetcher.reads < 30


@in_virtual_time
async def test_an_unreachable_provider_is_probed_by_one_lane(world: World) -> None:
    """Twenty lanes of a provider that is away: after the circuit opened, one probes for all, more and more rarely."""
    names = [f"c{number}" for number in range(20)]
    for name in names:
        await world.add_customer(name)
        world.put(name, 3)
        world.prepare[name] = lambda destination: destination.script.fail(UnavailableError("no route"), times=10_000)
    async with world.running(world.assembly()):
        await world.until(lambda: len(world.seen(ProviderUnavailable)) >= 3)
        calls = sum(len(destination.calls) for destination in world.opened.values())
        for _ in range(100):
            await asyncio.sleep(1)
        probes = sum(len(destination.calls) for destination in world.opened.values()) - calls
        assert 2 <= probes <= 30, probes
        for destination in world.opened.values():
            destination.script.clear()
        await world.until(lambda: all(len(store.objects) == 3 for store in world.stores.values()))


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


@in_virtual_time
async def test_a_lost_hint_costs_a_sweep_at_most(world: World) -> None:
    """Another process adds items, and even its write is overlooked: the sweep finds the lane."""
    await world.add_customer("acme")
    assembly = world.assembly()
    async with world.running(assembly):
        await asyncio.sleep(5)
        assembly.collector._hint = lambda _: None
        began = world.clock.time()
        world.put("acme", 1)
        await world.until(lambda: bool(world.stores[world.lanes["acme"]].objects))
        assert world.clock.time() - began <= 31


@in_virtual_time
async def test_the_pace_is_kept_for_the_next_process(world: World) -> None:
    """What the pacer learnt stands with the connection when the process has drained."""
    await world.add_customer("acme")
    world.put("acme", 30)
    world.prepare["acme"] = lambda destination: destination.throttle_next(2.0)
    await world.run_until_empty()
    (connection,) = [c for c in await world.database.connections() if c.id == world.lanes["acme"]]
    assert connection.pace
