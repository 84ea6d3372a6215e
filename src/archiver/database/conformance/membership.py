"""Owning: what a database for many workers must do, as tests.

An engine's test file subclasses `MembershipConformance` and gives it a database and a way to open the same one once more, as another
process does. A worker whose time is 0 milliseconds is dead at once: no test waits for a death.
"""
# ruff: noqa: S101  a kit of tests is made of asserts

from __future__ import annotations

import pytest

from archiver.database.conformance.members import LONG, Another, MemberDatabase, living, taken_by, worker, worlds_of
from archiver.database.conformance.races import RaceConformance
from archiver.database.conformance.world import NOW, archived, due, numbers
from archiver.database.port import POISON_DEATHS, Start
from archiver.lifecycle import DeliveryState
from archiver.model import CustomerState

__all__ = ["MembershipConformance"]


class MembershipConformance(RaceConformance):
    """The promises of `archiver.database.port.Membership`.

    Subclasses override the fixtures ``database``, open and empty, and ``another``.
    """

    @pytest.fixture
    async def database(self) -> MemberDatabase:
        """An open, empty database."""
        raise NotImplementedError

    @pytest.fixture
    async def another(self) -> Another:
        """Opens the same database once more."""
        raise NotImplementedError

    # -- taking and giving back -----------------------------------------------------------------------------------------------------

    async def test_a_customer_is_taken_once(self, database: MemberDatabase, another: Another) -> None:
        """With a new epoch; nobody else gets it while its owner lives, and both see who owns what."""
        klm, lot = await worlds_of(database, "klm", "lot")
        other = await another()
        one, two = await living(database), await living(other)
        taken = await database.take(one, limit=100)
        assert {(t.customer_id, t.epoch, t.careful) for t in taken} == {(w.customer.id, 1, False) for w in (klm, lot)}
        assert list(await other.take(two, limit=100)) == []
        assert list(await database.take(one, limit=100)) == [], "not even by its owner again"
        assert await other.owned(one) == {klm.customer.id: 1, lot.customer.id: 1}
        assert await database.owned(two) == {}

    async def test_who_waited_longest_is_taken_first(self, database: MemberDatabase) -> None:
        """Who was never served before who was, and then by when."""
        ids = [one.customer.id for one in await worlds_of(database, "a", "b", "c", "d")]
        one = await living(database)
        first = await taken_by(database, one, 2)
        assert list(first) == ids[:2]
        await database.give_back(one, first)
        second = await taken_by(database, one, 3)
        assert set(second) == {*ids[2:], ids[0]}
        await database.give_back(one, second)
        assert ids[1] in await taken_by(database, one, 1)

    async def test_who_wants_nothing_is_not_taken(self, database: MemberDatabase) -> None:
        """The paused, until they are resumed, and those without a source."""
        klm, lot = await worlds_of(database, "klm", "lot")
        await database.add_customer("empty", path_template="x")
        await database.set_customer_state("klm", CustomerState.PAUSED)
        one = await living(database)
        assert await taken_by(database, one) == {lot.customer.id: 1}
        await database.set_customer_state("klm", CustomerState.ACTIVE)
        assert await taken_by(database, one) == {klm.customer.id: 1}

    async def test_what_is_given_back_is_free_at_once(self, database: MemberDatabase, another: Another) -> None:
        """The next owner has a new epoch and need not be careful; what one does not own one cannot give."""
        klm, lot = await worlds_of(database, "klm", "lot")
        other = await another()
        one, two = await living(database), await living(other)
        await database.take(one, limit=100)
        await other.give_back(two, [klm.customer.id])
        assert list(await other.take(two, limit=100)) == []
        await database.give_back(one, [klm.customer.id, 999])
        assert await database.owned(one) == {lot.customer.id: 1}
        assert [(t.customer_id, t.epoch, t.careful) for t in await other.take(two, limit=100)] == [(klm.customer.id, 2, False)]
        await database.give_back(one, [])

    async def test_who_leaves_leaves_everything(self, database: MemberDatabase, another: Another) -> None:
        """At once and without suspicion; leaving twice, or without having entered, is harmless."""
        klm, lot = await worlds_of(database, "klm", "lot")
        other = await another()
        one, two = await living(database), await living(other)
        await database.take(one, limit=100)
        (first, _) = await due(database, klm.lanes[0])
        await database.journal([Start(first.id, klm.customer.id)])
        for _ in range(2):
            await database.leave(one)
        await database.leave(worker())
        assert {(t.customer_id, t.careful) for t in await other.take(two, limit=100)} == {(w.customer.id, False) for w in (klm, lot)}
        assert await other.suspects([klm.customer.id]) == {}
        assert not await database.beat(one, ttl=LONG)

    # -- dying ----------------------------------------------------------------------------------------------------------------------

    async def test_a_dead_workers_customers_are_taken(self, database: MemberDatabase, another: Another) -> None:
        """With care and a new epoch; the dead one is told at its next beat, and may begin anew."""
        (klm,) = await worlds_of(database, "klm")
        other = await another()
        one, two = await living(database), await living(other)
        await database.take(one, limit=100)
        assert await database.beat(one, ttl=0), "it was alive until now"
        assert [(t.customer_id, t.epoch, t.careful) for t in await other.take(two, limit=100)] == [(klm.customer.id, 2, True)]
        assert not await database.beat(one, ttl=LONG)
        assert await database.owned(one) == {}
        assert list(await database.take(one, limit=100)) == []
        await living(database, one)
        assert await database.beat(one, ttl=LONG)
        assert list(await database.take(one, limit=100)) == []

    async def test_who_is_dead_takes_nothing(self, database: MemberDatabase) -> None:
        """Nor does who never entered; a beat does not bring the dead back."""
        await worlds_of(database, "klm")
        one = worker()
        assert list(await database.take(one, limit=100)) == []
        assert not await database.beat(one, ttl=LONG)
        await database.enter(one, ttl=0)
        assert list(await database.take(one, limit=100)) == []
        assert not await database.beat(one, ttl=LONG)

    async def test_more_than_one_taker_may_share_what_a_dead_worker_had(self, database: MemberDatabase, another: Another) -> None:
        """What the first does not take is there for the second, with the same care."""
        ids = {one.customer.id for one in await worlds_of(database, "a", "b", "c")}
        other = await another()
        dead, two, three = await living(database), await living(database), await living(other)
        await database.take(dead, limit=100)
        await database.beat(dead, ttl=0)
        taken = [*await database.take(two, limit=1), *await other.take(three, limit=100)]
        assert {(t.customer_id, t.epoch, t.careful) for t in taken} == {(customer, 2, True) for customer in ids}

    async def test_the_share_is_of_the_living(self, database: MemberDatabase, another: Another) -> None:
        """All that want to be served over those who serve, rounded up; one who is alone takes all."""
        await worlds_of(database, *"abcde")
        other = await another()
        one = await living(database)
        assert await database.share(one) == 5
        two = await living(other)
        assert (await database.share(one), await other.share(two)) == (3, 3)
        await database.set_customer_state("a", CustomerState.PAUSED)
        assert await other.share(two) == 2
        await other.beat(two, ttl=0)
        assert await database.share(one) == 4

    async def test_the_owner_is_the_worker_that_has_served_longest(self, database: MemberDatabase, another: Another) -> None:
        """Of those alive; nobody if none is."""
        assert await database.owner() is None
        other = await another()
        one = await living(database)
        two = await living(other)
        await database.serve()
        await other.serve()
        owner = await other.owner()
        assert owner is not None
        assert (owner.pid, owner.host) == (one.pid, "host")
        await database.beat(one, ttl=0)
        owner = await other.owner()
        assert owner is not None
        assert owner.pid == two.pid
        await other.leave(two)
        assert await database.owner() is None

    # -- the fence ------------------------------------------------------------------------------------------------------------------

    async def test_who_lost_a_customer_writes_nothing_of_it(self, database: MemberDatabase, another: Another) -> None:
        """Whatever it believes; the new owner does."""
        (klm,) = await worlds_of(database, "klm")
        other = await another()
        one, two = await living(database), await living(other)
        before = await taken_by(database, one)
        first, second = await due(database, klm.lanes[0])
        assert await database.settle([archived(first)], before) == frozenset()
        await database.beat(one, ttl=0)
        after = await taken_by(other, two)
        assert await database.settle([archived(second)], before) == {second.id}
        assert await database.settle([archived(first)], before) == {first.id}, "not even what it wrote already"
        assert await other.settle([archived(second)], after) == frozenset()
        assert (await numbers(database, klm.lanes[0]))["archived"] == 2

    async def test_the_same_batch_may_be_settled_again(self, database: MemberDatabase) -> None:
        """If the answer was lost: it counts as written, once."""
        (klm,) = await worlds_of(database, "klm")
        one = await living(database)
        epochs = await taken_by(database, one)
        batch = [archived(delivery) for delivery in await due(database, klm.lanes[0])]
        for _ in range(2):
            assert await database.settle(batch, epochs) == frozenset()
        assert (await numbers(database, klm.lanes[0]))["archived"] == 2

    async def test_ready_lanes_are_those_of_the_owner(self, database: MemberDatabase, another: Another) -> None:
        """Each worker sees its own; who has not entered sees all."""
        klm, lot = await worlds_of(database, "klm", "lot")
        other, looker = await another(), await another()
        one, two = await living(database), await living(other)
        first = await taken_by(database, one, 1)
        await other.take(two, limit=100)
        mine, theirs = (klm, lot) if klm.customer.id in first else (lot, klm)
        assert await database.ready_lanes(NOW) == {mine.lanes[0]: NOW}
        assert await other.ready_lanes(NOW) == {theirs.lanes[0]: NOW}
        assert await looker.ready_lanes(NOW) == {mine.lanes[0]: NOW, theirs.lanes[0]: NOW}
        await database.leave(one)
        assert len(await database.ready_lanes(NOW)) == 2

    # -- poison ---------------------------------------------------------------------------------------------------------------------

    async def test_the_third_death_rejects_what_stood_in_the_journal(self, database: MemberDatabase, another: Another) -> None:
        """Only of customers that were taken from the dead; others' journals, and what was cleared, are innocent."""
        klm, lot = await worlds_of(database, "klm", "lot")
        other = await another()
        poison, innocent = await due(database, klm.lanes[0])
        (bystander, _) = await due(database, lot.lanes[0])
        owner = await living(other)
        await database.set_customer_state("klm", CustomerState.PAUSED)
        await other.take(owner, limit=1)
        await database.set_customer_state("klm", CustomerState.ACTIVE)
        await other.journal([Start(bystander.id, lot.customer.id)])
        for deaths in range(POISON_DEATHS):
            dying = await living(database)
            (taken,) = await database.take(dying, limit=100)
            assert taken.careful == (deaths > 0)
            assert await database.suspects([klm.customer.id, lot.customer.id]) == ({poison.id: deaths} if deaths else {})
            await database.journal([Start(poison.id, klm.customer.id), Start(innocent.id, klm.customer.id)])
            await database.clear_journal([innocent.id])
            await database.beat(dying, ttl=0)
        last = await living(database)
        (taken,) = await database.take(last, limit=100)
        assert taken.careful
        assert await database.suspects([klm.customer.id, lot.customer.id]) == {}
        rows = {row.id: row for row in await database.deliveries(customer="klm")}
        assert (rows[poison.id].state, rows[poison.id].reason) == (DeliveryState.REJECTED, "PoisonError")
        assert rows[poison.id].detail
        assert rows[innocent.id].state is DeliveryState.WAITING
        assert await numbers(database, klm.lanes[0]) == {"waiting": 1, "archived": 0, "rejected": 1, "gone": 0}
        assert await numbers(database, lot.lanes[0]) == {"waiting": 2, "archived": 0, "rejected": 0, "gone": 0}
        assert await database.retry(ids=[poison.id], now=NOW) == 1

    async def test_only_what_runs_is_charged_with_a_death(self, database: MemberDatabase) -> None:
        """A suspect that waits, or was given back by itself or with its customer, has not killed this worker."""
        (klm,) = await worlds_of(database, "klm")
        customers = [klm.customer.id]
        tried, back = await due(database, klm.lanes[0])
        starts = [Start(delivery.id, klm.customer.id) for delivery in (tried, back)]
        for _ in range(2):  # the first death is one with both, the second with only one of them
            dying = await living(database)
            await database.take(dying, limit=1)
            await database.journal(starts)
            if await database.suspects(customers):
                await database.clear_journal([], [back.id])
            await database.beat(dying, ttl=0)
        leaving = await living(database)
        await database.take(leaving, limit=1)
        assert await database.suspects(customers) == {tried.id: 2, back.id: 1}
        await database.journal(starts)
        await database.give_back(leaving, customers)
        await database.take(leaving, limit=1)
        await database.journal(starts)
        await database.leave(leaving)
        await database.take(await living(database), limit=1)
        assert await database.suspects(customers) == {tried.id: 2, back.id: 1}

    async def test_suspects_are_told_to_whoever_takes_them_next(self, database: MemberDatabase, another: Another) -> None:
        """Also after an owner that left in peace; what was settled before the death is none."""
        (klm,) = await worlds_of(database, "klm")
        other = await another()
        one, two = await living(database), await living(other)
        epochs = await taken_by(database, one)
        done, begun = await due(database, klm.lanes[0])
        await database.journal([Start(done.id, klm.customer.id), Start(begun.id, klm.customer.id)])
        await database.settle([archived(done)], epochs)
        await database.beat(one, ttl=0)
        await other.take(two, limit=100)
        assert await other.suspects([klm.customer.id]) == {begun.id: 1}
        await other.leave(two)
        three = await living(database)
        (taken,) = await database.take(three, limit=100)
        assert taken.careful
        assert await database.suspects([klm.customer.id]) == {begun.id: 1}
        await database.clear_journal([begun.id])
        await database.leave(three)
        (taken,) = await other.take(await living(other), limit=100)
        assert not taken.careful
