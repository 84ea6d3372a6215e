"""What a person can prove of completeness."""
# ruff: noqa: S101  a kit of tests is made of asserts

from __future__ import annotations

from collections.abc import Mapping

from archiver.database.completeness import Pass
from archiver.database.conformance.world import LATER, NOW, archived, due, settled, world
from archiver.database.port import Database
from archiver.lifecycle import DeliveryState
from archiver.model import Kind, LaneId

__all__ = ["CompletenessConformance"]


async def _numbers(database: Database, customer_id: int) -> Mapping[tuple[LaneId, Kind], tuple[int, ...]]:
    return {
        (row.lane, row.kind): (row.waiting, row.archived, row.rejected, row.gone, row.archived_bytes)
        for row in await database.kind_counters(customer_id)
    }


class CompletenessConformance:
    """Numbers by kind, passes, purges, failures."""

    async def test_numbers_by_kind(self, database: Database) -> None:
        """They follow births, outcomes and retries of each lane, and nobody else's."""
        klm, lot = await world(database, "klm", lanes=2), await world(database, "lot")
        for owner in (klm, lot):
            await database.add_births(owner.source, owner.births(4), now=NOW, cursor=None)
            await database.add_births(owner.source, owner.births(3, kind=Kind.FAX), now=NOW, cursor=None)
            await database.add_births(owner.source, owner.births(3, kind=Kind.FAX), now=NOW, cursor=None)
        one, two = klm.lanes
        fresh = {Kind.SMS: (4, 0, 0, 0, 0), Kind.FAX: (3, 0, 0, 0, 0)}
        assert await _numbers(database, klm.customer.id) == {(lane, kind): n for lane in klm.lanes for kind, n in fresh.items()}
        found = await due(database, one)
        sms, fax = ([delivery for delivery in found if delivery.item.kind is kind] for kind in (Kind.SMS, Kind.FAX))
        batch = [archived(sms[0]), archived(sms[1]), settled(sms[2], DeliveryState.REJECTED), settled(fax[0], DeliveryState.GONE)]
        await database.settle([*batch, settled(fax[1], DeliveryState.WAITING)], klm.epochs)
        await database.settle([archived(sms[0])], klm.epochs)
        expected = {(one, Kind.SMS): (1, 2, 1, 0, 320), (one, Kind.FAX): (2, 0, 0, 1, 0)}
        expected |= {(two, kind): n for kind, n in fresh.items()}
        assert await _numbers(database, klm.customer.id) == expected
        assert await database.retry(customer="klm", now=LATER) == 2
        assert await _numbers(database, klm.customer.id) == expected | {
            (one, Kind.SMS): (2, 2, 0, 0, 320),
            (one, Kind.FAX): (3, 0, 0, 0, 0),
        }
        assert await _numbers(database, lot.customer.id) == {(lot.lanes[0], kind): n for kind, n in fresh.items()}

    async def test_passes_are_remembered(self, database: Database) -> None:
        """The last complete one stays known while others fail; the first failure since is kept; the next complete one ends the trouble."""
        klm = await world(database)
        source, customer = klm.source.id, klm.customer.id
        assert list(await database.passes(customer)) == []
        await database.note_trouble(source, at=NOW, trouble="403")
        assert list(await database.passes(customer)) == [Pass(source_id=source, troubled_since=NOW, trouble="403")]
        await database.note_complete(source, at=NOW + 1, claimed={Kind.SMS: 7})
        whole = Pass(source_id=source, complete_at=NOW + 1, claimed={Kind.SMS: 7})
        assert list(await database.passes(customer)) == [whole]
        for at, why in ((NOW + 2, "502"), (NOW + 3, "ä\x00")):
            await database.note_trouble(source, at=at, trouble=why)
        (found,) = await database.passes(customer)
        assert (found.complete_at, found.troubled_since, found.trouble) == (NOW + 1, NOW + 2, "ä\x00")

    async def test_the_soonest_purge_of_each_kind(self, database: Database) -> None:
        """Of what still waits, in every level; what will never be purged counts for nothing."""
        klm = await world(database)
        await database.add_births(klm.source, klm.births(2), now=NOW, cursor=None)
        await database.add_births(klm.source, klm.births(2, first=2, purge_at=NOW + 50), now=NOW, cursor=None)
        await database.add_births(klm.source, klm.births(1, first=4, purge_at=NOW + 40, priority=3), now=NOW, cursor=None)
        await database.add_births(klm.source, klm.births(1, kind=Kind.FAX, purge_at=NOW + 70), now=NOW, cursor=None)
        (lane,) = klm.lanes
        assert await database.soonest_purges(lane, among=100) == {Kind.SMS: NOW + 40, Kind.FAX: NOW + 70}
        first = [delivery for delivery in await due(database, lane) if delivery.priority == 3]
        await database.settle([archived(delivery) for delivery in first], klm.epochs)
        assert await database.soonest_purges(lane, among=100) == {Kind.SMS: NOW + 50, Kind.FAX: NOW + 70}

    async def test_archived_deliveries_with_all_that_is_known(self, database: Database) -> None:
        """By number, of one customer, with receipts and the words of the source; what is not archived is left out."""
        klm, lot = await world(database, "klm"), await world(database, "lot")
        for owner in (klm, lot):
            born = owner.births(3, sender="+1555", owner="101", direction="inbound", metadata={"session_id": "s1", "n": [1]})
            await database.add_births(owner.source, born, now=NOW, cursor=None)
        mine = await due(database, klm.lanes[0])
        theirs = await due(database, lot.lanes[0])
        await database.settle([archived(delivery) for delivery in (*mine[:2], *theirs)], klm.epochs | lot.epochs)
        found = await database.archived_in(klm.customer.id, [(1, theirs[-1].id)])
        assert [one.row.id for one in found] == [mine[0].id, mine[1].id]
        assert found[0].row.receipt == archived(mine[0]).receipt
        assert (found[0].sender, found[0].owner, found[0].direction) == ("+1555", "101", "inbound")
        assert found[0].metadata == {"session_id": "s1", "n": [1]}

    async def test_why_deliveries_failed(self, database: Database) -> None:
        """By reason, the most frequent first; only the customer's."""
        klm, lot = await world(database, "klm"), await world(database, "lot")
        for owner in (klm, lot):
            await database.add_births(owner.source, owner.births(4), now=NOW, cursor=None)
            *three, last = await due(database, owner.lanes[0])
            batch = [settled(delivery, DeliveryState.GONE, reason="SourceGoneError", detail="404") for delivery in three]
            await database.settle([*batch, settled(last, DeliveryState.REJECTED, reason="ConflictError", detail="taken")], owner.epochs)
        found = await database.failures(klm.customer.id, among=100)
        assert [(one.lane, one.kind, one.state, one.reason, one.detail, one.count) for one in found] == [
            (klm.lanes[0], Kind.SMS, DeliveryState.GONE, "SourceGoneError", "404", 3),
            (klm.lanes[0], Kind.SMS, DeliveryState.REJECTED, "ConflictError", "taken", 1),
        ]
        assert sum(one.count for one in await database.failures(klm.customer.id, among=2)) == 2
