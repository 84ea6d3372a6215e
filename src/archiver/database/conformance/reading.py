"""The hot reads."""
# ruff: noqa: S101  a kit of tests is made of asserts

from __future__ import annotations

from archiver.database.conformance.world import LATER, NOW, due, settled, world
from archiver.database.port import Database, Want
from archiver.lifecycle import DeliveryState
from archiver.model import ConnectionState, CustomerState, Delivery, Session

__all__ = ["ReadingConformance"]


class ReadingConformance:
    """The hot reads."""

    async def test_deliveries_come_in_their_order(self, database: Database) -> None:
        """By priority, then by ``ready_at``, then by birth; a limit takes the first of them."""
        klm = await world(database)
        for first, priority, now in ((0, 2, 1), (10, 1, 3), (20, 1, 2), (30, 2, 1)):
            await database.add_births(klm.source, klm.births(2, first=first, priority=priority), now=now, cursor=None)
        expected = ["20", "21", "10", "11", "0", "1", "30", "31"]
        for limit in (1, 3, 5, 8, 100):
            found = await due(database, klm.lanes[0], limit)
            assert [delivery.item.external_id for delivery in found] == expected[:limit]

    async def test_reading_goes_on_after_a_place(self, database: Database) -> None:
        """Whatever the size of the pieces, nothing is left out and nothing comes twice, in every priority."""
        klm = await world(database)
        for priority in (5, 0, 1):
            await database.add_births(klm.source, klm.births(4, first=10 * priority, priority=priority), now=NOW, cursor=None)
        whole = await due(database, klm.lanes[0])
        for size in (1, 3, 4, 7):
            pieces: list[Delivery] = []
            after = None
            while found := (await database.waiting({klm.lanes[0]: Want(size, after)}, NOW)).get(klm.lanes[0]):
                pieces += found
                after = (found[-1].priority, found[-1].ready_at, found[-1].id)
            assert pieces == list(whole)

    async def test_a_want_ends_with_its_last_priority(self, database: Database) -> None:
        """What comes after it is not read, wherever the reading begins; each lane has its own."""
        klm = await world(database, lanes=2)
        for priority in (0, 1, 4):
            await database.add_births(klm.source, klm.births(2, first=10 * priority, priority=priority), now=NOW, cursor=None)
        wants = {klm.lanes[0]: Want(9, last=1), klm.lanes[1]: Want(9, (1, -1, -1), last=3)}
        found = await database.waiting(wants, NOW)
        assert [[delivery.item.external_id for delivery in found[lane]] for lane in klm.lanes] == [["0", "1", "10", "11"], ["10", "11"]]
        assert await database.waiting({klm.lanes[0]: Want(9, (2, -1, -1), last=3)}, NOW) == {}

    async def test_what_will_be_purged_soonest_comes_first(self, database: Database) -> None:
        """Whenever it was found; after it comes what nobody purges."""
        klm, now = await world(database), 1_790_000_000_000
        for number, days in enumerate((30, None, 2, 500, 90)):
            purge_at = None if days is None else now + days * 86_400_000
            await database.add_births(klm.source, klm.births(1, first=number, purge_at=purge_at), now=now + number, cursor=None)
        found = await due(database, klm.lanes[0], now=now + 10)
        assert [delivery.item.external_id for delivery in found] == ["2", "0", "4", "1", "3"]

    async def test_what_was_put_off_stands_in_nobodys_way(self, database: Database) -> None:
        """It is left out until its time, then it comes; also where a more urgent priority has only such."""
        klm = await world(database)
        await database.add_births(klm.source, [*klm.births(3), *klm.births(1, first=3, priority=1)], now=NOW, cursor=None)
        urgent = (await due(database, klm.lanes[0]))[:3]
        session = Session(id="s", offset=4, started_at=5)
        await database.settle([settled(delivery, DeliveryState.WAITING, session=session) for delivery in urgent], klm.epochs)
        assert [delivery.item.external_id for delivery in await due(database, klm.lanes[0])] == ["3"]
        later = await due(database, klm.lanes[0], now=LATER)
        assert [(delivery.item.external_id, delivery.attempt, delivery.session) for delivery in later] == [
            *(("012"[number], 1, session) for number in range(3)),
            ("3", 0, None),
        ]

    async def test_a_delivery_that_was_committed_late_is_found_from_the_beginning(self, database: Database) -> None:
        """A place passes over what appears before it, as a retry does; the next reading without a place does not."""
        klm = await world(database)
        await database.add_births(klm.source, klm.births(2), now=NOW, cursor=None)
        last = (await due(database, klm.lanes[0]))[-1]
        await database.add_births(klm.source, klm.births(1, first=2), now=NOW - 1, cursor=None)
        place = (last.priority, last.ready_at, last.id)
        assert await database.waiting({klm.lanes[0]: Want(10, place)}, NOW) == {}
        assert [delivery.item.external_id for delivery in await due(database, klm.lanes[0])] == ["2", "0", "1"]

    async def test_one_read_serves_many_lanes(self, database: Database) -> None:
        """Each lane gets its own, at most its limit; lanes without any are left out."""
        klm = await world(database, lanes=40)
        await database.add_births(klm.source, klm.births(3), now=NOW, cursor=None)
        empty = (await world(database, "lot")).lanes[0]
        wants = {lane: Want(number % 4) for number, lane in enumerate(klm.lanes)} | {empty: Want(9), 12345: Want(9)}
        found = await database.waiting(wants, NOW)
        assert {lane: len(deliveries) for lane, deliveries in found.items()} == {
            lane: number % 4 for number, lane in enumerate(klm.lanes) if number % 4
        }
        assert all(delivery.lane == lane for lane, deliveries in found.items() for delivery in deliveries)
        assert await database.waiting({}, NOW) == {}

    async def test_lanes_with_work_are_told_with_their_earliest_time(self, database: Database) -> None:
        """Over all priorities, due or not; not those of paused customers, but those which are parked."""
        klm, lot = await world(database, "klm", lanes=2), await world(database, "lot")
        await database.add_births(klm.source, klm.births(2, priority=1), now=NOW, cursor=None)
        await database.add_births(klm.source, klm.births(2, first=5), now=LATER, cursor=None)
        await database.add_births(lot.source, lot.births(1), now=NOW + 1, cursor=None)
        await database.set_connection_state(klm.lanes[1], ConnectionState.QUOTA_FULL, "full")
        assert await database.ready_lanes(0) == {klm.lanes[0]: NOW, klm.lanes[1]: NOW, lot.lanes[0]: NOW + 1}
        await database.set_customer_state("klm", CustomerState.PAUSED)
        assert await database.ready_lanes(0) == {lot.lanes[0]: NOW + 1}
