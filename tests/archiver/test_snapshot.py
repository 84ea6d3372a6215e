"""One look at everything, while the pipeline runs and while it does not."""

from __future__ import annotations

import asyncio

import pytest

from archiver.database.survey import Totals
from archiver.errors import UnavailableError
from archiver.model import ConnectionState
from archiver.pipeline.events import LaneThrottled, ProviderUnavailable
from archiver.snapshot import Lookout
from support.world import World, in_virtual_time


@in_virtual_time
async def test_a_look_while_nothing_runs(world: World) -> None:
    """The sums and the lanes come from the database; there is no pipeline to draw."""
    await world.add_customer("klm")
    await world.add_customer("lot")
    await world.database.set_connection_state(world.lanes["lot"], ConnectionState.RECONNECT_NEEDED, "revoked")
    lookout = Lookout(world.database, world.clock)
    seen = await lookout.snapshot(None)
    assert (seen.serving, seen.totals.customers, seen.totals.lanes, seen.drawing.stages) == (False, 2, 2, ())
    assert [lane.customer for lane in seen.needing] == ["lot"]
    assert [lane.customer for lane in seen.lanes] == ["lot", "klm"], "who needs a person before who has nothing to do"


@in_virtual_time
async def test_what_others_archive_is_seen_in_the_sums(world: World) -> None:
    """A process that only looks gets rates from two looks."""
    await world.add_customer("klm")
    world.put("klm", 30)
    lookout = Lookout(world.database, world.clock)
    await lookout.snapshot(None)
    await world.run_until_empty()
    await world.clock.sleep(5)
    seen = await lookout.snapshot(None)
    assert seen.totals.archived == 30
    assert 0 < seen.uploads_per_second <= 6
    assert sum(moment.bytes for moment in lookout.moments()) > 0


@in_virtual_time
async def test_the_seconds_of_a_run_are_counted(world: World) -> None:
    """Uploads, bytes and 429s of each second; the drawing says why nothing is asked, and until when."""
    await world.add_customer("klm")
    world.put("klm", 40)
    world.prepare["klm"] = lambda destination: destination.throttle_next(30.0)
    lookout = Lookout(world.database, world.clock)
    world.listen = lookout.listening(world.listen)
    assembly = world.assembly()
    async with asyncio.TaskGroup() as group, world.running(assembly):
        watching = group.create_task(lookout.watch(assembly))
        await world.until(lambda: bool(world.seen(LaneThrottled)))
        await world.clock.sleep(2)
        seen = await lookout.snapshot(assembly)
        (cloud,) = seen.drawing.clouds
        assert (seen.serving, cloud.throttled, cloud.edge.asleep) == (True, 1, "all are throttled")
        assert cloud.edge.until == seen.lanes[0].throttled_until > seen.at
        assert 0 < seen.throttles_per_second <= 1
        await world.until(lambda: len(world.stores[world.lanes["klm"]].objects) == 40)
        await world.clock.sleep(2)
        assert (await lookout.snapshot(assembly)).uploads_per_second > 1
        watching.cancel()
    assert sum(moment.uploads for moment in lookout.moments()) == 40
    assert sum(moment.bytes for moment in lookout.moments()) == 4000
    assert sum(moment.throttles for moment in lookout.moments()) == 1


@in_virtual_time
async def test_with_many_lanes_only_those_that_matter_are_told(world: World) -> None:
    """Of more lanes than can be read each second: those where something waits, the oldest first."""
    for number in range(210):
        await world.add_customer(f"c{number}")
    for number in (9, 7):
        world.put(f"c{number}", 1)
        world.prepare[f"c{number}"] = lambda destination: destination.script.fail(UnavailableError("no route"), times=10_000)
    lookout = Lookout(world.database, world.clock)
    async with world.running(world.assembly()):
        await world.until(lambda: len(world.seen(ProviderUnavailable)) >= 1)
    seen = await lookout.snapshot(None, 5)
    assert sorted(lane.customer for lane in seen.lanes) == ["c7", "c9"]
    assert seen.totals.lanes == 210
    assert seen.oldest_waiting_at == min(lane.oldest_waiting_at for lane in seen.lanes)


@in_virtual_time
async def test_a_database_that_is_away_is_told(world: World) -> None:
    """What was known before stays; nobody sees a traceback."""
    await world.add_customer("klm")
    lookout = Lookout(world.database, world.clock)
    await lookout.snapshot(None)
    await world.clock.sleep(60)
    world.database.fails["totals"] = 1
    seen = await lookout.snapshot(None)
    assert (seen.away, seen.totals.customers) == ("scripted: totals", 1)
    assert (await lookout.snapshot(None)).away == ""


@in_virtual_time
async def test_one_slow_look_does_not_freeze_the_picture(world: World) -> None:
    """Dear looks are rarer, so that they take a hundredth of the time; but the sums are never older than some seconds."""
    await world.add_customer("klm")
    totals = world.database.totals

    async def slow(now: int) -> Totals:
        await world.clock.sleep(2)
        return await totals(now)

    lookout = Lookout(world.database, world.clock)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.database, "totals", slow)
        await lookout.snapshot(None)
    await world.add_customer("lot")
    assert (await lookout.snapshot(None)).totals.customers == 1
    await world.clock.sleep(10)
    assert (await lookout.snapshot(None)).totals.customers == 2
