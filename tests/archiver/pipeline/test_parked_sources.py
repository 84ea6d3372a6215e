"""A source that lets nobody in any more: parked, told once, and it goes on when somebody has connected it again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import msgspec
import pytest

from archiver.errors import ReconnectNeededError
from archiver.model import Connection, ConnectionState, Discovery, Item, Role
from archiver.pipeline.events import DeliveryFailed, SourceFailed, SourceParked, SourceResumed
from archiver.sources.memory import MemorySource
from archiver.sources.port import Page, Room, Source
from support.world import World, in_virtual_time


class Locked(MemorySource):
    """A source whose link may be cut, and whose big items are paid from a budget.

    Attributes:
        cut: It lets nobody in.
        knocks: How often somebody tried since.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cut = False
        self.knocks = 0

    def room(self, budget: int, *, wanted: bool) -> Room:
        """Plenty."""
        del budget, wanted
        return Room(items=100)

    def add(self, discovery: Discovery, data: bytes) -> None:
        """As given, with the budget."""
        super().add(msgspec.structs.replace(discovery, budget=1 if len(data) > 1000 else 0), data)

    def _knock(self) -> None:
        if self.cut:
            self.knocks += 1
            raise ReconnectNeededError("the link to this account no longer works")

    async def discover(self, cursor: str) -> AsyncGenerator[Page, None]:
        """Items, as long as the link holds; it is looked at again every minute."""
        self._knock()
        async for page in super().discover(cursor):
            yield page
            self._knock()

    async def stream(self, item: Item, offset: int = 0) -> AsyncIterator[bytes]:
        """Bytes, as long as the link holds."""
        self._knock()
        async for chunk in super().stream(item, offset):
            yield chunk


class Unpaced(Locked):
    """One without budgets: nothing of it can be read without the link."""

    room = None  # type: ignore[assignment]  # what it has not

    def add(self, discovery: Discovery, data: bytes) -> None:
        """As given."""
        MemorySource.add(self, discovery, data)


class LockedWorld(World):
    """Two customers; the airline's source may be cut."""

    async def furnish(self, kind: type[Locked] = Locked) -> Locked:
        """Adds both."""
        for name in ("airline", "bakery"):
            await self.add_customer(name)
        source = kind()
        self.sources[self.source_ids["airline"]] = source
        self.openings: list[int] = []
        return source

    def open_source(self, connection: Connection) -> Source:
        """Counts openings."""
        self.openings.append(connection.id)
        return super().open_source(connection)

    async def state(self) -> tuple[ConnectionState, str]:
        """Of the airline's source, by the database."""
        (source,) = await self.database.connections(customer_id=self.customer_ids["airline"], role=Role.SOURCE)
        return source.state, source.reason


@pytest.mark.parametrize(("kind", "size"), [(Locked, 100), (Locked, 50_000), (Unpaced, 50_000)])
def test_a_source_whose_link_is_cut_waits_for_a_person(tmp_path: object, kind: type[Locked], size: int) -> None:
    """Noticed by whoever looks or reads; told once, nobody is charged, others go on; connected again it is opened anew and goes on."""

    async def scenario(world: World) -> None:
        assert isinstance(world, LockedWorld)
        source = await world.furnish(kind)
        world.put("airline", 5)
        assembly = world.assembly()
        async with world.running(assembly):
            await world.until(lambda: len(world.stores[world.lanes["airline"]].objects) == 5)
            source.cut = True
            world.put("airline", 5, size=size, prefix="more")
            await world.until(lambda: bool(world.seen(SourceParked)))
            knocks = source.knocks
            world.put("bakery", 10)
            await asyncio.sleep(3600)
            assert source.knocks == knocks, "it is left alone"
            assert len(world.stores[world.lanes["bakery"]].objects) == 10
            assert await world.state() == (ConnectionState.RECONNECT_NEEDED, "the link to this account no longer works")
            source.cut = False
            person = world.another_database()
            await person.open()
            await person.set_connection_state(world.source_ids["airline"], ConnectionState.ACTIVE, "")
            await person.close()
            await world.until(lambda: bool(world.seen(SourceResumed)) and len(world.stores[world.lanes["airline"]].objects) == 10)
        assert (len(world.seen(SourceParked)), len(world.seen(SourceResumed)), world.seen(SourceFailed)) == (1, 1, [])
        assert not world.seen(DeliveryFailed)
        assert world.openings.count(world.source_ids["airline"]) == 2
        assert {row.attempt for row in await world.database.deliveries(customer="airline")} == {0}

    in_virtual_time(scenario, world=LockedWorld)(tmp_path)  # type: ignore[arg-type]  # pytest's own


def test_a_run_until_empty_does_not_wait_for_a_parked_source(tmp_path: object) -> None:
    """What nobody can read is not work that is left; what others have is done."""

    async def scenario(world: World) -> None:
        assert isinstance(world, LockedWorld)
        source = await world.furnish()
        world.put("airline", 3)
        await world.run_until_empty()
        source.cut = True
        world.put("airline", 3, prefix="more")
        world.put("bakery", 3)
        await world.run_until_empty()
        assert len(world.stores[world.lanes["bakery"]].objects) == 3
        await world.run_until_empty()
        assert len(world.seen(SourceParked)) == 1

    in_virtual_time(scenario, world=LockedWorld)(tmp_path)  # type: ignore[arg-type]  # pytest's own
