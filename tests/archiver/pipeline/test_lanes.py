"""Lanes: which are awake, and what lets them sleep and wake."""

from __future__ import annotations

import asyncio

from archiver.destinations.memory import MemoryDestination
from archiver.destinations.port import Destination, Pace
from archiver.errors import ConfigError, ReconnectNeededError, TransientError, UnavailableError
from archiver.model import Connection, ConnectionState, CustomerState
from archiver.pipeline.events import LaneIdle, LaneParked, LaneResumed, LaneThrottled, LaneWoke, ProviderUnavailable
from support.fleet import FleetWorld, in_fleet_time
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
async def test_each_site_has_a_circuit_of_its_own(world: World) -> None:
    """Three customers' own servers are away: of the fourth, at another host, nothing is held up, and nobody probes for it."""
    names = ("a", "b", "c", "d")
    for name in names:
        await world.add_customer(name)
        world.put(name, 5)
    for name in names[:3]:
        world.prepare[name] = lambda destination: destination.script.fail(UnavailableError("no route"), times=10_000)
    world.site = lambda connection: "theirs" if connection.id == world.lanes["d"] else "away"
    assembly = world.assembly()
    async with world.running(assembly):
        await world.until(lambda: len(world.seen(ProviderUnavailable)) >= 3)
        circuits = [assembly.lanes.awake[world.lanes[name]].circuit for name in names[:3]]
        assert circuits == [circuits[0]] * 3
        began = world.clock.time()
        world.put("d", 100, prefix="later-")
        await world.until(lambda: len(world.stores[world.lanes["d"]].objects) == 105)
        assert world.clock.time() - began < 5
        assert circuits[0].is_open
        assert not assembly.lanes.awake[world.lanes["d"]].circuit.is_open


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


def _unreachable_then(*errors: Exception, times: int = 3) -> object:
    """What a destination does: it cannot be reached so often, then it says these."""

    def prepare(destination: MemoryDestination) -> None:
        destination.script.fail(UnavailableError("no route"), times=times)
        for error in errors:
            destination.script.fail(error)  # type: ignore[arg-type]

    return prepare


@in_virtual_time
async def test_a_probe_that_ends_otherwise_sets_the_others_free(world: World) -> None:
    """The lane that probed for all is refused for good: the provider is there, so everybody goes on."""
    for name in ("a", "b", "c"):
        await world.add_customer(name)
        world.put(name, 5)
        world.prepare[name] = _unreachable_then(ReconnectNeededError("revoked"))  # type: ignore[assignment]
    world.prepare["c"] = _unreachable_then()  # type: ignore[assignment]
    async with world.running(world.assembly()):
        await world.until(lambda: len(world.stores[world.lanes["c"]].objects) == 5)
        assert world.seen(ProviderUnavailable)
        assert world.clock.time() < 40  # the three take turns at probing


@in_virtual_time
async def test_a_probe_without_work_leaves_its_place_to_others(world: World) -> None:
    """The customer whose lane was to probe is paused before it could: another lane probes."""
    other = world.another_database()
    await other.open()
    for name in ("a", "b", "c"):
        await world.add_customer(name)
        world.put(name, 5)
        world.prepare[name] = _unreachable_then(times=2)  # type: ignore[assignment]
    assembly = world.assembly()
    try:
        async with world.running(assembly):
            await world.until(lambda: bool(world.seen(ProviderUnavailable)))
            circuit = next(iter(assembly.lanes.awake.values())).circuit
            await asyncio.sleep(circuit.open_until - world.clock.time())
            assert circuit.lets(world.lanes["a"], world.clock.time())
            await other.set_customer_state("a", CustomerState.PAUSED)
            await world.until(lambda: all(len(world.stores[world.lanes[name]].objects) == 5 for name in ("b", "c")))
            assert world.clock.time() < 40
    finally:
        await other.close()


@in_virtual_time
async def test_a_lane_that_gets_work_while_others_are_put_away_stays_awake(world: World) -> None:
    """Two lanes are over; while the first is put away something comes for the second, which is served at once and not at the next sweep."""
    for name in ("a", "b"):
        await world.add_customer(name)
        world.put(name, 1)
    assembly = world.assembly()
    came: list[float] = []

    def prepare(destination: MemoryDestination) -> None:
        close = destination.close

        async def slowly() -> None:
            if not came:
                came.append(world.clock.time())
                world.opened[world.lanes["b"]].latency = 1.0
                world.put("b", 20, prefix="new")
                await asyncio.sleep(0.5)
            await close()

        destination.close = slowly

    world.prepare["a"] = prepare
    async with world.running(assembly):
        await world.until(lambda: len(world.stores[world.lanes["b"]].objects) == 21)
        assert came
        assert world.clock.time() - came[0] < 5.0


@in_virtual_time
async def test_a_destination_that_cannot_be_opened_parks_its_lane_only(world: World) -> None:
    """Its adapter is not installed any more, or its key is not held: it is told once, and everybody else is served."""
    for name in ("broken", "acme"):
        await world.add_customer(name)
        world.put(name, 3)
    assembly_of, broken = world.open_destination, world.lanes["broken"]
    healed = False

    def open_destination(connection: Connection, pace: Pace) -> Destination:
        if connection.id == broken and not healed:
            raise ConfigError("its key is not held")
        return assembly_of(connection, pace)

    world.open_destination = open_destination  # type: ignore[method-assign]
    async with world.running(world.assembly()):
        await world.until(lambda: len(world.stores[world.lanes["acme"]].objects) == 3)
        await asyncio.sleep(3600)
        counters = await world.counters("broken")
        assert (counters.state, counters.reason) == (ConnectionState.MISCONFIGURED, "its key is not held")
        assert len(world.seen(LaneParked)) == 1
        healed = True
        await world.until(lambda: len(world.stores[broken].objects) == 3)


@in_virtual_time
async def test_a_customer_resumed_before_its_lane_was_put_away_goes_on(world: World) -> None:
    """Paused and resumed while an upload runs: what waits follows without a sweep."""
    other = world.another_database()
    await other.open()
    await world.add_customer("acme")
    world.put("acme", 20)
    world.prepare["acme"] = lambda destination: setattr(destination, "latency", 5.0)
    try:
        async with world.running(world.assembly()):
            await asyncio.sleep(1.0)
            await other.set_customer_state("acme", CustomerState.PAUSED)
            await asyncio.sleep(2.0)
            await other.set_customer_state("acme", CustomerState.ACTIVE)
            await world.until(lambda: len(world.stores[world.lanes["acme"]].objects) == 20)
            assert len(world.seen(LaneWoke)) == 1
    finally:
        await other.close()


@in_virtual_time
async def test_what_this_process_changes_itself_is_seen_too(world: World) -> None:
    """A pause by this process's own connection changes nothing that the database tells it of; it says so itself."""
    await world.add_customer("acme")
    world.put("acme", 100)
    world.prepare["acme"] = lambda destination: setattr(destination, "latency", 1.0)
    assembly = world.assembly()
    async with world.running(assembly):
        await world.until(lambda: bool(world.stores[world.lanes["acme"]].objects))
        await world.database.set_customer_state("acme", CustomerState.PAUSED)
        assembly.lanes.look_again()
        await world.until(lambda: bool(world.seen(LaneIdle)))
        there = len(world.stores[world.lanes["acme"]].objects)
        assert there < 100
        await world.database.set_customer_state("acme", CustomerState.ACTIVE)
        assembly.lanes.look_again()
        began = world.clock.time()
        await world.until(lambda: len(world.stores[world.lanes["acme"]].objects) > there)
        assert world.clock.time() - began < 5.0


@in_virtual_time
async def test_a_lane_that_is_being_parked_is_not_taken_for_resumed(world: World) -> None:
    """Another process writes something else just when a lane is parked and the database does not know it yet."""
    other = world.another_database()
    await other.open()
    await world.add_customer("acme")
    world.put("acme", 1)
    assembly = world.assembly()
    parked: list[bool] = []

    async def park() -> None:
        lane = assembly.lanes.awake.get(world.lanes["acme"])
        if lane is not None and lane.idle and not parked:
            parked.append(True)
            await other.add_customer("newcomer", path_template="/{id}")
            assembly.lanes.park(lane, ConnectionState.RECONNECT_NEEDED, "revoked")

    world.database.before["changes"] = park
    try:
        async with world.running(assembly):
            await world.until(lambda: bool(world.seen(LaneParked)))
            await world.until(lambda: bool(world.seen(LaneIdle)))
    finally:
        await other.close()
    assert not world.seen(LaneResumed)
    assert (await world.counters("acme")).state is ConnectionState.RECONNECT_NEEDED


@in_fleet_time
async def test_lanes_that_fall_while_another_is_put_away_are_let_alone(world: FleetWorld) -> None:
    """The worker's deadline comes while a destination takes its time to close: that is no reason to end."""
    for name in ("first", "second"):
        await world.add_customer(name)
        world.put(name, 1)
    worker = world.worker()
    fell = asyncio.Event()

    async def fall() -> None:
        if not fell.is_set():
            fell.set()
            worker.assembly.drop()

    def prepare(destination: MemoryDestination) -> None:
        close = destination.close

        async def falling() -> None:
            await fall()
            await close()

        destination.close = falling

    world.prepare["first"] = world.prepare["second"] = prepare
    async with world.fleet(worker):
        await fell.wait()
        await asyncio.sleep(2.0)
        assert worker.ended is None
        assert not worker.assembly.lanes.awake


@in_virtual_time
async def test_a_lane_that_slept_remembers_its_retry_after_though_the_clock_was_set(world: World) -> None:
    """Set an hour ahead, the wall clock says that the time is over; this process knows better by its own."""
    await world.add_customer("acme")
    world.put("acme", 1)
    world.prepare["acme"] = lambda destination: destination.throttle_next(300.0)
    assembly = world.assembly()
    async with world.running(assembly):
        await world.until(lambda: bool(world.seen(LaneThrottled)))
        refused_at = world.clock.time()
        del world.prepare["acme"]
        for state in (CustomerState.PAUSED, CustomerState.ACTIVE):  # it is put away, and wakes again
            await world.database.set_customer_state("acme", state)
            world.clock.start += 1800.0
            assembly.lanes.look_again()
            await asyncio.sleep(2.0)
        assert len(world.seen(LaneWoke)) == 2
        await world.until(lambda: bool(world.stores[world.lanes["acme"]].objects))
        assert world.clock.time() >= refused_at + 300.0
