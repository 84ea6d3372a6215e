"""Keeping and erasing: what may go goes, what is left proves what was."""
# ruff: noqa: S101  a kit of tests is made of asserts

from __future__ import annotations

import msgspec
import pytest

from archiver.database.audit import receipt_hash
from archiver.database.conformance.world import LATER, NOW, archived, due, world
from archiver.database.port import CustomerChange, Database
from archiver.errors import ConfigError
from archiver.lifecycle import DeliveryState
from archiver.model import Kind, Role

__all__ = ["ErasingConformance"]


class ErasingConformance:
    """Holds, periods, routes, erasing, and removing a customer."""

    async def test_a_customer_is_changed(self, database: Database) -> None:
        """Only what is said; a name that is not there and values that cannot be are refused, and then nothing is changed."""
        await database.add_customer("klm", path_template="x", weight=2)
        changed = await database.change_customer("klm", CustomerChange(hold="lawsuit", keep_days=30, erase_days=60))
        assert (changed.hold, changed.keep_days, changed.erase_days, changed.weight) == ("lawsuit", 30, 60, 2)
        assert list(await database.customers()) == [changed]
        for name, change in (
            ("lot", CustomerChange(weight=3)),
            ("klm", CustomerChange(weight=0)),
            ("klm", CustomerChange(keep_days=-1)),
            ("klm", CustomerChange(keep_days=90)),
        ):
            with pytest.raises(ConfigError):
                await database.change_customer(name, change)
        assert list(await database.customers()) == [changed]
        assert (await database.change_customer("klm", CustomerChange(hold=""))).hold == ""

    async def test_a_destination_gets_some_kinds(self, database: Database) -> None:
        """Or all of them again; a source has no kinds."""
        klm = await world(database, "klm")
        assert (await database.route(klm.lanes[0], (Kind.SMS, Kind.FAX))).kinds == (Kind.SMS, Kind.FAX)
        (found,) = await database.connections(role=Role.DESTINATION)
        assert found.kinds == (Kind.SMS, Kind.FAX)
        assert (await database.route(klm.lanes[0], ())).kinds == ()
        with pytest.raises(ConfigError):
            await database.route(klm.source.id, (Kind.SMS,))

    async def test_what_was_erased_leaves_a_proof(self, database: Database) -> None:
        """The receipt and its path are gone, its hash is there in its place, and the source does not bring the item back."""
        klm = await world(database, "klm")
        births = klm.births(3)
        await database.add_births(klm.source, births, now=NOW, cursor="")
        rows = await due(database, klm.lanes[0])
        await database.settle([archived(row) for row in rows[:2]], klm.epochs)
        first, second = await database.erasable(klm.customer.id, before=LATER, limit=2)
        assert first.receipt is not None
        assert not await database.erasable(klm.customer.id, before=NOW)
        assert await database.erase(klm.customer.id, [row.id for row in rows], reason="asked for", now=LATER) == 2
        assert await database.erase(klm.customer.id, [first.delivery_id], reason="twice", now=LATER) == 0
        (left,) = await database.erasable(klm.customer.id, before=LATER)
        assert (left.delivery_id, left.state) == (rows[2].id, DeliveryState.WAITING)
        told = await database.receipts([(rows[0].id, rows[2].id)])
        assert told[first.delivery_id] == receipt_hash(first.delivery_id, first.receipt)
        assert set(told) == {first.delivery_id, second.delivery_id}
        page = await database.deliveries(customer="klm")
        assert [(row.state, row.path, row.receipt) for row in page[:2]] == [(DeliveryState.ARCHIVED, "", None)] * 2
        assert not (await database.add_births(klm.source, births[:2], now=LATER, cursor=None)).items
        assert {row.state for row in (await database.deliveries(customer="klm"))[:2]} == {DeliveryState.ARCHIVED}

    async def test_an_item_is_forgotten_with_its_last_delivery(self, database: Database) -> None:
        """While another storage has it, what is known of it stays; afterwards not even a new storage brings it back."""
        klm = await world(database, "klm", lanes=2)
        (birth,) = klm.births(1)
        personal = msgspec.structs.replace(birth.discovery, sender="+49 30 5550147", locator="secret/place", metadata={"note": "x"})
        await database.add_births(klm.source, [msgspec.structs.replace(birth, discovery=personal)], now=NOW, cursor="")
        rows = [row for lane in klm.lanes for row in await due(database, lane)]
        await database.settle([archived(row) for row in rows], klm.epochs)
        await database.erase(klm.customer.id, [rows[0].id], reason="time", now=LATER)
        again = [msgspec.structs.replace(birth, discovery=personal)]
        assert not (await database.add_births(klm.source, again, now=LATER, cursor=None)).items
        assert await database.erase(klm.customer.id, [rows[1].id], reason="time", now=LATER) == 1
        assert not await database.erasable(klm.customer.id, before=LATER)
        third = await database.add_connection(klm.customer.id, Role.DESTINATION, "memory", {}, {})
        late = msgspec.structs.replace(again[0], deliveries=[(third.id, "/late.txt", 0)])
        assert not (await database.add_births(klm.source, [late], now=LATER, cursor=None)).lanes, "a new storage brought it back"

    async def test_a_customer_is_removed_bit_by_bit(self, database: Database) -> None:
        """What is left are tombstones; nothing waits any more; another one stays as it was; the name is free."""
        klm, lot = await world(database, "klm", lanes=2), await world(database, "lot")
        for one in (klm, lot):
            await database.add_births(one.source, one.births(5), now=NOW, cursor="c")
            await database.settle([archived(row) for row in (await due(database, one.lanes[0]))[:4]], one.epochs)
        kept = await database.deliveries(customer="lot")
        mine = [row.id for row in await database.deliveries(customer="klm")]
        removed = []
        while count := await database.remove_customer(klm.customer.id, reason="left", now=LATER, limit=3):
            removed.append(count)
        assert sum(removed) == len(mine) == 10
        assert [customer.name for customer in await database.customers()] == ["lot"]
        assert [row.customer for row in await database.counters()] == ["lot"]
        assert set(await database.ready_lanes(LATER)) == set(lot.lanes)
        assert (await database.totals(LATER)).customers == 1
        assert list(await database.needing(10)) == []
        assert [row.customer.name for row in await database.customers_page(limit=10)] == ["lot"]
        assert list(await database.deliveries(customer="lot")) == list(kept)
        told = await database.receipts([(one, one) for one in mine])
        assert len(told) == 4
        assert all(isinstance(one, str) for one in told.values())
        assert await database.remove_customer(klm.customer.id, reason="left", now=LATER) == 0
        again = await world(database, "klm")
        await database.add_births(again.source, again.births(1), now=NOW, cursor="c")
        assert not {row.id for row in await database.deliveries(customer="klm")} & set(mine)
