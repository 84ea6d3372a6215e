"""Settling, and trying again."""
# ruff: noqa: S101  a kit of tests is made of asserts

from __future__ import annotations

import msgspec
import pytest

from archiver.database.conformance.world import LATER, NOW, archived, due, numbers, settled, world
from archiver.database.port import Database
from archiver.lifecycle import DeliveryState
from archiver.model import Session

__all__ = ["SettlingConformance"]


class SettlingConformance:
    """Settling, and trying again."""

    async def test_each_outcome_is_written(self, database: Database) -> None:
        """States, tries, reasons, receipts and counters."""
        klm = await world(database)
        await database.add_births(klm.source, klm.births(5), now=NOW, cursor=None)
        one, two, three, four, _ = await due(database, klm.lanes[0])
        await database.save_sessions({one.id: Session(id="s", offset=1, started_at=1)}, klm.epochs)
        batch = [
            archived(one),
            settled(two, DeliveryState.WAITING),
            settled(three, DeliveryState.REJECTED, reason="RejectedError", detail="disallowed name"),
            settled(four, DeliveryState.GONE, reason="SourceGoneError", detail="404"),
        ]
        assert await database.settle(batch, klm.epochs) == frozenset()
        rows = await database.deliveries()
        assert [(row.state, row.attempt, row.reason, row.detail) for row in rows] == [
            (DeliveryState.ARCHIVED, 0, "", ""),
            (DeliveryState.WAITING, 1, "TransientError", "503"),
            (DeliveryState.REJECTED, 1, "RejectedError", "disallowed name"),
            (DeliveryState.GONE, 1, "SourceGoneError", "404"),
            (DeliveryState.WAITING, 0, "", ""),
        ]
        assert [row.receipt for row in rows] == [batch[0].receipt, None, None, None, None]
        assert await numbers(database, klm.lanes[0]) == {"waiting": 2, "archived": 1, "rejected": 1, "gone": 1}
        assert [counters.archived_bytes for counters in await database.counters()] == [160]

    async def test_another_epoch_writes_nothing(self, database: Database) -> None:
        """Neither does a customer that is not owned at all; the other customers of the batch are settled."""
        klm, lot, sas = [await world(database, name) for name in ("klm", "lot", "sas")]
        for owner in (klm, lot, sas):
            await database.add_births(owner.source, owner.births(2), now=NOW, cursor=None)
        batch = [archived(delivery) for owner in (klm, lot, sas) for delivery in await due(database, owner.lanes[0])]
        refused = await database.settle(batch, klm.epochs | {lot.customer.id: lot.customer.epoch + 1})
        assert refused == {entry.delivery_id for entry in batch if entry.customer_id != klm.customer.id}
        found = {owner.customer.name: await numbers(database, owner.lanes[0]) for owner in (klm, lot, sas)}
        assert {name: (counts["archived"], counts["waiting"]) for name, counts in found.items()} == {
            "klm": (2, 0),
            "lot": (0, 2),
            "sas": (0, 2),
        }

    async def test_what_no_longer_waits_is_left_as_it_is(self, database: Database) -> None:
        """A second outcome changes nothing, is told, and does not stop the rest of its batch."""
        klm = await world(database)
        await database.add_births(klm.source, klm.births(3), now=NOW, cursor=None)
        one, two, three = await due(database, klm.lanes[0])
        await database.settle([archived(one)], klm.epochs)
        late = [settled(one, DeliveryState.REJECTED), archived(two), archived(two), settled(three, DeliveryState.WAITING)]
        assert await database.settle(late, klm.epochs) == {one.id}
        assert await numbers(database, klm.lanes[0]) == {"waiting": 1, "archived": 2, "rejected": 0, "gone": 0}

    async def test_nothing_is_settled_at_no_cost(self, database: Database) -> None:
        """An empty batch is fine; archived without a receipt is a bug and writes nothing."""
        klm = await world(database)
        await database.add_births(klm.source, klm.births(1), now=NOW, cursor=None)
        assert await database.settle([], {}) == frozenset()
        (only,) = await due(database, klm.lanes[0])
        with pytest.raises(ValueError, match="receipt"):
            await database.settle([msgspec.structs.replace(archived(only), receipt=None)], klm.epochs)
        assert await due(database, klm.lanes[0]) == [only]

    async def test_a_session_is_kept_while_it_is_of_use(self, database: Database) -> None:
        """It comes with the delivery; without one the next outcome forgets it; a finished delivery takes none."""
        klm = await world(database)
        await database.add_births(klm.source, klm.births(2), now=NOW, cursor=None)
        one, two = await due(database, klm.lanes[0])
        session = Session(id="s/ä", offset=8 << 30, started_at=5)
        await database.settle([archived(two)], klm.epochs)
        assert await database.save_sessions({one.id: session, two.id: session}, klm.epochs) == {two.id}
        assert [delivery.session for delivery in await due(database, klm.lanes[0])] == [session]
        await database.settle([settled(one, DeliveryState.WAITING, ready_at=NOW)], klm.epochs)
        assert [delivery.session for delivery in await due(database, klm.lanes[0])] == [None]

    async def test_a_session_is_kept_by_the_owner_only(self, database: Database) -> None:
        """A worker that lost its customer overwrites no promise of the next one; the rest of what it saves is kept."""
        klm, lot, sas = [await world(database, name) for name in ("klm", "lot", "sas")]
        for owner in (klm, lot, sas):
            await database.add_births(owner.source, owner.births(1), now=NOW, cursor=None)
        ((one,), (two,), (three,)) = [await due(database, owner.lanes[0]) for owner in (klm, lot, sas)]
        promised, late = Session(id="promised", offset=0, started_at=1), Session(id="late", offset=0, started_at=1)
        everybodys = klm.epochs | lot.epochs | sas.epochs
        assert await database.save_sessions({entry.id: promised for entry in (one, two, three)}, everybodys) == frozenset()
        stale = klm.epochs | {lot.customer.id: lot.customer.epoch + 1}  # and nothing at all of the third
        assert await database.save_sessions({entry.id: late for entry in (one, two, three)}, stale) == {two.id, three.id}
        found = [(await due(database, owner.lanes[0]))[0].session for owner in (klm, lot, sas)]
        assert found == [late, promised, promised]
        assert await database.save_sessions({}, {}) == frozenset()

    async def test_what_failed_is_tried_again_on_request(self, database: Database) -> None:
        """By customer, reason or id; with no tries charged; archived ones never."""
        klm, lot = await world(database, "klm"), await world(database, "lot")
        for owner in (klm, lot):
            await database.add_births(owner.source, owner.births(4), now=NOW, cursor=None)
            one, two, three, four = await due(database, owner.lanes[0])
            failed = [settled(one, DeliveryState.REJECTED), settled(two, DeliveryState.GONE, reason="SourceGoneError")]
            await database.settle([*failed, settled(three, DeliveryState.REJECTED), archived(four)], owner.epochs)
        assert await database.retry(customer="klm", reason="SourceGoneError", now=LATER) == 1
        first = (await database.deliveries(customer="klm"))[0].id
        assert await database.retry(ids=[first, first + 3, 999], now=LATER) == 1
        assert await database.retry(ids=[], now=LATER) == 0
        assert await database.retry(now=LATER) == 4
        assert [await numbers(database, owner.lanes[0]) for owner in (klm, lot)] == [
            {"waiting": 3, "archived": 1, "rejected": 0, "gone": 0}
        ] * 2
        again = await due(database, klm.lanes[0], now=LATER)
        assert [(delivery.attempt, delivery.ready_at) for delivery in again] == [(0, LATER)] * 3
