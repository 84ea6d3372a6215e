"""Rows 12, 13, 32, 33, 34 and 41: what providers refuse for its rate, and who else notices."""

from __future__ import annotations

import asyncio
import email.utils
import itertools
import statistics

import pytest

from archiver.destinations.memory import MemoryDestination, RateLimit
from archiver.pipeline.events import LaneThrottled, ProviderUnavailable
from archiver.sandbox import Fault, Limits
from support.cloud import Cloud, in_the_cloud
from support.faultproxy import FaultProxy, Toxic
from support.world import World, in_virtual_time

HOUR = 3600.0
TOO_MANY = '{"error_summary": "too_many_requests/..", "error": {"reason": {".tag": "too_many_requests"}}}'
TOO_MANY_WRITES = '{"error_summary": "too_many_write_operations/.", "error": {"reason": {".tag": "too_many_write_operations"}}}'


def refusal(account: str, retry_after: str, *, body: str = TOO_MANY, route: str = "files/upload_session/*", times: int = 1) -> Fault:
    """A 429 as Dropbox sends it."""
    headers = {"Retry-After": retry_after} if retry_after else {}
    return Fault(
        action="reply", account=account, route=route, status=429, headers=headers, body=body, content_type="application/json", times=times
    )


async def silence_after(world: Cloud, retry_after: str) -> float:
    """Seconds between a refused call and the next one of the same account; another account is served meanwhile."""
    await world.link("throttled")
    await world.link("other")
    world.sandbox.add_fault(refusal("throttled", retry_after))
    world.give_many("throttled", 50)
    async with world.running(world.assembly()):
        await world.until(lambda: bool(world.seen(LaneThrottled)))
        refused_at, _ = world.asked["throttled"][-1]
        calls = world.calls("throttled")
        world.give_many("other", 50)
        await world.settled("other", seconds=5)
        await world.until(lambda: world.calls("throttled") > calls, seconds=2 * HOUR)
        silence = world.clock.time() - refused_at
        await world.settled(seconds=60)
    await world.check(attempts=0, obedient=silence < HOUR)
    return silence


@in_the_cloud
async def test_row_12_a_retry_after_of_15_seconds_is_obeyed_to_the_second(world: Cloud) -> None:
    """No call before the moment, one right after it; the items come back uncharged and another account is not delayed."""
    assert 15.0 <= await silence_after(world, "15") <= 16.5


@in_the_cloud
async def test_row_12_a_retry_after_of_300_seconds_is_obeyed_to_the_second(world: Cloud) -> None:
    """The five minutes that others have seen, too."""
    assert 300.0 <= await silence_after(world, "300") <= 330.0


@in_the_cloud
async def test_row_12_a_retry_after_may_be_a_date(world: Cloud) -> None:
    """RFC 9110 allows both forms."""
    date = email.utils.formatdate(world.clock.wall() + 40, usegmt=True)
    assert 38.0 <= await silence_after(world, date) <= 42.0


@in_the_cloud
async def test_row_12_a_retry_after_of_a_day_is_believed_for_an_hour(world: Cloud) -> None:
    """Nobody is silent for longer because of a header: then one call asks again."""
    assert HOUR <= await silence_after(world, "86400") <= 1.1 * HOUR


@in_the_cloud
async def test_row_12_colliding_commits_slow_down_the_commits_only(world: Cloud) -> None:
    """`too_many_write_operations`: from then on one commit at a time, in batches; bytes go on being sent, nothing is sent twice."""
    await world.link("acme", Limits(commit_seconds=0.2, commit_seconds_per_file=0.001, commit_wait=0.0, latency=0.02))
    world.sandbox.add_fault(refusal("acme", "1", body=TOO_MANY_WRITES, route="files/upload_session/finish*", times=3))
    world.give_many("acme", 2000)
    async with world.running(world.assembly()):
        await world.settled(seconds=300)
    await world.check(attempts=0)
    record = world.record("acme")
    assert not record.refused.get("too_many_requests")
    assert record.refused["too_many_write_operations"] <= 3 + 2
    assert record.received_bytes == sum(len(data) for data in world.sent["acme"].values())


@in_the_cloud
async def test_row_13_without_a_retry_after_the_silence_doubles_up_to_a_minute(world: Cloud) -> None:
    """1, 2, 4 … 60 s at most, with full jitter, per account; nothing is charged, and it goes on as soon as it may."""
    await world.link("acme")
    world.sandbox.add_fault(refusal("acme", "", times=10))
    world.give_many("acme", 20)
    async with world.running(world.assembly()):
        await world.settled(seconds=HOUR)
    await world.check(attempts=0)
    asked = [at for at, _ in world.asked["acme"]]
    # The eleventh call is the first that is answered well.
    gaps = [after - before for before, after in itertools.pairwise(asked[:11])]
    most = [min(60.0, 2.0**number) + 1.2 for number in range(10)]
    assert all(gap <= longest for gap, longest in zip(gaps, most, strict=True)), gaps
    assert sum(gaps) > 20, "that was no backing off"


def limited(rate: float, burst: float = 1.0) -> RateLimit:
    """A storage that takes so many calls a second."""
    return RateLimit(calls_per_second=rate, burst=burst, retry_after=1.0)


def with_limit(world: World, name: str, rate: float) -> None:
    """Gives a customer's storage a limit."""

    def prepare(destination: MemoryDestination) -> None:
        destination.limit = limited(rate, burst=rate)
        destination.latency = 0.05

    world.prepare[name] = prepare


QUIET = [f"quiet-{number:02}" for number in range(20)]


async def quiet_dwells(world: World, prefix: str) -> list[float]:
    """How long each of a hundred items of twenty quiet customers waits, one after the other."""
    dwells: list[float] = []
    for turn in range(5):
        for name in QUIET:
            store = world.stores[world.lanes[name]]
            before, began = len(store.objects), world.clock.time()
            world.put(name, 1, prefix=f"{prefix}-{turn}-")
            while len(store.objects) == before:
                await asyncio.sleep(0.005)
            dwells.append(world.clock.time() - began)
        await world.clock.sleep(5)
    return dwells


@in_virtual_time
async def test_row_32_the_quiet_wait_no_longer_for_the_airline(world: World) -> None:
    """95 % of the items are one customer's: it gets all that its storage takes, and the others wait at most twice as long."""
    for name in [*QUIET, "airline"]:
        await world.add_customer(name)
        with_limit(world, name, 5.0)
    async with world.running(world.assembly()):
        alone = await quiet_dwells(world, "alone")
        world.put("airline", 20_000)
        await world.clock.sleep(60)
        began = world.clock.time()
        beside = await quiet_dwells(world, "beside")
        calls = [call for call in world.opened[world.lanes["airline"]].calls if call.at >= began]
        rate = len(calls) / (world.clock.time() - began)
    p95, p95_alone = (statistics.quantiles(dwells, n=20)[-1] for dwells in (beside, alone))
    assert p95 <= 2 * p95_alone, (p95, p95_alone)
    assert max(beside) <= 5.0
    assert 0.95 * 5.0 <= rate <= 5.0, f"the airline made {rate:.2f} calls a second of the 5 that it may"
    assert sum(call.refused for call in calls) <= 0.01 * len(calls)


@in_virtual_time
async def test_row_33_a_throttled_airline_blocks_nobody(world: World) -> None:
    """Its demand is zero until it may again; the other customer's thousand items go at full speed meanwhile."""
    for name in ("airline", "small"):
        await world.add_customer(name)
    world.prepare["airline"] = lambda destination: destination.throttle_next(300.0)
    world.put("airline", 20_000)
    assembly = world.assembly()
    async with world.running(assembly):
        await world.until(lambda: bool(world.seen(LaneThrottled)))
        began = world.clock.time()
        world.put("small", 1000)
        await world.until(lambda: len(world.stores[world.lanes["small"]].objects) == 1000)
        assert world.clock.time() - began < 5
        lane = assembly.lanes.awake[world.lanes["airline"]]
        assert (lane.asked, len(lane.in_flight), lane.held_bytes) == (0, 0, 0)
        await world.clock.sleep(began + 299 - world.clock.time())
        assert len(world.opened[world.lanes["airline"]].calls) == 1
        await world.clock.sleep(10)
        assert world.stores[world.lanes["airline"]].objects


@in_virtual_time
async def test_row_34_while_all_are_throttled_the_database_is_not_read(world: World) -> None:
    """The claim of the original, measured: no demand, no read; and within 100 ms of the first deadline work goes on."""
    names = [f"c{number}" for number in range(10)]
    for number, name in enumerate(names):
        await world.add_customer(name)
        world.prepare[name] = lambda destination, seconds=60.0 + number: destination.throttle_next(seconds)
        world.put(name, 2000)
    assembly = world.assembly()
    async with world.running(assembly):
        await world.until(lambda: len(world.seen(LaneThrottled)) == len(names))
        await world.clock.sleep(1)
        reads, began = assembly.fetcher.reads, world.clock.time()
        first = min(event.until for event in world.seen(LaneThrottled) if isinstance(event, LaneThrottled)) / 1000 - world.clock.wall()
        await world.clock.sleep(first - 0.1)
        assert world.clock.time() - began >= 50
        assert assembly.fetcher.reads == reads, "somebody read for nothing"
        await world.clock.sleep(0.2)
        assert sum(len(world.opened[lane].calls) > 1 for lane in world.lanes.values()) == 1, "the first deadline woke nobody, or too many"
        assert assembly.fetcher.reads > reads


@pytest.mark.timeout(180)
@in_the_cloud
async def test_row_41_after_six_hours_away_nobody_storms(world: Cloud) -> None:
    """One probe for all while Dropbox is away; when it is back the first ten seconds bring at most twice the steady rate of calls."""
    names = ["c0", "c1", "c2"]
    async with FaultProxy(world.sandbox.url) as proxy:
        world.proxy = proxy.url
        for name in names:
            await world.link(name, Limits(calls_per_second=1.0, burst=2.0, retry_after=1, latency=0.05))
        async with world.running(world.assembly()):
            for name in names:
                world.give_many(name, 1000, size=50)
            await world.settled()
            proxy.add(Toxic("down"))
            for name in names:
                world.give_many(name, 10_000, size=50)
            await world.clock.sleep(6 * HOUR)
            outages = world.seen(ProviderUnavailable)
            assert 355 <= len(outages) <= 370, "one probe a minute for all of them"
            proxy.heal()
            calls = {name: world.calls(name) for name in names}
            await world.until(lambda: any(world.calls(name) > calls[name] for name in names))
            back = world.clock.time()
            await world.settled(seconds=HOUR)
    await world.check(attempts=0)
    for name in names:
        since = [at - back for at, _ in world.asked[name] if at >= back]
        first, steady = sum(at < 10 for at in since) / 10, sum(at >= 10 for at in since) / (since[-1] - 10)
        assert 0.5 <= steady <= 1.0
        assert first <= 2 * steady, (name, first, steady)
