"""What people look through."""
# ruff: noqa: S101  a kit of tests is made of asserts

from __future__ import annotations

from archiver.database.browsing import Query
from archiver.database.conformance.world import NOW, archived, due, settled, world
from archiver.database.port import Database
from archiver.lifecycle import DeliveryState
from archiver.model import ConnectionState, CustomerState, Kind

__all__ = ["BrowsingConformance"]

_DAY = 86_400_000


async def _numbers(database: Database, query: Query, *, limit: int = 50) -> list[str]:
    """The senders of what is found, page by page."""
    found, before = [], 0
    while True:
        page = await database.search(query, before=before, limit=limit)
        assert len(page.items) <= limit
        found += [item.sender for item in page.items]
        before = page.before
        if not before:
            return found


class BrowsingConformance:
    """What people look through."""

    async def test_customers_come_page_by_page(self, database: Database) -> None:
        """By name, by a part of it, those who need somebody, those who are paused; each with its lanes."""
        for name in ("klm", "lot", "lufthansa"):
            await world(database, name, lanes=2)
        first = await database.customers_page(limit=2)
        assert [(row.customer.name, len(row.lanes)) for row in first] == [("klm", 2), ("lot", 2)]
        assert [row.customer.name for row in await database.customers_page(after="lot")] == ["lufthansa"]
        assert [row.customer.name for row in await database.customers_page(text="L")] == ["klm", "lot", "lufthansa"]
        assert [row.customer.name for row in await database.customers_page(text="han")] == ["lufthansa"]
        assert list(await database.customers_page(text="%")) == []
        await database.set_connection_state(first[1].lanes[0].lane, ConnectionState.QUOTA_FULL, "full")
        await database.set_customer_state("klm", CustomerState.PAUSED)
        assert [row.customer.name for row in await database.customers_page(which="needing")] == ["lot"]
        assert [row.customer.name for row in await database.customers_page(which="paused")] == ["klm"]

    async def test_failures_are_grouped_by_their_causes(self, database: Database) -> None:
        """The most frequent first, each with an example; what waits again is none any more."""
        klm = await world(database, "klm")
        await database.add_births(klm.source, klm.births(6), now=NOW, cursor=None)
        assert list(await database.causes()) == []
        ways = [("RejectedError", "bad name")] * 3 + [("ConflictError", "a folder")] + [("SourceGoneError", "404")]
        batch = []
        for delivery, (reason, detail) in zip(await due(database, klm.lanes[0]), ways, strict=False):
            state = DeliveryState.GONE if reason == "SourceGoneError" else DeliveryState.REJECTED
            batch.append(settled(delivery, state, reason=reason, detail=detail))
        await database.settle(batch, klm.epochs)
        found = await database.causes()
        assert [(cause.reason, cause.count, cause.more) for cause in found] == [
            ("RejectedError", 3, False),
            ("ConflictError", 1, False),
            ("SourceGoneError", 1, False),
        ]
        assert (found[2].state, found[2].example, found[2].customer) == (DeliveryState.GONE, "404", "klm")
        await database.retry(reason="RejectedError", now=NOW)
        assert [cause.reason for cause in await database.causes()] == ["ConflictError", "SourceGoneError"]

    async def test_one_item_is_looked_at(self, database: Database) -> None:
        """The delivery, the item behind it, where else it goes, and its receipt."""
        klm = await world(database, "klm", lanes=2)
        births = klm.births(1, sender="+49 30 1234567", recipient="Anna", direction="inbound", metadata={"duration": 7})
        await database.add_births(klm.source, births, now=NOW, cursor=None)
        (delivery,) = await due(database, klm.lanes[0])
        await database.settle([archived(delivery)], klm.epochs)
        detail = await database.item_detail(delivery.id)
        assert detail is not None
        assert (detail.sender, detail.recipient, detail.direction, detail.metadata) == (
            "+49 30 1234567",
            "Anna",
            "inbound",
            {"duration": 7},
        )
        assert (detail.row.state, detail.adapter, len(detail.others)) == (DeliveryState.ARCHIVED, "memory", 1)
        assert detail.row.receipt is not None
        assert await database.item_detail(10**12) is None

    async def test_items_are_found_by_their_words(self, database: Database) -> None:
        """By number however it is written, by name, by beginning, by customer, kind and time; the newest first, page by page."""
        klm, lot = await world(database, "klm"), await world(database, "lot")
        sent = [("+49 30 1234567", "Änne Müller"), ("030/1234567", "Ben"), ("+1 (555) 765-4321", "Anna-Maria"), ("101", "Bertha")]
        for number, (sender, owner) in enumerate(sent):
            kind = Kind.FAX if number == 2 else Kind.CALL_LOG if number == 3 else Kind.SMS
            births = klm.births(1, first=number, sender=sender, owner=owner, kind=kind, occurred_at=number * 40 * _DAY)
            await database.add_births(klm.source, births, now=NOW, cursor=None)
        await database.add_births(lot.source, lot.births(1, sender="+49 30 1234567", owner="Lara"), now=NOW, cursor=None)
        assert (await database.search(Query(text="anna"))).behind == 5
        assert await database.learn(3) == 3
        assert await database.learn(100) == 2
        assert await database.learn(100) == 0
        everybody = [sender for sender, _ in [*sent, ("+49 30 1234567", "")]][::-1]
        for query, expected in (
            (Query(), everybody),
            (Query(text="+49 (30) 123 45 67"), ["+49 30 1234567", "030/1234567", "+49 30 1234567"]),
            (Query(text="1234567", customer="klm"), ["030/1234567", "+49 30 1234567"]),
            (Query(text="1234568"), []),
            (Query(text="101"), ["101"]),
            (Query(text="10"), []),
            (Query(text="ben"), ["030/1234567"]),
            (Query(text="be"), []),
            (Query(text="ber"), ["101"]),
            (Query(text="maria anna"), ["+1 (555) 765-4321"]),
            (Query(text="MÜLLER"), ["+49 30 1234567"]),
            (Query(text="\"' OR * : ) |&!"), []),
            (Query(customer="lot"), ["+49 30 1234567"]),
            (Query(customer="nobody"), []),
            (Query(kind=Kind.FAX), ["+1 (555) 765-4321"]),
            (Query(kind=Kind.CALL_LOG, customer="klm"), ["101"]),
            (Query(since=40 * _DAY, until=81 * _DAY), ["+1 (555) 765-4321", "030/1234567"]),
            (Query(since=80 * _DAY), ["101", "+1 (555) 765-4321"]),
            (Query(since=0, until=10**13, customer="klm", text="anna"), ["+1 (555) 765-4321"]),
        ):
            for limit in (1, 2, 50):
                assert await _numbers(database, query, limit=limit) == expected, query
