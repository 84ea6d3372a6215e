"""Collecting: sources are looked at when they are due, and cost no task while they rest."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from archiver.errors import ReconnectNeededError, UnavailableError
from archiver.fleet import watching
from archiver.model import ConnectionState, CustomerState, Discovery, Kind
from archiver.pipeline.events import SourceFailed
from archiver.sources.memory import MemorySource
from archiver.sources.port import Page
from support.world import World, in_virtual_time


class Resting(MemorySource):
    """A source that is looked at every ten minutes, or when it has news.

    Attributes:
        looks: When it was looked at.
        busy: Seconds that a look takes.
        fails: So many looks fail.
        locked: It lets nobody in any more.
        clumsy: It fails when its iterator is closed.
        open: Iterators that stand.
        patient: It waits by itself, and does not say that it rests.
        on_news: See `archiver.sources.port.Told`.
    """

    def __init__(self, now: Callable[[], float], *, rest: float = 600.0) -> None:
        super().__init__()
        self.looks: list[float] = []
        self.busy = 0.0
        self.fails = 0
        self.locked = self.clumsy = False
        self.open = 0
        self.patient = False
        self.on_news: Callable[[], None] = lambda: None
        self._now = now
        self._seconds = rest

    async def discover(self, cursor: str) -> AsyncGenerator[Page]:
        """An item a look."""
        self.open += 1
        place = int(cursor or 0)
        try:
            while True:
                self.looks.append(self._now())
                await asyncio.sleep(self.busy)
                if self.locked:
                    raise ReconnectNeededError("the link to this account no longer works")
                if self.fails:
                    self.fails -= 1
                    raise UnavailableError("the phone system is away")
                place += 1
                found = Discovery(kind=Kind.SMS, external_id=f"{place}", occurred_at=0, locator=f"{place}", media_type="text/plain")
                yield Page(discoveries=[found], cursor=f"{place}", complete=True)
                if self.patient:
                    await asyncio.sleep(self._seconds)
                else:
                    yield Page(discoveries=(), cursor=f"{place}", rest=self._seconds)
        finally:
            self.open -= 1
            if self.clumsy:
                raise ZeroDivisionError


async def furnish(world: World, count: int, **kind: Any) -> list[Resting]:
    """So many customers with such a source each."""
    sources = []
    for number in range(count):
        await world.add_customer(f"c{number}")
        source: Any = Resting(world.clock.time, **kind)
        world.sources[world.source_ids[f"c{number}"]] = source
        sources.append(source)
    return sources


@in_virtual_time
async def test_sources_that_rest_cost_no_task(world: World) -> None:
    """Each is looked at when its rest is over; meanwhile no task is one of them, however many there are."""
    sources = await furnish(world, 25)
    async with world.running(world.assembly()):
        await asyncio.sleep(300)
        few = len(asyncio.all_tasks())
        await asyncio.sleep(1200)
    assert few < 20
    assert all(len(source.looks) == 3 for source in sources)
    assert all(600 <= later - earlier < 601 for one in sources for earlier, later in zip(one.looks, one.looks[1:], strict=False))
    assert all(source.open == 0 for source in sources), "at the end everything was let go of"
    assert (await world.counters("c0")).waiting + (await world.counters("c0")).archived + (await world.counters("c0")).gone == 3


@in_virtual_time
async def test_news_end_a_rest(world: World) -> None:
    """A source that hears something is looked at at once, also one that rests for ever; what it hears during a look, after it."""
    first, second = await furnish(world, 2, rest=math.inf)
    async with world.running(world.assembly()):
        await asyncio.sleep(900)
        assert (len(first.looks), len(second.looks)) == (1, 1)
        told = world.clock.time()
        first.busy = 5.0
        first.on_news()
        await asyncio.sleep(1)
        first.on_news()
        first.on_news()
        await asyncio.sleep(900)
        assert [round(look - told) for look in first.looks[1:]] == [0, 5]
        assert len(second.looks) == 1


@in_virtual_time
async def test_a_look_that_takes_long_holds_up_nobody(world: World) -> None:
    """As many hang as there are places: after a while each has given its place away, and the others go on."""
    sources = await furnish(world, 12)
    for source in sources[:8]:
        source.busy = math.inf
    for source in sources[8:10]:  # which find something and then wait by themselves
        source.patient = True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watching, "_PLACES", 4)
        began = world.clock.time()
        async with world.running(world.assembly()):
            await asyncio.sleep(0.5)
            assert sum(bool(source.looks) for source in sources) == 4, "so many at a time"
            await asyncio.sleep(30)
    assert max(source.looks[0] - began for source in sources) < 2.5
    assert all(source.open == 0 for source in sources), "also those that were looked at in vain"


@in_virtual_time
async def test_a_source_that_fails_waits_without_a_task_whatever_it_hears(world: World) -> None:
    """Tried again with growing rests; news of a provider that cannot be asked bring no earlier try."""
    (source,) = await furnish(world, 1)
    source.fails = 4
    async with world.running(world.assembly()):
        for _ in range(100):
            await asyncio.sleep(1)
            if source.fails:
                source.on_news()
                assert source.open == 0
    rests = [event.retry_in for event in world.seen(SourceFailed) if isinstance(event, SourceFailed)]
    assert len(rests) == 4
    gaps = [later - earlier for earlier, later in zip(source.looks, source.looks[1:], strict=False)]
    assert gaps == pytest.approx(rests, abs=0.01)


@in_virtual_time
async def test_a_customer_that_pauses_is_let_go_of_and_comes_back(world: World) -> None:
    """At rest or in the middle of a look: its iterator is closed; afterwards it goes on where its cursor stands."""
    resting, looking = await furnish(world, 2)
    async with world.running(world.assembly()):
        await asyncio.sleep(10)
        looking.busy = 100.0
        looking.on_news()
        await asyncio.sleep(1)
        assert (resting.open, looking.open) == (1, 1)
        person = world.another_database()
        await person.open()
        for name in ("c0", "c1"):
            await person.set_customer_state(name, CustomerState.PAUSED)
        await asyncio.sleep(5)
        assert (resting.open, looking.open) == (0, 0)
        await asyncio.sleep(900)
        assert (len(resting.looks), len(looking.looks)) == (1, 2)
        for name in ("c0", "c1"):
            await person.set_customer_state(name, CustomerState.ACTIVE)
        await person.close()
        await asyncio.sleep(300)
        assert (len(resting.looks), len(looking.looks)) == (2, 3)
    rows = await world.database.deliveries(limit=100)
    assert sorted((row.customer, row.external_id) for row in rows) == [("c0", "1"), ("c0", "2"), ("c1", "1"), ("c1", "2")]


@in_virtual_time
async def test_a_parked_source_is_left_alone_whatever_it_hears(world: World) -> None:
    """Its provider may go on calling: nobody looks until somebody has connected it again."""
    (source,) = await furnish(world, 1)
    async with world.running(world.assembly()):
        await asyncio.sleep(10)
        source.locked = True
        source.on_news()
        await asyncio.sleep(10)
        assert (len(source.looks), source.open) == (2, 0)
        for _ in range(5):
            source.on_news()
            await asyncio.sleep(100)
        assert len(source.looks) == 2
        source.locked = False
        person = world.another_database()
        await person.open()
        await person.set_connection_state(world.source_ids["c0"], ConnectionState.ACTIVE, "")
        await person.close()
        await asyncio.sleep(10)
        assert (len(source.looks), source.open) == (3, 1)


@in_virtual_time
async def test_a_bug_in_closing_one_source_stops_nobody(world: World) -> None:
    """It is written down; the others are closed, and the process ends as it should."""
    sources = await furnish(world, 3)
    sources[1].clumsy = True
    async with world.running(world.assembly()):
        await asyncio.sleep(10)
        assert [source.open for source in sources] == [1, 1, 1]
    assert [source.open for source in sources] == [0, 0, 0]
