"""What workers do at the same moment, and what they hear of each other."""
# ruff: noqa: S101  a kit of tests is made of asserts

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable

from archiver.database.conformance.members import LONG, Another, MemberDatabase, living, taken_by, worker, worlds_of
from archiver.database.conformance.world import NOW, archived, due, numbers, world
from archiver.model import CustomerState

__all__ = ["RaceConformance"]


class RaceConformance:
    """Nobody owns what another owns, whoever was first."""

    async def test_takers_at_the_same_moment_never_take_the_same(self, database: MemberDatabase, another: Another) -> None:
        """Free customers and a dead worker's, in several rounds."""
        worlds = await worlds_of(database, *(f"c{number}" for number in range(20)))
        ids = {one.customer.id for one in worlds}
        databases = [database, await another(), await another()]
        for round_ in range(1, 6):
            workers = [await living(one) for one in databases]
            taken: Counter[int] = Counter()
            while sum(taken.values()) < len(ids):
                parts = await asyncio.gather(*(one.take(who, limit=4) for one, who in zip(databases, workers, strict=True)))
                taken.update(t.customer_id for part in parts for t in part)
                assert {t.epoch for part in parts for t in part} <= {round_}
            assert taken == Counter(ids)
            for number, (one, who) in enumerate(zip(databases, workers, strict=True)):
                await (one.leave(who) if number == round_ % 3 else one.beat(who, ttl=0))

    async def test_a_late_beat_and_a_taker_do_not_both_win(self, database: MemberDatabase, another: Another) -> None:
        """Whoever was told to be alive still owns everything."""
        (klm,) = await worlds_of(database, "klm")
        other = await another()
        two = await living(other)
        for patience in range(40):
            one = worker()
            await database.enter(one, ttl=LONG)
            assert await taken_by(database, one)
            await database.beat(one, ttl=patience % 4)
            alive, taken = await asyncio.gather(database.beat(one, ttl=LONG), other.take(two, limit=100))
            assert not (alive and taken)
            assert list(await database.owned(one)) == ([] if taken else [klm.customer.id])
            await other.give_back(two, [klm.customer.id])
            await database.leave(one)

    async def test_settling_and_taking_at_the_same_moment_are_one_after_the_other(self, database: MemberDatabase, another: Another) -> None:
        """What is told to be written is counted once, what is refused is left to the new owner."""
        (klm,) = await worlds_of(database, "klm")
        await database.add_births(klm.source, klm.births(40), now=NOW, cursor=None)
        other = await another()
        settled = 0
        for _ in range(10):
            one, two = await living(database), await living(other)
            epochs = await taken_by(database, one)
            batch = [archived(delivery) for delivery in (await due(database, klm.lanes[0]))[:4]]
            await database.beat(one, ttl=0)
            refused, taken = await asyncio.gather(database.settle(batch, epochs), other.take(two, limit=100))
            assert refused in (frozenset(), {entry.delivery_id for entry in batch})
            settled += len(batch) - len(refused)
            assert (await numbers(database, klm.lanes[0]))["archived"] == settled
            if not taken:  # it passed over a customer whose deliveries were being written
                taken = await other.take(two, limit=100)
            assert [t.customer_id for t in taken] == [klm.customer.id]
            await other.leave(two)

    async def test_the_same_items_born_twice_at_the_same_moment_count_once(self, database: MemberDatabase, another: Another) -> None:
        """By two processes, in whatever order each goes through them."""
        klm = await world(database, lanes=2)
        other = await another()
        for first in range(0, 1000, 200):
            births = klm.births(200, first=first)
            one, two = await asyncio.gather(
                database.add_births(klm.source, births, now=NOW, cursor="a"),
                other.add_births(klm.source, births[::-1], now=NOW, cursor="b"),
            )
            assert one.items + two.items == 200
        for lane in klm.lanes:
            assert (await numbers(database, lane))["waiting"] == len(await due(other, lane, 5000)) == 1000

    # -- hints ----------------------------------------------------------------------------------------------------------------------

    async def test_what_others_do_is_noticed(self, database: MemberDatabase, another: Another) -> None:
        """Births, customers, pauses, retries and what is given back; not what this process itself does with its own."""
        other = await another()
        klm = await world(database)
        one = await living(database)
        await database.take(one, limit=100)
        await _moved(database, other.add_births(klm.source, klm.births(2), now=NOW, cursor=None))
        await _moved(database, other.set_customer_state("airline", CustomerState.PAUSED))
        await _moved(database, other.retry(now=NOW))
        before = await database.changes()
        await database.add_births(klm.source, klm.births(3, first=2), now=NOW, cursor=None)
        await database.retry(now=NOW)
        await _moved(other, database.give_back(one, [klm.customer.id]))
        assert await database.changes() == before


async def _moved(database: MemberDatabase, act: Awaitable[object]) -> None:
    """Does something elsewhere, and waits until it is noticed here."""
    before = await database.changes()
    await act
    async with asyncio.timeout(10):
        while await database.changes() == before:  # noqa: ASYNC110  what comes from another process can only be asked for
            await asyncio.sleep(0.002)
