"""The journal: what a database that one process serves alone must remember of processes that died.

A process dies here by not leaving: the next one enters without it.
"""
# ruff: noqa: S101  a kit of tests is made of asserts

from __future__ import annotations

from collections.abc import Sequence

import pytest

from archiver.database.conformance.world import LATER, NOW, World, archived, due, numbers, world
from archiver.database.port import POISON_DEATHS, POISON_DETAIL, Database, Start, Worker
from archiver.lifecycle import DeliveryState
from archiver.model import Delivery

__all__ = ["JournalConformance"]

_TTL = 60_000


def _worker(name: str) -> Worker:
    return Worker(id=name, host="host", pid=1)


def _starts(deliveries: Sequence[Delivery]) -> list[Start]:
    return [Start(delivery.id, delivery.customer_id) for delivery in deliveries]


async def _serving(database: Database, count: int) -> tuple[World, Sequence[Delivery]]:
    """A customer with so many deliveries; the worker "0" serves."""
    klm = await world(database)
    await database.add_births(klm.source, klm.births(count), now=NOW, cursor=None)
    assert not await database.enter(_worker("0"), ttl=_TTL)
    return klm, await due(database, klm.lanes[0])


async def _died(database: Database, successor: str) -> None:
    """Whoever served is dead, and another one comes."""
    assert await database.enter(_worker(successor), ttl=_TTL)


class JournalConformance:
    """Deaths and what they tell. Subclasses override the fixture ``database``: open, empty, served by nobody."""

    @pytest.fixture
    async def database(self) -> Database:
        """An open, empty database."""
        raise NotImplementedError

    async def test_a_death_is_told_from_a_leaving(self, database: Database) -> None:
        """Only who did not leave has died; who never entered may leave; entering twice is no death."""
        await database.leave(_worker("nobody"))
        for _ in range(2):
            assert not await database.enter(_worker("1"), ttl=_TTL)
        await database.leave(_worker("1"))
        assert not await database.enter(_worker("2"), ttl=_TTL)
        assert await database.enter(_worker("3"), ttl=_TTL)
        await database.leave(_worker("2"))
        assert await database.enter(_worker("4"), ttl=_TTL), "a dead one's late word does not speak for the one after it"

    async def test_what_ran_at_a_death_is_suspect(self, database: Database) -> None:
        """What ended, what was given back and what never began is not; nor are others' suspects told."""
        klm, (one, two, three, four) = await _serving(database, 4)
        await database.journal(_starts([one, two, three]))
        await database.journal([])
        await database.clear_journal([two.id], [three.id, four.id])
        assert await database.suspects([klm.customer.id]) == {}, "nobody has died"
        await _died(database, "1")
        assert await database.suspects([klm.customer.id, 99]) == {one.id: 1}
        assert await database.suspects([99]) == await database.suspects([]) == {}

    async def test_only_what_runs_is_charged_with_a_death(self, database: Database) -> None:
        """A suspect that waits for its turn, or was given back, has not killed this process."""
        klm, found = await _serving(database, 3)
        tried, back, waits = found
        await database.journal(_starts(found))
        await _died(database, "1")
        await database.journal(_starts([tried, back]))
        await database.clear_journal([], [back.id])
        await _died(database, "2")
        assert await database.suspects([klm.customer.id]) == {tried.id: 2, back.id: 1, waits.id: 1}

    async def test_a_suspect_that_ends_is_suspect_no_more(self, database: Database) -> None:
        """However it ended: nobody died of it."""
        klm, found = await _serving(database, 2)
        await database.journal(_starts(found))
        await _died(database, "1")
        await database.journal(_starts(found))
        await database.clear_journal([found[0].id])
        assert await database.suspects([klm.customer.id]) == {found[1].id: 1}

    async def test_suspects_outlive_a_leaving(self, database: Database) -> None:
        """Who leaves charges nobody, and the next one must still be careful with what an older death made suspect."""
        klm, (one, two) = await _serving(database, 2)
        await database.journal(_starts([one]))
        await _died(database, "1")
        await database.journal(_starts([one, two]))
        await database.leave(_worker("1"))
        assert await database.enter(_worker("2"), ttl=_TTL)
        assert await database.suspects([klm.customer.id]) == {one.id: 1}
        await _died(database, "3")
        assert await database.suspects([klm.customer.id]) == {one.id: 1}

    async def test_the_third_death_rejects(self, database: Database) -> None:
        """With a reason for machines, a detail for people, right counters, and no session; `retry` begins at nothing."""
        klm, (poison, innocent) = await _serving(database, 2)
        for death in range(1, POISON_DEATHS + 1):
            assert await database.suspects([klm.customer.id]) == ({poison.id: death - 1} if death > 1 else {})
            await database.journal(_starts([poison]))
            await _died(database, str(death))
        rows = {row.id: row for row in await database.deliveries()}
        assert (rows[poison.id].state, rows[poison.id].reason) == (DeliveryState.REJECTED, "PoisonError")
        assert rows[poison.id].detail == POISON_DETAIL
        assert rows[innocent.id].state is DeliveryState.WAITING
        assert await numbers(database, klm.lanes[0]) == {"waiting": 1, "archived": 0, "rejected": 1, "gone": 0}
        assert await database.suspects([klm.customer.id]) == {}
        assert await database.retry(reason="PoisonError", now=LATER) == 1
        await database.journal(_starts([poison]))
        await _died(database, "again")
        assert await database.suspects([klm.customer.id]) == {poison.id: 1}

    async def test_what_was_settled_is_no_suspect(self, database: Database) -> None:
        """A process that died between an outcome and the end of its line did not die of it."""
        klm, found = await _serving(database, 2)
        await database.journal(_starts(found))
        await database.settle([archived(found[0])], klm.epochs)
        await _died(database, "1")
        assert await database.suspects([klm.customer.id]) == {found[1].id: 1}
