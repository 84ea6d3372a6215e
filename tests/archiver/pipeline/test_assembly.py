"""The whole pipeline: Collector → Database → Fetcher → Uploaders → destinations, and Settlement back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from archiver.destinations.memory import MemoryDestination, RateLimit
from archiver.errors import ProcessError, QuotaFullError, RejectedError, ThrottleKind, TransientError, UnavailableError
from archiver.lifecycle import DeliveryState
from archiver.model import ConnectionState, CustomerState
from archiver.pipeline.events import BatchSettled, DeliveryFailed, LaneParked, LaneResumed, LaneThrottled, SourceFailed
from support.world import World, in_virtual_time


@in_virtual_time
async def test_everything_arrives_once_under_its_path(world: World) -> None:
    """Three customers' items are archived, each exactly once, with the bytes of the source."""
    for name, count in (("airline", 500), ("bakery", 3), ("clinic", 1)):
        await world.add_customer(name)
        world.put(name, count)
    await world.run_until_empty()
    for name, count in (("airline", 500), ("bakery", 3), ("clinic", 1)):
        store = world.stores[world.lanes[name]]
        assert len(store.objects) == count
        assert all(stored.size == 100 for stored in store.objects.values())
        counters = await world.counters(name)
        assert (counters.archived, counters.waiting) == (count, 0)
    assert sum(len(destination.calls) for destination in world.opened.values()) < 100


@in_virtual_time
async def test_what_comes_while_it_runs_is_archived_too(world: World) -> None:
    """A new item wakes its sleeping lane by a hint, without a sweep."""
    await world.add_customer("bakery")
    async with world.running(world.assembly()):
        world.put("bakery", 1, prefix="a")
        await world.until(lambda: len(world.stores[world.lanes["bakery"]].objects) == 1)
        world.put("bakery", 2, prefix="b")
        await world.until(lambda: len(world.stores[world.lanes["bakery"]].objects) == 3)


@in_virtual_time
async def test_nothing_is_read_while_every_lane_is_throttled(world: World) -> None:
    """The blog's claim, counted: no demand, no read; the first read comes after the Retry-After."""
    for name in ("airline", "bakery"):
        await world.add_customer(name)
        world.put(name, 50)
        world.prepare[name] = lambda destination: destination.throttle_next(1.0)
    assembly = world.assembly()
    async with world.running(assembly):
        await world.until(lambda: len(world.seen(LaneThrottled)) == 2)
        reads = assembly.fetcher.reads
        throttled_until = min(lane.gate.throttled_until() for lane in assembly.lanes.awake.values())
        while world.clock.time() < throttled_until - 0.05:
            await asyncio.sleep(0.01)
            assert assembly.fetcher.reads == reads
        await world.until(lambda: all(len(store.objects) == 50 for store in world.stores.values()))
    assert [(await world.counters(name)).archived for name in ("airline", "bakery")] == [50, 50]


@in_virtual_time
async def test_a_throttled_lane_delays_nobody(world: World) -> None:
    """While the airline waits for its Retry-After, the bakery's items pass; the airline's are untouched and follow."""
    await world.add_customer("airline")
    await world.add_customer("bakery")
    world.put("airline", 30)
    world.prepare["airline"] = lambda destination: destination.throttle_next(60.0)
    assembly = world.assembly()
    async with world.running(assembly):
        await world.until(lambda: bool(world.seen(LaneThrottled)))
        world.put("bakery", 20)
        await world.until(lambda: len(world.stores[world.lanes["bakery"]].objects) == 20)
        assert not world.stores[world.lanes["airline"]].objects
        await world.until(lambda: len(world.stores[world.lanes["airline"]].objects) == 30)
    assert (await world.counters("airline")).archived == 30
    assert not world.seen(DeliveryFailed)


@in_virtual_time
async def test_a_429_is_obeyed_across_a_restart(world: World) -> None:
    """The Retry-After is kept with the connection: the next process sends nothing before it is over."""
    await world.add_customer("airline")
    world.put("airline", 5)
    world.prepare["airline"] = lambda destination: destination.throttle_next(1.0)
    async with world.running(world.assembly()):
        await world.until(lambda: bool(world.seen(LaneThrottled)))
        until = next(iter(world.opened.values())).calls[-1].at + 1.0
    world.prepare.clear()
    world.sources[world.source_ids["airline"]] = type(world.sources[world.source_ids["airline"]])()
    world.put("airline", 5)
    await world.run_until_empty()
    first = world.opened[world.lanes["airline"]].calls[0]
    assert first.at >= until
    assert (await world.counters("airline")).archived == 5


@in_virtual_time
async def test_contention_throttles_commits_and_charges_nobody(world: World) -> None:
    """too_many_write_operations is not the item's fault: it is tried again and its attempts stay."""
    await world.add_customer("airline")
    world.put("airline", 5)
    world.prepare["airline"] = lambda destination: destination.throttle_next(0.2, ThrottleKind.CONTENTION)
    async with world.running(world.assembly()):
        await world.until(lambda: len(world.stores[world.lanes["airline"]].objects) == 5)
    assert not world.seen(DeliveryFailed)


@in_virtual_time
async def test_a_full_quota_parks_the_lane_once_and_keeps_the_items(world: World) -> None:
    """One event for a thousand items; nothing is charged; a person's resume goes on with the same lane."""
    await world.add_customer("airline")
    world.put("airline", 200)
    full = True

    def prepare(destination: MemoryDestination) -> None:
        if full:
            destination.script.fail(QuotaFullError("the storage is full"), times=50)

    world.prepare["airline"] = prepare
    async with world.running(world.assembly()):
        await world.until(lambda: bool(world.seen(LaneParked)))
        counters = await world.counters("airline")
        assert (counters.state, counters.waiting) == (ConnectionState.QUOTA_FULL, 200)
        full = False
        other = world.another_database()
        await other.open()
        await other.set_connection_state(world.lanes["airline"], ConnectionState.ACTIVE, "")
        await other.close()
        await world.until(lambda: len(world.stores[world.lanes["airline"]].objects) == 200)
    assert len(world.seen(LaneParked)) == 1
    assert not world.seen(DeliveryFailed)


@in_virtual_time
async def test_a_transient_failure_is_charged_and_tried_later(world: World) -> None:
    """A 5xx for one item: it waits with an attempt more, the others are archived."""
    await world.add_customer("airline")
    world.put("airline", 10)
    world.prepare["airline"] = lambda destination: destination.script.fail(TransientError("502"), times=1)
    async with world.running(world.assembly()):
        await world.until(lambda: len(world.stores[world.lanes["airline"]].objects) == 9 and bool(world.seen(BatchSettled)))
    (row,) = await world.database.deliveries(customer="airline", state=DeliveryState.WAITING)
    assert (row.attempt, row.reason) == (1, "TransientError")
    assert row.ready_at > world.clock.wall() * 1000


@in_virtual_time
async def test_a_rejected_item_is_told_and_stops_nobody(world: World) -> None:
    """It needs a person; the reason is kept with it, and `retry` brings it back."""
    await world.add_customer("airline")
    world.put("airline", 10)
    world.prepare["airline"] = lambda destination: destination.script.fail(RejectedError("disallowed name"), times=1)
    await world.run_until_empty()
    (row,) = await world.database.deliveries(customer="airline", state=DeliveryState.REJECTED)
    assert row.reason == "RejectedError"
    assert row.detail == "disallowed name"
    assert await world.database.retry(customer="airline", now=int(world.clock.wall() * 1000)) == 1
    world.prepare.clear()
    await world.run_until_empty()
    assert (await world.counters("airline")).archived == 10


@in_virtual_time
async def test_an_unreachable_provider_charges_nobody(world: World) -> None:
    """The network is away for two calls: the items are untouched, the lane rests and goes on by itself."""
    await world.add_customer("airline")
    world.put("airline", 10)
    world.prepare["airline"] = lambda destination: destination.script.fail(UnavailableError("no route"), times=2)
    async with world.running(world.assembly()):
        await world.until(lambda: len(world.stores[world.lanes["airline"]].objects) == 10)
    assert not world.seen(DeliveryFailed)
    assert (await world.counters("airline")).archived == 10


@in_virtual_time
async def test_bytes_that_are_not_as_declared_are_never_archived(world: World) -> None:
    """The source gives other bytes than it declared: nothing becomes visible, the delivery waits with the reason."""
    await world.add_customer("airline")
    world.put("airline", 3)
    world.sources[world.source_ids["airline"]].replace("000001", b"short")
    async with world.running(world.assembly()):
        await world.until(lambda: len(world.stores[world.lanes["airline"]].objects) == 2 and bool(world.seen(DeliveryFailed)))
    (row,) = await world.database.deliveries(customer="airline", state=DeliveryState.WAITING)
    assert row.reason == "SourceChangedError"


@in_virtual_time
async def test_large_items_are_streamed(world: World) -> None:
    """What is larger than whole_bytes comes as a stream, with the same promise."""
    await world.add_customer("airline")
    world.put("airline", 3, size=50_000)
    await world.run_until_empty()
    assert {stored.size for stored in world.stores[world.lanes["airline"]].objects.values()} == {50_000}


@in_virtual_time
async def test_a_paused_customer_is_served_no_more_until_resumed(world: World) -> None:
    """Pause by another process takes effect while it runs; resume too."""
    await world.add_customer("airline")
    world.prepare["airline"] = lambda destination: setattr(destination, "limit", RateLimit(calls_per_second=1000.0, burst=5))
    other = world.another_database()
    await other.open()
    try:
        await other.set_customer_state("airline", CustomerState.PAUSED)
        async with world.running(world.assembly()):
            world.put("airline", 5)
            await other.set_customer_state("airline", CustomerState.ACTIVE)
            await world.until(lambda: len(world.stores[world.lanes["airline"]].objects) == 5)
    finally:
        await other.close()


@in_virtual_time
async def test_a_drain_ends_what_has_begun_and_forgets_the_rest(world: World) -> None:
    """SIGTERM: uploads in flight end and are settled; nothing is left half; the rest still waits."""
    await world.add_customer("airline")
    world.put("airline", 300)
    world.prepare["airline"] = lambda destination: setattr(destination, "latency", 0.05)
    async with world.running(world.assembly()):
        await world.until(lambda: bool(world.stores[world.lanes["airline"]].objects))
    counters = await world.counters("airline")
    assert counters.archived == len(world.stores[world.lanes["airline"]].objects)
    assert counters.archived + counters.waiting == 300
    assert counters.waiting > 0


@in_virtual_time
async def test_a_source_that_fails_is_told_and_tried_again(world: World) -> None:
    """An unreachable source stops nobody; the listener learns of it."""
    await world.add_customer("airline")

    class Broken(type(world.sources[world.source_ids["airline"]])):  # type: ignore[misc]
        async def discover(self, cursor: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
            raise UnavailableError("the share is away", hint=cursor)
            yield

    world.sources[world.source_ids["airline"]] = Broken()
    async with world.running(world.assembly()):
        await world.until(lambda: bool(world.seen(SourceFailed)))
    assert not world.seen(LaneResumed)


@in_virtual_time
async def test_memory_is_bounded_by_the_budget_not_by_the_backlog(world: World) -> None:
    """However much waits, no more than the budget is asked and held."""
    world.budget = type(world.budget)(items=50, bytes=5_000)
    await world.add_customer("airline")
    world.put("airline", 500)
    most = 0
    assembly = world.assembly()
    take = world.listen

    def listen(event: object) -> None:
        nonlocal most
        most = max(most, sum(lane.held_items for lane in assembly.lanes.awake.values()))
        take(event)  # type: ignore[arg-type]

    world.listen = listen  # type: ignore[method-assign]
    async with world.running(assembly):
        await world.until(lambda: len(world.stores[world.lanes["airline"]].objects) == 500)
    assert most <= 50


@in_virtual_time
async def test_what_concerns_the_process_ends_it_at_once(world: World) -> None:
    """No stage is restarted in place; another process begins with what the Database says, and archives everything."""
    await world.add_customer("airline")
    world.put("airline", 10)
    world.prepare["airline"] = lambda destination: destination.script.fail(ProcessError("no memory left", hint="add some"), times=1)
    with pytest.raises(ProcessError, match="no memory left"):
        await world.run_until_empty()
    world.prepare.clear()
    await world.run_until_empty()
    assert len(world.stores[world.lanes["airline"]].objects) == 10
    assert (await world.counters("airline")).archived == 10


@in_virtual_time
async def test_a_bug_while_reading_ends_the_process_at_once(world: World) -> None:
    """A restart would leave lanes without a subscription, and items that were counted as begun: they would wait for ever."""
    await world.add_customer("airline")
    world.put("airline", 10)
    assembly = world.assembly()

    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    assembly.fetcher._went_dry = broken
    with pytest.raises(ZeroDivisionError):
        async with asyncio.timeout(3600):
            await world.run_assembly(assembly)
    await world.run_until_empty()
    assert (await world.counters("airline")).archived == 10
