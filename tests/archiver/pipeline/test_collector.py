"""The Collector: what sources find becomes items, deliveries and hints."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from archiver.errors import ConfigError, DatabaseUnavailableError
from archiver.lifecycle import DeliveryState
from archiver.model import Connection, Customer, Discovery, Kind, Role
from archiver.pipeline.collector import Collector
from archiver.pipeline.contents import Contents
from archiver.pipeline.events import Born, SourceFailed
from archiver.pipeline.patience import Patience
from archiver.sources.memory import MemorySource
from archiver.sources.port import Page
from support.world import World, in_virtual_time


def collector(world: World, hints: list[set[int]], away: list[DatabaseUnavailableError] | None = None) -> Collector:
    return Collector(
        world.database,
        Contents(world.open_source),
        lambda _: "posix",
        lambda lanes: hints.append(set(lanes)),
        clock=world.clock,
        listener=world.listen,
        patience=Patience(world.clock, ([] if away is None else away).append),
    )


async def watch(world: World, some: Collector, customer: Customer, connection: Connection) -> None:
    """Looks again and again, as the fleet does, until the source ends."""
    watch = some.begin(customer, connection)
    assert watch is not None
    while (rest := await some.look(watch)) is not None:
        await world.clock.sleep(rest)


@in_virtual_time
async def test_a_complete_pass_is_counted_and_hinted(world: World) -> None:
    """Found, new, and the lane that has something waiting now."""
    await world.add_customer("acme")
    world.put("acme", 2500)
    hints: list[set[int]] = []
    (customer,) = await world.database.customers()
    (source,) = await world.database.connections(role=Role.SOURCE)
    some = collector(world, hints)
    collected = await some.collect(customer, source)
    assert (collected.found, collected.new) == (2500, 2500)
    assert set().union(*hints) == {world.lanes["acme"]}
    assert some.passed == {source.id}
    assert sum(event.items for event in world.events if isinstance(event, Born)) == 2500


@in_virtual_time
async def test_a_restart_goes_on_where_the_cursor_stands(world: World) -> None:
    """The cursor is kept with the births; what was found is not found again."""
    await world.add_customer("acme")
    world.put("acme", 10)
    (customer,) = await world.database.customers()
    (source,) = await world.database.connections(role=Role.SOURCE)
    await collector(world, []).collect(customer, source)
    again = await collector(world, []).collect(customer, source)
    assert (again.found, again.new) == (0, 0)


@in_virtual_time
async def test_two_sources_of_a_customer_may_use_the_same_ids(world: World) -> None:
    """The second one's paths carry a mark, so that nothing collides."""
    await world.add_customer("acme")
    (customer,) = await world.database.customers()
    second = await world.database.add_connection(customer.id, Role.SOURCE, "memory", {}, {})
    world.sources[second.id] = MemorySource()
    world.put("acme", 1)
    world.source_ids["acme"] = second.id
    world.put("acme", 1)
    for source in await world.database.connections(role=Role.SOURCE):
        await collector(world, []).collect(customer, source)
    rows = await world.database.deliveries(customer="acme", state=DeliveryState.WAITING)
    assert len({row.path.casefold() for row in rows}) == 2


@in_virtual_time
async def test_a_bug_in_one_adapter_stops_nobody(world: World) -> None:
    """It is told and logged, and the source is tried again."""
    await world.add_customer("acme")
    bugs = 1

    class Buggy(MemorySource):
        async def discover(self, cursor: str) -> AsyncGenerator[Page]:
            nonlocal bugs
            if bugs:
                bugs -= 1
                raise ZeroDivisionError
            async for page in super().discover(cursor):
                yield page

    source: Any = Buggy(finite=True)
    world.sources[world.source_ids["acme"]] = source
    world.put("acme", 4)
    (customer,) = await world.database.customers()
    (connection,) = await world.database.connections(role=Role.SOURCE)
    await watch(world, collector(world, []), customer, connection)
    assert [event.reason for event in world.events if isinstance(event, SourceFailed)] == [
        "a bug in the adapter (ZeroDivisionError); the log tells more"
    ]
    assert (await world.counters("acme")).waiting == 4


@in_virtual_time
async def test_a_source_that_cannot_be_is_told_and_tried_again(world: World) -> None:
    """Even a wrong configuration of one source stops nobody: it is told, with growing rests, and goes on when it is mended."""
    await world.add_customer("acme")
    failures = 3

    class Mended(MemorySource):
        async def discover(self, cursor: str) -> AsyncGenerator[Page]:
            nonlocal failures
            if failures:
                failures -= 1
                raise ConfigError("the table has no column 'body'")
            async for page in super().discover(cursor):
                yield page

    source: Any = Mended(finite=True)
    world.sources[world.source_ids["acme"]] = source
    world.put("acme", 4)
    (customer,) = await world.database.customers()
    (connection,) = await world.database.connections(role=Role.SOURCE)
    await watch(world, collector(world, []), customer, connection)
    rests = [event.retry_in for event in world.events if isinstance(event, SourceFailed)]
    assert len(rests) == 3
    assert rests[0] < rests[2] <= 60
    assert (await world.counters("acme")).waiting == 4


@in_virtual_time
async def test_a_database_that_is_away_is_no_failure_of_the_source(world: World) -> None:
    """What the source gave is kept until it can be written: the source is asked once, and nobody says that it cannot be read."""
    await world.add_customer("acme")
    asked = 0

    class Counting(MemorySource):
        async def discover(self, cursor: str) -> AsyncGenerator[Page]:
            nonlocal asked
            asked += 1
            async for page in super().discover(cursor):
                yield page

    source: Any = Counting(finite=True)
    world.sources[world.source_ids["acme"]] = source
    world.put("acme", 4)
    (customer,) = await world.database.customers()
    (connection,) = await world.database.connections(role=Role.SOURCE)
    world.database.fails.update(cursor=2, connections=2, add_births=2)
    away: list[DatabaseUnavailableError] = []
    some = collector(world, [], away)
    began = world.clock.time()
    await watch(world, some, customer, connection)
    assert (len(away), asked) == (6, 1)
    assert world.clock.time() - began < 15
    assert some.failing == {}
    assert world.seen(SourceFailed) == []
    assert (await world.counters("acme")).waiting == 4


@in_virtual_time
async def test_of_a_customer_that_went_it_is_not_told_how_the_sources_are(world: World) -> None:
    """A source that cannot be read is another worker's when its customer is."""
    await world.add_customer("acme")
    await world.add_customer("other")

    class Away(MemorySource):
        async def discover(self, cursor: str) -> AsyncGenerator[Page]:
            raise ConfigError("the folder is away")
            async for page in super().discover(cursor):
                yield page

    source: Any = Away()
    some = collector(world, [])
    connections = {connection.customer_id: connection for connection in await world.database.connections(role=Role.SOURCE)}
    async with asyncio.TaskGroup() as group:
        watching = []
        for customer in await world.database.customers():
            world.sources[connections[customer.id].id] = source
            watching.append(group.create_task(watch(world, some, customer, connections[customer.id])))
        while len(some.failing) < 2:
            await world.clock.sleep(1)
        some.forget([world.customer_ids["acme"]])
        assert {failed.customer for failed in some.failing.values()} == {"other"}
        for task in watching:
            task.cancel()


@in_virtual_time
async def test_a_source_without_news_costs_few_writes(world: World) -> None:
    """Looked at every minute, its cursor is written now and then; with the next item at once."""
    await world.add_customer("acme")
    written: list[str] = []

    class Looked(MemorySource):
        async def discover(self, cursor: str) -> AsyncGenerator[Page]:
            for number in range(60):
                news = (
                    [Discovery(kind=Kind.SMS, external_id="1", occurred_at=0, locator="1", media_type="text/plain")] if number == 40 else []
                )
                yield Page(discoveries=news, cursor=str(number), complete=True)
                written.append(await world.database.cursor(world.source_ids["acme"]))
                await world.clock.sleep(60)

    source: Any = Looked(finite=True)
    world.sources[world.source_ids["acme"]] = source
    (customer,) = await world.database.customers()
    (connection,) = await world.database.connections(role=Role.SOURCE)
    await watch(world, collector(world, []), customer, connection)
    assert sorted(set(written), key=int) == ["0", "10", "20", "30", "40", "41", "51"]
    assert written[40] == "40"
    assert (await world.counters("acme")).waiting == 1
