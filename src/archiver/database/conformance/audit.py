"""The audit log: a chain to which lines are only appended."""
# ruff: noqa: S101  a kit of tests is made of asserts

from __future__ import annotations

import asyncio

import msgspec

from archiver.database.audit import GENESIS, SETTLED, Entry, receipts_digest
from archiver.database.conformance.world import NOW, archived, due, settled, world
from archiver.database.port import Database
from archiver.lifecycle import DeliveryState

__all__ = ["AuditConformance"]


async def _is_whole(database: Database) -> bool:
    number, previous = 0, GENESIS
    for line in await database.audit_lines(limit=1000):
        if (line.number, line.previous, line.hash) != (number + 1, previous, line.proper_hash):
            return False
        number, previous = line.number, line.hash
    return True


class AuditConformance:
    """The audit log."""

    async def test_lines_make_a_chain(self, database: Database) -> None:
        """Numbers without a gap, each with the hash of the one before; texts of every kind come back as they went in."""
        odd = "ä 日本 \U0001f4e0 \"'\\ \n\t\x00\x10\x1f end"
        first = await database.audit(Entry(actor="ada", action="customers add", subject="klm"))
        second = await database.audit(Entry(actor=odd, action=odd, subject=odd, result=odd, origin=odd, detail={odd: [odd, 1, None]}))
        assert (first.number, first.previous, second.number, second.previous) == (1, GENESIS, 2, first.hash)
        assert list(await database.audit_lines()) == [first, second]
        assert (second.actor, second.origin, msgspec.json.decode(second.detail)) == (odd, odd, {odd: [odd, 1, None]})
        assert await _is_whole(database)

    async def test_what_no_database_can_hold_is_replaced(self, database: Database) -> None:
        """Half a character of a broken text does not keep a line from being written."""
        line = await database.audit(Entry(actor="ada", action="retry", subject="\ud83d", detail={"why": "\udc00"}))
        assert (line.subject, msgspec.json.decode(line.detail)) == ("?", {"why": "?"})
        assert list(await database.audit_lines()) == [line]

    async def test_pages_from_both_ends(self, database: Database) -> None:
        """The oldest first after a number, the newest first before one."""
        for number in range(5):
            await database.audit(Entry(actor="ada", action="retry", subject=str(number)))
        assert [line.number for line in await database.audit_lines(after=1, limit=2)] == [2, 3]
        assert [line.number for line in await database.audit_tail(limit=2)] == [5, 4]
        assert [line.number for line in await database.audit_tail(before=4, limit=9)] == [3, 2, 1]

    async def test_what_was_done_is_found_among_very_many_batches(self, database: Database) -> None:
        """Without a look at the lines that only tell of deliveries."""
        for number in range(9):
            await database.audit(Entry(actor="ada", action="retry" if number % 3 == 0 else SETTLED, subject=str(number)))
        assert [line.number for line in await database.audit_tail(limit=2, batches=False)] == [7, 4]
        assert [line.number for line in await database.audit_tail(before=7, limit=9, batches=False)] == [4, 1]

    async def test_a_batch_is_one_line(self, database: Database) -> None:
        """It names what was written and nothing else, and its digest is that of the receipts; what is put off makes none."""
        klm, lot = await world(database, "klm"), await world(database, "lot")
        for owner in (klm, lot):
            await database.add_births(owner.source, owner.births(4), now=NOW, cursor=None)
        one, two, three, four = await due(database, klm.lanes[0])
        foreign = await due(database, lot.lanes[0])
        await database.settle([settled(one, DeliveryState.WAITING)], klm.epochs)
        assert list(await database.audit_lines()) == []
        batch = [archived(one), archived(two), settled(three, DeliveryState.REJECTED), settled(four, DeliveryState.GONE)]
        await database.settle([*batch, archived(foreign[0])], klm.epochs)
        (line,) = await database.audit_lines()
        receipts = await database.receipts([(one.id, two.id), (foreign[0].id, foreign[-1].id)])
        assert receipts == {entry.delivery_id: entry.receipt for entry in batch[:2]}
        assert line.action == SETTLED
        assert msgspec.json.decode(line.detail) == {
            "archived": [[one.id, two.id]],
            "rejected": [[three.id, three.id]],
            "gone": [[four.id, four.id]],
            "customers": [klm.customer.id],
            "receipts": receipts_digest(receipts),
        }

    async def test_many_append_at_one_time(self, database: Database) -> None:
        """People and batches together still make one chain."""
        klm = await world(database)
        await database.add_births(klm.source, klm.births(20), now=NOW, cursor=None)
        found = await due(database, klm.lanes[0])
        entries = [Entry(actor="ada", action="retry", subject=str(number)) for number in range(20)]
        await asyncio.gather(
            *(database.audit(entry) for entry in entries), *(database.settle([archived(delivery)], klm.epochs) for delivery in found)
        )
        assert len(await database.audit_lines()) == 40
        assert await _is_whole(database)
