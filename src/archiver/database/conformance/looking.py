"""What people see."""
# ruff: noqa: S101  a kit of tests is made of asserts

from __future__ import annotations

from archiver.database.conformance.world import NOW, archived, due, settled, world
from archiver.database.port import Database
from archiver.lifecycle import DeliveryState

__all__ = ["LookingConformance"]


class LookingConformance:
    """What people see."""

    async def test_pages_of_deliveries(self, database: Database) -> None:
        """By id, from a place on, of one customer, in one state."""
        klm, lot = await world(database, "klm"), await world(database, "lot")
        for owner in (klm, lot):
            await database.add_births(owner.source, owner.births(5), now=NOW, cursor=None)
        ids = [row.id for row in await database.deliveries()]
        failing = await due(database, lot.lanes[0], 2)
        await database.settle([settled(delivery, DeliveryState.REJECTED) for delivery in failing], lot.epochs)
        assert [row.id for row in await database.deliveries(after=ids[2], limit=3)] == ids[3:6]
        assert [row.id for row in await database.deliveries(customer="lot")] == ids[5:]
        assert [row.id for row in await database.deliveries(state=DeliveryState.REJECTED)] == ids[5:7]
        assert [row.id for row in await database.deliveries(customer="lot", state=DeliveryState.WAITING, after=ids[7])] == ids[8:]
        assert list(await database.deliveries(customer="klm", state=DeliveryState.REJECTED)) == []

    async def test_the_oldest_that_waits_is_known(self, database: Database) -> None:
        """Also after it was put off, and when a newer item is more urgent; None when nothing waits."""
        klm = await world(database)
        await database.add_births(klm.source, klm.births(1, priority=1), now=NOW - 9, cursor=None)
        await database.add_births(klm.source, klm.births(2, first=1), now=NOW, cursor=None)

        async def oldest() -> int | None:
            return (await database.counters())[0].oldest_waiting_at

        assert await oldest() == NOW - 9
        first = (await due(database, klm.lanes[0]))[-1]
        await database.settle([settled(first, DeliveryState.WAITING)], klm.epochs)
        assert await oldest() == NOW - 9
        for expected in (NOW, None):
            await database.settle([archived(first)], klm.epochs)
            assert await oldest() == expected
            rest = await due(database, klm.lanes[0])
            await database.settle([archived(delivery) for delivery in rest], klm.epochs)

    async def test_texts_come_back_as_they_went_in(self, database: Database) -> None:
        """Quotes, control characters and every script, on the way in and out."""
        klm = await world(database)
        odd = "ä 日本 \U0001f4e0 \"'\\ \n\t\x00\x1f end"
        await database.add_births(klm.source, klm.births(1, locator=odd, external_id=odd, metadata={odd: [odd]}), now=NOW, cursor=odd)
        (delivery,) = await due(database, klm.lanes[0])
        assert (delivery.item.locator, delivery.item.external_id, await database.cursor(klm.source.id)) == (odd, odd, odd)
        await database.settle([settled(delivery, DeliveryState.REJECTED, detail=odd)], klm.epochs)
        assert [row.detail for row in await database.deliveries()] == [odd]
