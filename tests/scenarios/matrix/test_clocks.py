"""Row 23: a wall clock that jumps, steps back and is wrong; moments are kept in UTC, so neither DST nor a leap second is one."""

from __future__ import annotations

from archiver.pipeline.events import BatchSettled, LaneThrottled
from archiver.sandbox import Fault
from support.cloud import Cloud, in_the_cloud

HOUR = 3600.0


async def work_through(world: Cloud, step: float) -> None:
    """The wall clock jumps while a lane works, while it is throttled for five minutes, and while items wait for another try."""
    await world.link("acme")
    world.give_many("acme", 500)
    async with world.running(world.assembly()):
        await world.settled()
        tokens = world.tokens
        world.sandbox.add_fault(Fault(action="reply", route="files/upload_session/*", status=429, headers={"Retry-After": "300"}))
        world.give_many("acme", 100)
        await world.until(lambda: bool(world.seen(LaneThrottled)))
        refused, calls = world.clock.time(), world.calls("acme")
        await world.clock.sleep(10)
        world.clock.step += step
        world.give_many("acme", 100)  # what was born before a step back is due only when that moment comes again
        await world.until(lambda: world.calls("acme") > calls)
        assert 300 <= world.clock.time() - refused <= 302, "the throttle's end moved with the wall clock"
        await world.settled(seconds=HOUR + 60)
    await world.check(attempts=0)
    assert world.tokens <= tokens + 1
    assert all(event.seconds >= 0 for event in world.seen(BatchSettled) if isinstance(event, BatchSettled))
    rows = (await world.rows("acme")).values()
    assert all(row.receipt is not None and row.receipt.archived_at > 0 for row in rows)


@in_the_cloud
async def test_row_23_the_clock_jumps_an_hour_ahead(world: Cloud) -> None:
    """Nothing is done twice, earlier or never."""
    await work_through(world, HOUR)


@in_the_cloud
async def test_row_23_the_clock_steps_an_hour_back(world: Cloud) -> None:
    """What was born in the hour that comes again is due when that hour has come again, at the latest; the throttle is not prolonged."""
    await work_through(world, -HOUR)


@in_the_cloud
async def test_row_23_a_throttle_that_a_wrong_clock_wrote_ends_within_an_hour(world: Cloud) -> None:
    """A process whose clock was a day ahead was throttled, and ended; the next one, whose clock is right, is silent for an hour at most."""
    await world.link("acme")
    world.give_many("acme", 20)
    world.sandbox.add_fault(Fault(action="reply", route="files/upload_session/*", status=429, headers={"Retry-After": "60"}))
    world.clock.step = 24 * HOUR
    async with world.running(world.assembly(), drain_seconds=0):
        await world.until(lambda: bool(world.seen(LaneThrottled)))
    world.clock.step = 0.0
    world.give_many("acme", 20)
    calls, began = world.calls("acme"), world.clock.time()
    async with world.running(world.assembly()):
        await world.until(lambda: len(world.files("acme")) == 20, seconds=2 * HOUR)
    assert world.asked["acme"][calls][0] - began <= HOUR + 1
