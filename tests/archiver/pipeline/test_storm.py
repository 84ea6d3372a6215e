"""Storms: whatever happens together, in the end each item is archived exactly once, and nothing is left held, asleep or in flight.

A seed is a storm: the same one each time. One that fails is named by its test.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from archiver.destinations.memory import MemoryDestination, RateLimit, Script
from archiver.errors import (
    MisconfiguredError,
    QuotaFullError,
    ReconnectNeededError,
    ThrottleKind,
    TransientError,
    UnavailableError,
)
from archiver.fleet.local import LocalFleet
from archiver.lifecycle import DeliveryState
from archiver.model import Connection, ConnectionState, CustomerState
from archiver.pipeline.assembly import Assembly
from archiver.pipeline.events import BatchSettled, Event
from archiver.pipeline.share import Budget
from archiver.sources.port import Source
from genstage.testing import run
from support.world import World

_PARKING = (QuotaFullError("full"), MisconfiguredError("not permitted"), ReconnectNeededError("revoked"))
_DATABASE = (
    "waiting",
    "ready_lanes",
    "lanes",
    "changes",
    "customers",
    "connections",
    "cursor",
    "settle",
    "save_sessions",
    "save_pace",
    "set_connection_state",
    "add_births",
)


class Weather:
    """Customers, and what befalls them."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = random.Random(seed)
        self.scripts: dict[int, Script] = {}
        self.limits: dict[int, RateLimit | None] = {}
        self.latencies: dict[int, float] = {}
        self.other: Any = world.another_database()
        self.waves = 0
        world.open_source = self.open_source  # type: ignore[method-assign]
        world.sweep_seconds = 3600.0  # so rarely that a hint or a timer which is lost shows
        world.budget = Budget(items=self.random.choice([50, 200, 2000]), bytes=self.random.choice([20, 32]) * 1024 * 1024)

    async def begin(self) -> None:
        """Adds customers with some items."""
        await self.other.open()
        for number in range(self.random.randint(5, 10)):
            name = f"c{number}"
            await self.world.add_customer(name, weight=self.random.randint(1, 3))
            lane = self.world.lanes[name]
            self.scripts[lane] = Script()
            self.limits[lane] = None
            self.latencies[lane] = self.random.choice([0.0, 0.05, 1.0])
            self.world.prepare[name] = lambda destination, lane=lane: self.prepare(destination, lane)  # type: ignore[misc]
            self.rain(name)

    def open_source(self, connection: Connection) -> Source:
        """The customer's source, whichever run opens it."""
        source = self.world.sources[connection.id]
        source._closed = False
        return source

    def prepare(self, destination: MemoryDestination, lane: int) -> None:
        """What befalls a lane outlasts its destination."""
        destination.script = self.scripts[lane]
        destination.limit = self.limits[lane]
        destination.latency = self.latencies[lane]

    def rain(self, name: str) -> None:
        """New items, a few large ones among them."""
        self.waves += 1
        self.world.put(name, self.random.randint(0, 40), prefix=f"{self.waves}-")
        if self.random.random() < 0.3:
            self.world.put(name, self.random.randint(1, 3), size=self.random.choice([0, 10_001, 50_000]), prefix=f"{self.waves}-big")

    async def strike(self) -> None:
        """One thing that goes wrong, or comes."""
        chance = self.random
        name = chance.choice(sorted(self.world.lanes))
        if chance.random() < 0.5:
            self._strike_calls(self.scripts[self.world.lanes[name]])
            return
        match chance.randrange(6):
            case 0 | 1:
                self.rain(name)
            case 2:
                await self.other.set_customer_state(name, chance.choice(list(CustomerState)))
            case 3:
                self.world.database.fails[chance.choice(_DATABASE)] += chance.randint(1, 3)
            case 4:
                self._limit(self.world.lanes[name])
            case _:
                self.world.clock.start += chance.choice([-5.0, 300.0])  # somebody sets the machine's clock

    def _strike_calls(self, script: Script) -> None:
        chance = self.random
        match chance.randrange(6):
            case 0:
                kind = chance.choice(list(ThrottleKind))
                script.throttle(chance.choice([None, 0.2, 1.0, 5.0, 20.0]), kind, calls=chance.randint(1, 3))
            case 1:
                script.fail(UnavailableError("no route"), times=chance.randint(1, 3))
            case 2:
                for each in self.scripts.values():
                    each.fail(UnavailableError("the provider is away"), times=chance.randint(1, 3))
            case 3:
                script.fail(TransientError("502"), times=chance.randint(1, 3))
            case 4:
                chance.choice([script.lose_answer, script.corrupt])()
            case _:
                script.fail(chance.choice(_PARKING))

    def _limit(self, lane: int) -> None:
        chance = self.random
        limit = RateLimit(calls_per_second=chance.choice([0.5, 3.0, 30.0]), burst=2, retry_after=chance.choice([None, 1.0, 4.0]))
        self.limits[lane] = chance.choice([None, limit])
        if lane in self.world.opened:
            self.world.opened[lane].limit = self.limits[lane]

    async def rage(self, strikes: int) -> None:
        """So many strikes, one after the other."""
        for _ in range(strikes):
            await asyncio.sleep(self.random.choice([0.0, 0.01, 0.3, 2.0, 12.0]))
            await self.strike()

    def assembly(self) -> Assembly:
        """Of the next process; its accounts are looked at after everything that happens."""
        assembly: Assembly

        def listen(event: Event) -> None:
            assert not isinstance(event, BatchSettled) or not event.refused, "something was uploaded twice at once"
            held = 0
            for lane in assembly.lanes.awake.values():
                assert min(lane.held_items, lane.held_bytes, lane.queued, lane.puts, lane.asked) >= 0
                assert lane.in_flight or lane.asked or (lane.held_items, lane.held_bytes) == (0, 0)
                held += lane.held_items
            assert held <= self.world.budget.items
            self.world.changed.set()

        self.world.listen = listen  # type: ignore[method-assign]
        assembly = self.world.assembly()
        return assembly

    def last_gust(self) -> None:
        """Something of everything for everybody. Nobody sweeps or writes any more: by hints and timers alone all must get through it."""
        for name, lane in self.world.lanes.items():
            self.rain(name)
            script = self.scripts[lane]
            script.fail(UnavailableError("the provider is away"), times=self.random.randint(0, 4))
            script.fail(TransientError("502"), times=self.random.randint(0, 3))
            if self.random.random() < 0.3:
                script.fail(ReconnectNeededError("revoked"))
            if self.random.random() < 0.3:
                script.throttle(self.random.choice([None, 1.0, 5.0]), calls=2)

    async def clear(self) -> None:
        """Everything is as it should be from now on, and people have done what they must."""
        self.world.database.fails.clear()
        for lane, script in self.scripts.items():
            script.clear()
            self.limits[lane] = None
            if lane in self.world.opened:
                self.world.opened[lane].limit = None
            await self.other.set_connection_state(lane, ConnectionState.ACTIVE, "")
        for name in self.world.lanes:
            await self.other.set_customer_state(name, CustomerState.ACTIVE)
        await self.other.retry(now=int(self.world.clock.wall() * 1000))


async def _storm(seed: int, path: Path) -> None:
    world = World(path)
    await world.database.serve()
    await world.database.open()
    weather = Weather(world, seed)
    try:
        await weather.begin()
        for _ in range(weather.random.randint(1, 2)):
            await _run_in_the_storm(weather)
        await _run_to_the_end(weather)
    finally:
        await weather.other.close()
        await world.database.close()


async def _run_in_the_storm(weather: Weather) -> None:
    """One process, until it is drained or breaks off."""
    world, chance = weather.world, weather.random
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        fleet = LocalFleet(world.clock).run(weather.assembly(), stop, drain_seconds=chance.choice([0.0, 0.5, 5.0]))
        running = group.create_task(fleet)
        await weather.rage(chance.randint(5, 25))
        if chance.random() < 0.5:
            stop.set()
        else:
            running.cancel()


async def _run_to_the_end(weather: Weather) -> None:
    world = weather.world
    assembly = weather.assembly()
    async with world.running(assembly):
        await weather.rage(15)
        await weather.clear()
        await asyncio.sleep(20.0)
        await weather.clear()  # what was parked by calls that were still under way
        await asyncio.sleep(1.0)
        weather.last_gust()
        await _until_all_is_archived(weather, assembly)
        await world.until(lambda: not assembly.lanes.awake)
        assert assembly.settlement.waiting == 0
    _check_bytes(world)
    for row in await world.database.counters():
        store = world.stores[row.lane]
        assert (row.archived, row.waiting, row.rejected, row.gone) == (len(store.objects), 0, 0, 0)


async def _until_all_is_archived(weather: Weather, assembly: Assembly) -> None:
    """No lane may sleep for a minute while it could work."""
    world = weather.world
    asleep: list[set[int]] = [set()] * 12
    for _ in range(1000):
        await asyncio.sleep(5.0)
        waiting = await world.database.deliveries(state=DeliveryState.WAITING, limit=10_000)
        if not waiting and all(lane.idle for lane in assembly.lanes.awake.values()):
            return
        # What was put off before is another matter: of that only a lane's earliest has a timer, and the sweep finds the rest.
        due = {row.lane for row in waiting if not row.reason}
        asleep = [*asleep[1:], {lane for lane in due if await _is_asleep(world, assembly, lane)}]
        stuck = set.intersection(*asleep)
        assert not stuck, f"asleep with due work: {stuck}"
        records = await world.database.lanes(sorted(due))
        if not any(record.destination.state is ConnectionState.ACTIVE for record in records.values()):
            world.clock.start += 300.0  # what was put off, and slept through here, is due now
            await weather.clear()
            assembly.lanes.look_again()
    pytest.fail("it did not come to an end")


async def _is_asleep(world: World, assembly: Assembly, lane_id: int) -> bool:
    lane = assembly.lanes.awake.get(lane_id)
    if lane is None:
        (record,) = (await world.database.lanes([lane_id])).values()
        return bool(record.destination.state is ConnectionState.ACTIVE)
    return not lane.held_items and lane.closed() is None and world.clock.time() >= lane.circuit.open_until


def _check_bytes(world: World) -> None:
    for name, lane in world.lanes.items():
        source = world.sources[world.source_ids[name]]
        wanted = {f"{found.kind}/{found.external_id}": source._bytes[found.locator] for found in source._found}
        stored = {"/".join(path.rsplit("/", 2)[-2:]).split(".")[0]: found.data for path, found in world.stores[lane].objects.items()}
        assert stored == wanted


@pytest.mark.parametrize("seed", range(20))
def test_all_is_archived_once_whatever_happens(seed: int, tmp_path: Path) -> None:
    """Throttles, parks, failures, lost answers, pauses, an ailing database, jumping clocks, drains, kills: nothing lost, nothing twice."""
    run(_storm, seed, tmp_path / "archiver.db")
