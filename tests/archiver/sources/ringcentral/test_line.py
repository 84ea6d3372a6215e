"""A source that is the slower end: the pipeline on a real database, RingCentral over real sockets, hours of virtual time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp

from archiver.model import Connection
from archiver.sandbox.ringcentral import RingCentral
from archiver.sources.port import Source
from genstage.testing import run
from support.phones import GRACE, Bench
from support.world import World

RECORDINGS = 150
MINUTE = 60.0


class PhoneWorld(World):
    """A world in which one customer's source is a RingCentral; the others have theirs in memory.

    Attributes:
        bench: The sandbox.
        opened_phones: The source, once it was opened.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.bench: Bench | None = None
        self.opened_phones: Source | None = None

    def open_source(self, connection: Connection) -> Source:
        """The airline's phones, or somebody's memory."""
        if self.bench is not None and connection.id == self.source_ids["airline"]:
            self.opened_phones = self.bench.source(poll_interval=120, kinds="recording,sms")
            return self.opened_phones
        return super().open_source(connection)


def test_uploads_wait_for_their_turn_at_the_source_and_nobody_else_notices(tmp_path: Path) -> None:
    """Ten recordings a minute: the limit is used up to 97 in a hundred, never exceeded; SMS and other customers do not wait behind."""

    async def scenario(path: Path) -> None:
        world = PhoneWorld(path)
        await world.database.serve()
        await world.database.open()
        connector = aiohttp.TCPConnector(force_close=True)
        async with RingCentral(now=world.clock.wall) as phones, aiohttp.ClientSession(connector=connector) as http:
            world.bench = Bench(phones, http, world.clock)
            ann = phones.office.add_extension("101", "Ann")
            for number in range(RECORDINGS):
                phones.office.add_call(ann, [b"ID3 %d" % number], start=phones.office.now() - 10 * MINUTE - number)
            for _ in range(50):
                phones.office.add_message(ann, "SMS", subject="hello")
            await world.add_customer("airline")
            await world.add_customer("bakery")
            world.put("bakery", 100)
            began = world.clock.time()
            async with world.running(world.assembly()):
                await until(world, "bakery", 100)
                assert world.clock.time() - began < 10
                await until(world, "airline", 100)  # the texts, which need no calls, are not behind the recordings
                assert world.clock.time() - began < 3 * MINUTE
                await until(world, "airline", 130)
                begun, before = world.clock.time(), heavy_calls(phones)
                await until(world, "airline", 100 + RECORDINGS - 15)
                used, permitted = heavy_calls(phones) - before, 10 * (world.clock.time() - begun) / 60
                await until(world, "airline", 100 + RECORDINGS)
        heavy = phones.groups()["Heavy"]
        assert (heavy.refused, heavy.poked) == (0, 0)
        assert used >= 0.97 * permitted, "of what was permitted while there was work"
        rows = await world.database.deliveries(customer="airline", limit=1000)
        assert {row.attempt for row in rows} == {0}
        await world.database.close()

    run(scenario, tmp_path / "archiver.db", grace=GRACE)


def heavy_calls(phones: RingCentral) -> int:
    """How many calls of the group there were."""
    return sum(request.group == "Heavy" for request in phones.ledger.requests)


async def until(world: World, customer: str, count: int) -> None:
    """Returns when so many of a customer's items are archived."""
    async with asyncio.timeout(6 * 3600):
        while (await world.counters(customer)).archived < count:
            world.changed.clear()
            await world.changed.wait()
