"""Patience with the Database: nothing that it cannot do now ends the process, hangs it or loses anything."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from archiver.destinations.memory import MemoryDestination
from archiver.errors import DatabaseUnavailableError, QuotaFullError
from archiver.model import ConnectionState
from archiver.pipeline.events import DatabaseAway, LaneParked, SourceFailed
from archiver.pipeline.patience import Patience, rest_seconds
from genstage.testing import VirtualClock, run
from support.world import World, in_virtual_time

_READS = ("waiting", "ready_lanes", "lanes", "changes", "customers", "connections", "cursor")
_WRITES = ("settle", "save_sessions", "save_pace", "set_connection_state", "add_births")


def test_it_tries_again_until_it_works() -> None:
    """Longer and longer rests, up to five seconds; each failure is told."""
    told: list[str] = []
    left = [7]

    async def work(answer: str) -> str:
        if left[0]:
            left[0] -= 1
            raise DatabaseUnavailableError("full")
        return answer

    async def scenario() -> float:
        patience = Patience(VirtualClock(), lambda error: told.append(error.message))
        assert await patience(work, "yes") == "yes"
        return asyncio.get_running_loop().time()

    assert run(scenario) == pytest.approx(0.1 + 0.5 + 1 + 2 + 5 + 5 + 5)
    assert told == ["full"] * 7
    assert rest_seconds(1000) == 5.0


def test_at_the_end_nobody_waits() -> None:
    """Then the error comes out at once."""
    patience = Patience(VirtualClock(), lambda _: None)
    patience.end()

    async def work() -> None:
        raise DatabaseUnavailableError("full")

    with pytest.raises(DatabaseUnavailableError):
        run(lambda: patience(work))


@in_virtual_time
async def test_a_database_that_is_away_ends_nothing(world: World) -> None:
    """Every read and every write fails for a while, at the beginning and again in the middle; all arrives, nothing is charged."""
    for name in ("airline", "bakery", "clinic"):
        await world.add_customer(name)
    world.put("airline", 100)
    world.put("bakery", 3, size=50_000)
    world.put("clinic", 5)
    full = [True]
    world.prepare["airline"] = lambda destination: destination.throttle_next(3.0)
    world.prepare["clinic"] = lambda destination: destination.script.fail(QuotaFullError("full"), times=9 if full[0] else 0)
    for method in (*_READS, *_WRITES):
        world.database.fails[method] = 4
    async with world.running(world.assembly()):
        await world.until(lambda: bool(world.seen(LaneParked)))
        full[0] = False
        await world.until(lambda: [len(world.stores[world.lanes[name]].objects) for name in world.lanes] == [100, 3, 5])
        for method in (*_READS, *_WRITES):
            world.database.fails[method] = 4
        for name in world.lanes:
            world.put(name, 2, prefix="more")
        await world.until(lambda: [len(world.stores[world.lanes[name]].objects) for name in world.lanes] == [102, 5, 7])
    assert world.seen(DatabaseAway)
    assert not world.seen(SourceFailed)  # the sources are not to blame
    assert [(await world.counters(name)).archived for name in world.lanes] == [102, 5, 7]
    assert (await world.counters("clinic")).state is ConnectionState.ACTIVE


@in_virtual_time
async def test_nothing_is_asked_while_nothing_can_be_written(world: World) -> None:
    """A full disk: what is in flight ends and waits, no more is read; when there is space again it goes on by itself."""
    await world.add_customer("airline")
    world.put("airline", 500)
    world.database.fails["settle"] = 20
    assembly = world.assembly()
    async with world.running(assembly):
        await world.until(lambda: len(world.seen(DatabaseAway)) > 5)
        reads, there = assembly.fetcher.reads, len(world.stores[world.lanes["airline"]].objects)
        await world.until(lambda: len(world.seen(DatabaseAway)) == 20)
        assert (assembly.fetcher.reads, len(world.stores[world.lanes["airline"]].objects)) == (reads, there)
        await world.until(lambda: assembly.settlement.archived == 500)
    assert (await world.counters("airline")).archived == 500


@in_virtual_time
async def test_a_drain_with_the_database_away_ends_in_time(world: World) -> None:
    """It cannot settle and cannot save paces: it says that not all ended, closes everything, and the next run finds what is there."""
    await world.add_customer("airline")
    world.put("airline", 50)
    opened: list[MemoryDestination] = []
    world.prepare["airline"] = opened.append
    failing: dict[str, Any] = dict.fromkeys((*_READS, *_WRITES), 10_000)
    async with world.running(world.assembly()):
        await world.until(lambda: bool(world.stores[world.lanes["airline"]].objects))
        world.database.fails.update(failing)
        began = world.clock.time()
    assert world.clock.time() - began < 30
    assert all(destination.closed for destination in opened)
    world.database.fails.clear()
    await world.run_until_empty()
    assert (await world.counters("airline")).archived == len(world.stores[world.lanes["airline"]].objects) == 50
