"""Settlement: what becomes of a delivery, by how its upload ended."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from archiver.database.port import LaneRecord, Settled
from archiver.destinations.memory import MemoryDestination
from archiver.destinations.port import Context
from archiver.errors import DatabaseUnavailableError, ThrottleKind
from archiver.lifecycle import DeliveryState
from archiver.model import Connection, ConnectionState, Customer, Delivery, Item, Kind, Receipt, Role, Session
from archiver.outcome import Archived, Deferred, Gone, Outcome, Parked, Rejected, Throttled, Unavailable
from archiver.pipeline.circuit import Circuit
from archiver.pipeline.events import BatchSettled, DatabaseAway, DeliveryArchived, DeliveryFailed, Event
from archiver.pipeline.gate import Gate
from archiver.pipeline.lane import Lane
from archiver.pipeline.pacer import Pacer
from archiver.pipeline.settlement import RETRY_SECONDS, Settlement
from genstage.clock import SystemClock

CLOCK = SystemClock()
RECEIPT = Receipt(path="/1", size=10, sha256="00", archived_at=1)


class Notes:
    """The database's side and the lanes' side of settlement: what they were told."""

    def __init__(self) -> None:
        self.settled: list[Settled] = []
        self.batches: list[int] = []
        self.sessions: dict[int, Session] = {}
        self.epochs: Mapping[int, int] = {}
        self.told: list[tuple[Any, ...]] = []
        self.failures = 0
        self.refuses: frozenset[int] = frozenset()
        self.holds = asyncio.Event()
        self.holds.set()

    async def settle(self, settled: Sequence[Settled], epochs: Mapping[int, int]) -> frozenset[int]:
        """Writes, or fails as often as it should."""
        await self.holds.wait()
        if self.failures:
            self.failures -= 1
            raise DatabaseUnavailableError("the disk is full")
        self.settled += settled
        self.batches.append(len(settled))
        self.epochs = epochs
        return self.refuses

    async def save_sessions(self, sessions: Mapping[int, Session], epochs: Mapping[int, int]) -> frozenset[int]:
        """Keeps sessions, or fails as often as it should."""
        if self.failures:
            self.failures -= 1
            raise DatabaseUnavailableError("the disk is full")
        self.epochs = epochs
        self.sessions |= {key: session for key, session in sessions.items() if key not in self.refuses}
        return self.refuses & sessions.keys()

    def freed(self, lane: Lane) -> None:
        """Room returned."""

    def worked(self, lane: Lane) -> None:
        """The provider answered."""
        self.told.append(("worked",))

    def park(self, lane: Lane, state: ConnectionState, reason: str) -> None:
        """The lane must wait."""
        self.told.append(("park", state, reason))

    def away(self, lane: Lane, reason: str, *, source: bool) -> None:
        """Somebody is away."""
        self.told.append(("away", reason, source))

    def back(self) -> None:
        """The database is back."""
        self.told.append(("back",))

    def refused(self, lane: Lane) -> None:
        """Something of it was not written."""
        self.told.append(("refused",))

    def due_at(self, lane: Lane, ready_at: int) -> None:
        """Something is due then."""
        self.told.append(("due", ready_at))


class Bench:
    """One lane with deliveries in flight, and a settlement that writes into `Notes`."""

    def __init__(self) -> None:
        self.notes = Notes()
        self.events: list[Event] = []
        gate = Gate(Pacer(CLOCK.time()), CLOCK)
        record = LaneRecord(
            customer=Customer(id=3, name="acme", epoch=7, path_template="/{id}", created_at=0),
            destination=Connection(id=2, customer_id=3, role=Role.DESTINATION, adapter="memory"),
            sources=(),
        )
        self.lane = Lane(record, MemoryDestination(Context(pace=gate, clock=CLOCK)), gate, Circuit(), CLOCK)
        database: Any = self.notes
        self.settlement = Settlement(database, CLOCK, self.events.append, random.Random(1))
        self.settlement.control(self.notes)

    def delivery(self, number: int, attempt: int = 0) -> Delivery:
        """A delivery that is in flight."""
        self.lane.in_flight[number] = 10
        return Delivery(number, 2, 3, f"/{number}", 0, 5, attempt, None, Item(number, 1, Kind.SMS, "x", "x", "text/plain", 10, None, 0, 5))

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Settlement writes meanwhile."""
        writer = asyncio.create_task(self.settlement.run())
        try:
            yield
        finally:
            writer.cancel()

    async def settle(self, *outcomes: tuple[Delivery, Outcome]) -> list[Settled]:
        """Reports, writes, and gives back what was written."""
        writer = asyncio.create_task(self.settlement.run())
        for delivery, outcome in outcomes:
            self.settlement.report(self.lane, delivery, outcome)
        await self.settlement.flush()
        writer.cancel()
        return self.notes.settled


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_archived_is_written_with_its_receipt(bench: Bench) -> None:
    """Under the epoch that this process holds the customer with; then it leaves the in-flight set."""
    (settled,) = await bench.settle((bench.delivery(1), Archived(RECEIPT)))
    assert settled.state is DeliveryState.ARCHIVED
    assert settled.receipt == RECEIPT
    assert bench.notes.epochs == {3: 7}
    assert not bench.lane.in_flight
    assert bench.settlement.archived == 1


async def test_what_was_not_written_does_not_count(bench: Bench) -> None:
    """Another worker owns the customer now: it leaves the in-flight set and is nobody's success here."""
    bench.notes.refuses = frozenset({1})
    await bench.settle((bench.delivery(1), Archived(RECEIPT)), (bench.delivery(2), Archived(RECEIPT)))
    assert not bench.lane.in_flight
    assert bench.settlement.archived == 1
    (event,) = [event for event in bench.events if isinstance(event, BatchSettled)]
    assert (event.archived, event.others, event.refused) == (1, 0, 1)


async def test_each_archived_delivery_is_told_once_it_is_committed(bench: Bench) -> None:
    """With how long it took and how long it had waited; one that was not written is told by nobody."""
    bench.notes.refuses = frozenset({1})
    first, second = bench.delivery(1), bench.delivery(2, attempt=1)
    bench.lane.began([first, second])
    receipt = msgspec.structs.replace(RECEIPT, archived_at=2005, recovered=True)
    await bench.settle((first, Archived(receipt)), (second, Archived(receipt)))
    (told,) = [event for event in bench.events if isinstance(event, DeliveryArchived)]
    assert (told.delivery, told.lane, told.customer, told.provider, told.attempt) == (2, 2, "acme", "memory", 1)
    assert (told.size, told.dwell, told.in_flight, told.recovered) == (10, 2.0, 2, True)
    assert 0.0 < told.seconds < 1.0


async def test_it_stays_in_flight_until_the_commit(bench: Bench) -> None:
    """A read that comes before the commit must still know it."""
    bench.notes.holds.clear()
    writer = asyncio.create_task(bench.settlement.run())
    bench.settlement.report(bench.lane, bench.delivery(1), Archived(RECEIPT))
    await asyncio.sleep(0)
    assert 1 in bench.lane.in_flight
    bench.notes.holds.set()
    await bench.settlement.flush()
    assert 1 not in bench.lane.in_flight
    writer.cancel()


async def test_outcomes_gather_while_a_write_runs(bench: Bench) -> None:
    """Two hundred outcomes are two writes, not two hundred."""
    await bench.settle(*((bench.delivery(n), Archived(RECEIPT)) for n in range(200)))
    assert sum(bench.notes.batches) == 200
    assert len(bench.notes.batches) <= 2


@pytest.mark.parametrize(("attempt", "longest"), list(enumerate(RETRY_SECONDS)))
async def test_a_charged_failure_waits_longer_each_time(bench: Bench, attempt: int, longest: int) -> None:
    """5 s, 1 min, 5 min, 20 min, 1 h, 3 h, 24 h at most, and at least half of it."""
    now = CLOCK.wall() * 1000
    (settled,) = await bench.settle((bench.delivery(1, attempt), Deferred(reason="TransientError", detail="502")))
    assert (settled.state, settled.attempt, settled.reason) == (DeliveryState.WAITING, attempt + 1, "TransientError")
    assert 500 * longest - 50 <= settled.ready_at - now <= 1000 * longest + 1000
    assert ("due", settled.ready_at) in bench.notes.told


async def test_when_its_tries_are_used_up_it_is_rejected(bench: Bench) -> None:
    """It needs a person then, and says after how many tries."""
    (settled,) = await bench.settle((bench.delivery(1, len(RETRY_SECONDS)), Deferred(reason="TransientError", detail="502")))
    assert settled.state is DeliveryState.REJECTED
    assert settled.detail == "after 8 tries: 502"


async def test_what_is_not_charged_keeps_its_tries(bench: Bench) -> None:
    """A provider's trouble is not the item's."""
    (settled,) = await bench.settle((bench.delivery(1, 3), Deferred(reason="TransientError", charged=False)))
    assert (settled.state, settled.attempt) == (DeliveryState.WAITING, 3)


FAILED = Deferred(reason="TransientError", detail="502")


async def test_what_waits_for_its_turn_at_the_source_is_no_failure(bench: Bench) -> None:
    """It is due at its turn, to the second, with no try charged, nobody told, and no slot held meanwhile; however often that happens."""
    waits = Deferred(reason="SourceThrottledError", detail="its turn", charged=False, retry_after=90.0)
    began = int(CLOCK.wall() * 1000)
    settled = await bench.settle(*((bench.delivery(number, attempt=2), waits) for number in range(20)))
    assert {(one.state, one.attempt, one.reason) for one in settled} == {(DeliveryState.WAITING, 2, "SourceThrottledError")}
    assert all(90_000 <= one.ready_at - began < 95_000 for one in settled)
    assert not [event for event in bench.events if isinstance(event, DeliveryFailed)]
    assert not bench.lane.in_flight


async def test_when_all_fail_nobody_is_charged_and_the_lane_rests(bench: Bench) -> None:
    """Three of one call met the same 502: none is written, all are still waiting, and the provider is looked at as a whole."""
    deliveries = [bench.delivery(number) for number in range(3)]
    assert not await bench.settle(*((delivery, FAILED) for delivery in deliveries))
    assert bench.notes.told == [("away", "502", False)] * 3
    assert not bench.lane.in_flight


async def test_one_that_fails_among_others_that_do_not_is_charged(bench: Bench) -> None:
    """Its provider works, so the trouble is its own."""
    good, bad = bench.delivery(1), bench.delivery(2)
    bench.lane.trouble.worked(CLOCK.time())
    _, settled = await bench.settle((good, Archived(RECEIPT)), (bad, FAILED))
    assert (settled.delivery_id, settled.state, settled.attempt) == (2, DeliveryState.WAITING, 1)
    assert not [told for told in bench.notes.told if told[0] == "away"]


async def test_a_lane_most_of_whose_uploads_fail_rests_although_some_work(bench: Bench) -> None:
    """Each failure is charged, since others work; at the fifth the lane begins to rest."""
    bench.lane.trouble.worked(CLOCK.time())
    settled = await bench.settle(*((bench.delivery(number), FAILED) for number in range(5)))
    assert [one.attempt for one in settled] == [1] * 5
    assert [told for told in bench.notes.told if told[0] == "away"] == [("away", "502", False)]


async def test_what_failed_together_is_due_together(bench: Bench) -> None:
    """So that it may share a call again, instead of a call for each."""
    settled = await bench.settle(*((bench.delivery(number), Deferred(reason="IntegrityError")) for number in range(10)))
    assert len({one.ready_at for one in settled}) == 1
    later = await bench.settle((bench.delivery(11, 1), Deferred(reason="IntegrityError")))
    assert later[-1].ready_at > settled[0].ready_at, "a second try is due later than a first one"


@pytest.mark.parametrize(("reason", "end"), [("SourceGoneError", DeliveryState.GONE), ("SourceChangedError", DeliveryState.REJECTED)])
async def test_a_source_is_believed_at_the_third_look(bench: Bench, reason: str, end: DeliveryState) -> None:
    """Twice it is looked at again, half a minute to a minute later; the third time it is final."""
    first, second, third = await bench.settle(*((bench.delivery(n, n), Deferred(reason=reason, detail="404")) for n in range(3)))
    assert [first.state, second.state, third.state] == [DeliveryState.WAITING, DeliveryState.WAITING, end]
    assert second.ready_at - CLOCK.wall() * 1000 >= 29_000


async def test_rejected_and_gone_are_final_and_told(bench: Bench) -> None:
    """With the reason that a person sees."""
    rejected, gone = await bench.settle(
        (bench.delivery(1), Rejected(reason="ConflictError", detail="something else stands there")),
        (bench.delivery(2), Gone(evidence="availability: Purged")),
    )
    assert (rejected.state, rejected.reason) == (DeliveryState.REJECTED, "ConflictError")
    assert (gone.state, gone.detail) == (DeliveryState.GONE, "availability: Purged")
    assert len([event for event in bench.events if isinstance(event, DeliveryFailed)]) == 2


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (Throttled(retry_after=5.0, kind=ThrottleKind.RATE), None),
        (Parked(state=ConnectionState.QUOTA_FULL, reason="full"), ("park", ConnectionState.QUOTA_FULL, "full")),
        (Unavailable(reason="no route"), ("away", "no route", False)),
        (Unavailable(reason="the share is away", source=True), ("away", "the share is away", True)),
    ],
)
async def test_a_lanes_trouble_touches_no_delivery(bench: Bench, outcome: Outcome, told: tuple[Any, ...] | None) -> None:
    """Nothing is written, no try is charged, and the delivery will be read again."""
    assert await bench.settle((bench.delivery(1), outcome)) == []
    assert not bench.lane.in_flight
    assert not bench.lane.dry
    assert bench.notes.told == ([told] if told else [])


async def test_where_a_chunked_upload_stands_is_kept_when_the_lane_is_throttled(bench: Bench) -> None:
    """The next try goes on there."""
    session = Session(id="s", offset=8, started_at=1)
    await bench.settle((bench.delivery(1), Throttled(retry_after=1.0, session=session)))
    assert bench.notes.sessions == {1: session}


async def test_what_must_be_kept_is_kept_before_anything_else_happens(bench: Bench) -> None:
    """Whoever keeps a session goes on when the Database has it, and all that were saved before it; not when a write has failed."""
    bench.notes.failures = 1
    async with bench.writing():
        bench.settlement.save_session(bench.lane, 1, Session(id="first", offset=0, started_at=1))
        await bench.settlement.keep_session(bench.lane, 2, Session(id="second", offset=0, started_at=1))
    assert {key: session.id for key, session in bench.notes.sessions.items()} == {1: "first", 2: "second"}
    assert bench.notes.failures == 0


async def test_one_that_comes_during_a_write_waits_for_the_next(bench: Bench) -> None:
    """What a write did not take along is not kept by it."""
    bench.notes.holds.clear()
    bench.settlement.report(bench.lane, bench.delivery(1), Archived(RECEIPT))
    async with bench.writing(), asyncio.TaskGroup() as group:
        await asyncio.sleep(0)
        keeps = group.create_task(bench.settlement.keep_session(bench.lane, 2, Session(id="s", offset=0, started_at=1)))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not keeps.done()
        bench.notes.holds.set()
    assert bench.notes.sessions[2].id == "s"


async def test_nobody_waits_for_what_was_dropped(bench: Bench) -> None:
    """The session of a lane that another worker has now is not written, and whoever waits for it goes on."""
    bench.delivery(2)
    bench.notes.holds.clear()
    bench.settlement.report(bench.lane, bench.delivery(1), Archived(RECEIPT))
    async with bench.writing(), asyncio.TaskGroup() as group:
        await asyncio.sleep(0)
        group.create_task(bench.settlement.keep_session(bench.lane, 2, Session(id="s", offset=0, started_at=1)))
        await asyncio.sleep(0)
        bench.lane.dropped = True
        bench.settlement.drop(bench.lane)
        bench.notes.holds.set()
    assert bench.notes.sessions == {}


async def test_a_promise_that_is_refused_puts_the_customer_in_doubt_before_anybody_goes_on(bench: Bench) -> None:
    """Another worker may have promised something else: the lane is let fall first, so that its gate lets no call through."""
    bench.notes.refuses = frozenset({2})
    async with bench.writing():
        await bench.settlement.keep_session(bench.lane, 2, Session(id="s", offset=0, started_at=1))
        assert bench.notes.told == [("refused",)]
    assert bench.notes.sessions == {}
    assert bench.notes.epochs == {3: 7}


async def test_outcomes_wait_while_the_database_is_away(bench: Bench) -> None:
    """Nothing is lost: it is told, tried again, and written when the database is back."""
    bench.notes.failures = 2
    settled = await bench.settle((bench.delivery(1), Archived(RECEIPT)))
    assert len(settled) == 1
    assert [event.waiting for event in bench.events if isinstance(event, DatabaseAway)] == [1, 1]
    assert not bench.settlement.away
    assert ("back",) in bench.notes.told


async def test_the_lanes_hear_that_the_database_is_back(bench: Bench) -> None:
    """Also if nothing waited but where a chunked upload stands: nothing was asked meanwhile, and no outcome would set it going."""
    bench.notes.failures = 1
    session = Session(id="s", offset=8, started_at=1)
    await bench.settle((bench.delivery(1), Throttled(retry_after=1.0, session=session)))
    assert bench.notes.sessions == {1: session}
    assert bench.notes.told == [("back",)]


async def test_what_was_not_written_puts_the_lanes_customer_in_doubt(bench: Bench) -> None:
    """Lanes are told once per lane, so that they can let it fall."""
    bench.notes.refuses = frozenset({1, 2})
    await bench.settle((bench.delivery(1), Archived(RECEIPT)), (bench.delivery(2), Archived(RECEIPT)))
    assert bench.notes.told.count(("refused",)) == 1


async def test_nothing_of_a_dropped_lane_is_written(bench: Bench) -> None:
    """Neither what waits already, nor what is reported afterwards, nor where its uploads stand."""
    bench.settlement.report(bench.lane, bench.delivery(1), Archived(RECEIPT))
    bench.delivery(2)
    bench.settlement.save_session(bench.lane, 2, Session(id="s", offset=8, started_at=1))
    bench.lane.drop()
    bench.settlement.drop(bench.lane)
    assert await bench.settle((bench.delivery(3), Archived(RECEIPT))) == []
    assert bench.notes.batches == []
    assert bench.notes.sessions == {}


async def test_a_write_that_is_under_way_when_its_lane_is_dropped_is_left_to_the_fence(bench: Bench) -> None:
    """It cannot be taken back; what comes behind it is not disturbed, and is gone too."""
    bench.notes.holds.clear()
    writer = asyncio.create_task(bench.settlement.run())
    bench.settlement.report(bench.lane, bench.delivery(1), Archived(RECEIPT))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    bench.settlement.report(bench.lane, bench.delivery(2), Archived(RECEIPT))
    bench.lane.drop()
    bench.settlement.drop(bench.lane)
    assert bench.settlement.waiting == 1
    bench.notes.holds.set()
    await bench.settlement.flush()
    writer.cancel()
    assert [settled.delivery_id for settled in bench.notes.settled] == [1]
    assert bench.settlement.waiting == 0


async def test_an_absence_ends_when_all_that_waited_for_the_database_was_dropped(bench: Bench) -> None:
    """There is nothing left whose writing could tell that the database is back; whoever comes next must not be kept waiting."""
    bench.notes.failures = 1
    writer = asyncio.create_task(bench.settlement.run())
    bench.settlement.report(bench.lane, bench.delivery(1), Archived(RECEIPT))
    while not bench.settlement.away:  # noqa: ASYNC110  nobody would set an event
        await asyncio.sleep(0)
    bench.lane.drop()
    bench.settlement.drop(bench.lane)
    await bench.settlement.flush()
    writer.cancel()
    assert not bench.settlement.away
    assert ("back",) in bench.notes.told
