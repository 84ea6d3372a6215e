"""What people see at one glance."""
# ruff: noqa: S101  a kit of tests is made of asserts

from __future__ import annotations

from archiver.database.conformance.world import NOW, archived, due, settled, world
from archiver.database.port import Database
from archiver.lifecycle import DeliveryState
from archiver.model import ConnectionState, CustomerState

__all__ = ["SurveyConformance"]


class SurveyConformance:
    """What people see at one glance."""

    async def test_the_sums_are_those_of_all_lanes(self, database: Database) -> None:
        """Of an empty database too; throttles that are over do not count."""
        assert (await database.totals(NOW)).lanes == 0
        klm, lot = await world(database, "klm", lanes=2), await world(database, "lot")
        for owner in (klm, lot):
            await database.add_births(owner.source, owner.births(3), now=NOW, cursor=None)
        first, second, _ = await due(database, lot.lanes[0])
        await database.settle([archived(first), settled(second, DeliveryState.REJECTED)], lot.epochs)
        await database.set_customer_state("klm", CustomerState.PAUSED)
        await database.set_connection_state(klm.lanes[0], ConnectionState.QUOTA_FULL, "no space left")
        await database.save_pace(klm.lanes[0], throttled_until=NOW, pace=b"")
        await database.save_pace(klm.lanes[1], throttled_until=NOW + 1, pace=b"")
        sums = await database.totals(NOW)
        assert (sums.customers, sums.paused, sums.lanes, sums.throttled) == (2, 1, 3, 1)
        assert (sums.waiting, sums.archived, sums.rejected, sums.gone, sums.archived_bytes) == (7, 1, 1, 0, 160)
        assert sums.states == {ConnectionState.QUOTA_FULL: 1}

    async def test_lanes_are_looked_at_one_by_one(self, database: Database) -> None:
        """Those that are asked for, those that need somebody, and since when something waits."""
        klm, lot = await world(database, "klm", lanes=2), await world(database, "lot")
        await database.add_births(lot.source, lot.births(2), now=NOW, cursor=None)
        assert await database.oldest_waiting() == {lot.lanes[0]: NOW}
        found = await database.counters_of([lot.lanes[0], klm.lanes[1], 12345])
        assert [(row.customer, row.lane, row.waiting) for row in found] == [("klm", klm.lanes[1], 0), ("lot", lot.lanes[0], 2)]
        assert list(await database.needing(9)) == []
        for lane in (lot.lanes[0], klm.lanes[0]):
            await database.set_connection_state(lane, ConnectionState.RECONNECT_NEEDED, "revoked")
        assert set(await database.needing(9)) == {lot.lanes[0], klm.lanes[0]}
        assert len(await database.needing(1)) == 1
