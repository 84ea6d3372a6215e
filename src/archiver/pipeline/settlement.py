"""Settlement: turns outcomes into what the Database remembers. One `match`, one batched write; nobody else decides what becomes of an item.

Outcomes gather while a write runs and go out together. Only after the commit does a delivery leave its lane's in-flight set, so a read
never meets it again half settled. While the Database is away outcomes wait here (no more than were in flight: no new demand is sent).
"""

from __future__ import annotations

import asyncio
import random
from functools import partial
from typing import Protocol

from archiver.database.port import Database, Settled
from archiver.errors import DatabaseUnavailableError, SourceChangedError, SourceGoneError, TransientError
from archiver.failpoints import failpoint
from archiver.lifecycle import DeliveryState
from archiver.model import ConnectionState, Delivery, Receipt, Session
from archiver.outcome import Archived, Deferred, Gone, Outcome, Parked, Rejected, Throttled, Unavailable
from archiver.pipeline.events import BatchSettled, DatabaseAway, DeliveryArchived, DeliveryFailed, Listener, ignore_event
from archiver.pipeline.lane import Lane
from archiver.pipeline.patience import rest_seconds
from genstage.clock import Clock

__all__ = ["RETRY_SECONDS", "LaneControl", "Settlement"]

RETRY_SECONDS = (5, 60, 300, 1200, 3600, 3 * 3600, 24 * 3600)
"""How long a delivery waits after its first, second, … charged try, at most (full jitter, at least half); then it is rejected.

The last five are those of the product that users know."""
LOOKS = 3
"""A source's word that an item is gone or changed is believed at the third look …"""
LOOK_SECONDS = {SourceGoneError.__name__: 60.0, SourceChangedError.__name__: 600.0}
"""… with so long between two of them, at most (half of it at least): a minute for what is gone, ten for what may still be written."""
_TOGETHER_MILLIS = 1000
_BATCH = 500
"""So many are written at once at most: births and whoever else writes wait for no longer than that takes, some ten milliseconds."""


class LaneControl(Protocol):
    """What settlement tells those who decide about lanes."""

    def freed(self, lane: Lane) -> None:
        """Room returned."""
        ...

    def worked(self, lane: Lane) -> None:
        """The provider answered as it should."""
        ...

    def park(self, lane: Lane, state: ConnectionState, reason: str) -> None:
        """The lane must wait for a person or a probe."""
        ...

    def away(self, lane: Lane, reason: str, *, source: bool) -> None:
        """The lane's provider, or its source, cannot be reached."""
        ...

    def due_at(self, lane: Lane, ready_at: int) -> None:
        """Something of the lane is due at that moment, in milliseconds since the epoch."""
        ...

    def back(self) -> None:
        """The database can be written again, after it could not."""
        ...

    def refused(self, lane: Lane) -> None:
        """Something of the lane was not written: its customer may be another worker's by now."""
        ...


class Settlement:
    """Takes outcomes from Uploaders, gives them to the Database.

    Args:
        database: Where they are kept.
        clock: Time.
        listener: Told what happens.
        jitter: Where randomness comes from.
    """

    def __init__(self, database: Database, clock: Clock, listener: Listener, jitter: random.Random) -> None:
        self._database = database
        self._clock = clock
        self._listener = listener
        self._jitter = jitter
        self._control: LaneControl | None = None
        self._waiting: list[tuple[Lane, Settled]] = []
        self._writing = 0  # so many of these are being written
        self._sessions: dict[int, tuple[Lane, Session]] = {}
        self._write_number = 1  # of the write that will take the next sessions along
        self._written = 0  # up to this one they are kept
        self._kept = asyncio.Event()  # set, and replaced, whenever that has moved
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._last_turn = (0, 0.0, 0, 0)
        self.away = False
        self.archived = 0
        self.archived_bytes = 0

    def control(self, control: LaneControl) -> None:
        """Says whom to tell about lanes; they know each other, so one of the two comes later."""
        self._control = control

    @property
    def waiting(self) -> int:
        """Outcomes that are not committed yet."""
        return len(self._waiting)

    # -- what becomes of it ---------------------------------------------------------------------------------------------------------

    def report(self, lane: Lane, delivery: Delivery, outcome: Outcome) -> None:
        """One delivery's upload ended. Synchronous and cheap: the write comes later, with others."""
        if lane.dropped:
            return
        control = self._control
        assert control is not None, "Settlement.control was not called"  # noqa: S101  a wiring mistake, not a condition of the world
        match outcome:
            case Archived(receipt):
                control.worked(lane)
                lane.archived += 1
                self._settle(lane, delivery, DeliveryState.ARCHIVED, receipt=receipt)
            case Deferred():
                self._defer(lane, delivery, outcome)
            case Rejected(reason=reason, detail=detail):
                control.worked(lane)
                self._fail(lane, delivery, DeliveryState.REJECTED, attempt=delivery.attempt, reason=reason, detail=detail)
            case Gone(evidence=evidence):
                reason = SourceGoneError.__name__
                self._fail(lane, delivery, DeliveryState.GONE, attempt=delivery.attempt, reason=reason, detail=evidence)
            case Throttled(session=session):
                self._give_back(lane, delivery, session)  # the gate knows until when
            case Parked(state=state, reason=reason):
                self._give_back(lane, delivery, None)
                control.park(lane, state, reason)
            case Unavailable(reason=reason, session=session, source=source):
                self._give_back(lane, delivery, session)
                control.away(lane, reason, source=source)
        control.freed(lane)

    def save_session(self, lane: Lane, delivery_id: int, session: Session) -> None:
        """Keeps where a chunked upload of the lane stands, with the next write."""
        self._sessions[delivery_id] = (lane, session)
        self._touch()

    async def keep_session(self, lane: Lane, delivery_id: int, session: Session) -> None:
        """Keeps where an upload stands, and returns when the Database has it.

        Or when it refused it: then the customer is not held any more, and the lane's gate lets no call through.
        """
        self.save_session(lane, delivery_id, session)
        number = self._write_number
        while self._written < number:
            await self._kept.wait()

    def drop(self, lane: Lane) -> None:
        """Forgets what was reported of a dropped lane and is not written yet; what is being written just now is fenced."""
        for delivery_id in lane.in_flight:
            self._sessions.pop(delivery_id, None)
        # Not the beginning of the list, which may be under way; what is left of it there goes before the next write.
        self._waiting[self._writing :] = [pair for pair in self._waiting[self._writing :] if not pair[0].dropped]
        self._touch()

    def _give_back(self, lane: Lane, delivery: Delivery, session: Session | None) -> None:
        if session is not None and session != delivery.session:
            self.save_session(lane, delivery.id, session)
        lane.gave_back(delivery.id)

    def _defer(self, lane: Lane, delivery: Delivery, outcome: Deferred) -> None:
        attempt = delivery.attempt + outcome.charged
        if outcome.retry_after is not None:  # it only waits for its turn: nothing failed, so nobody is told
            due = self._now() + int(outcome.retry_after * 1000)
            why, session = outcome.reason, outcome.session
            self._settle(
                lane, delivery, DeliveryState.WAITING, ready_at=due, attempt=attempt, reason=why, detail=outcome.detail, session=session
            )
            return
        if outcome.charged and outcome.reason == TransientError.__name__ and not self._blames(lane, delivery, outcome):
            self._give_back(lane, delivery, outcome.session)
            return
        tell = partial(self._fail, lane, delivery, attempt=attempt, reason=outcome.reason)
        if outcome.reason in LOOK_SECONDS and attempt >= LOOKS:
            gone = outcome.reason == SourceGoneError.__name__
            tell(DeliveryState.GONE if gone else DeliveryState.REJECTED, detail=f"at the third look: {outcome.detail}")
        elif attempt > len(RETRY_SECONDS):
            tell(DeliveryState.REJECTED, detail=f"after {attempt} tries: {outcome.detail}")
        else:
            longest = LOOK_SECONDS.get(outcome.reason) or RETRY_SECONDS[max(attempt - 1, 0)]
            tell(DeliveryState.WAITING, detail=outcome.detail, ready_at=self._turn(lane, longest), session=outcome.session)

    def _turn(self, lane: Lane, longest: float) -> int:
        """When a lane's next try is due that has so long at most. What failed together is tried together: it may share a call again."""
        now = self._now()
        lane_id, last_longest, told_at, turn = self._last_turn
        if (lane_id, last_longest) != (lane.id, longest) or not 0 <= now - told_at < _TOGETHER_MILLIS:
            turn = now + int(longest * (500 + 500 * self._jitter.random()))
            self._last_turn = (lane.id, longest, now, turn)
        return turn

    def _blames(self, lane: Lane, delivery: Delivery, outcome: Deferred) -> bool:
        """Whether a failure of the destination is charged to the item; the lane rests if its provider is to blame, or fails too often."""
        others = lane.held_items - lane.asked - 1
        own = lane.trouble.failed(self._clock.time(), delivery.id, others)
        if self._control is not None and (lane.trouble.prevails or not own):
            self._control.away(lane, outcome.detail, source=False)
        return own

    def _fail(  # noqa: PLR0913  the parts of one record
        self,
        lane: Lane,
        delivery: Delivery,
        state: DeliveryState,
        *,
        attempt: int,
        reason: str,
        detail: str,
        ready_at: int | None = None,
        session: Session | None = None,
    ) -> None:
        seconds = self._settle(lane, delivery, state, ready_at=ready_at, attempt=attempt, reason=reason, detail=detail, session=session)
        self._listener(
            DeliveryFailed(
                delivery=delivery.id,
                lane=lane.id,
                customer=lane.customer.name,
                provider=lane.connection.adapter,
                state=state,
                attempt=attempt,
                seconds=seconds,
                reason=reason,
                detail=detail,
            )
        )

    def _settle(  # noqa: PLR0913  the parts of one record
        self,
        lane: Lane,
        delivery: Delivery,
        state: DeliveryState,
        *,
        receipt: Receipt | None = None,
        ready_at: int | None = None,
        attempt: int | None = None,
        reason: str = "",
        detail: str = "",
        session: Session | None = None,
    ) -> float:
        """Keeps what became of a delivery for the next write; returns how long this try took."""
        seconds = lane.ended(delivery.id)
        self._sessions.pop(delivery.id, None)
        settled = Settled(
            delivery_id=delivery.id,
            lane=delivery.lane,
            customer_id=delivery.customer_id,
            kind=delivery.item.kind,
            size=(receipt.size if receipt else delivery.item.size) or 0,
            state=state,
            ready_at=delivery.ready_at if ready_at is None else ready_at,
            discovered_at=delivery.item.discovered_at,
            attempt=delivery.attempt if attempt is None else attempt,
            reason=reason,
            detail=detail,
            session=session,
            receipt=receipt,
        )
        self._waiting.append((lane, settled))
        self._touch()
        return seconds

    def _touch(self) -> None:
        if not self._wake.is_set():
            self._idle.clear()
            self._wake.set()

    def _now(self) -> int:
        return int(self._clock.wall() * 1000)

    # -- writing --------------------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Writes outcomes as they come, until cancelled. `flush` before cancelling."""
        failures = 0
        while True:
            self._wake.clear()
            if not (self._waiting or self._sessions):
                self._came_back()  # what could not be written may have been dropped since; the next write tells how things are
                self._sessions_are_kept(self._write_number)  # of those of a lane that was dropped nothing is left to write
                self._write_number += 1
                self._idle.set()
                await self._wake.wait()
                continue
            try:
                await self._write()
            except DatabaseUnavailableError as error:
                self.away = True
                self.tell_away(error)
                await self._clock.sleep(rest_seconds(failures))
                failures += 1
                continue
            failures = 0
            self._came_back()

    def _sessions_are_kept(self, number: int) -> None:
        """Those of this write, and of the ones before that failed, since they went along."""
        self._written = number
        kept, self._kept = self._kept, asyncio.Event()
        kept.set()

    def _came_back(self) -> None:
        if self.away:
            self.away = False
            if self._control is not None:
                self._control.back()

    def tell_away(self, error: DatabaseUnavailableError) -> None:
        """Tells the listener that the database is away, and how much waits for it here."""
        self._listener(DatabaseAway(reason=error.message, waiting=len(self._waiting)))

    async def flush(self) -> None:
        """Returns when everything reported so far is committed. `run` must be running."""
        await self._idle.wait()

    async def _write_sessions(self) -> None:
        taken, self._sessions = self._sessions, {}
        number, self._write_number = self._write_number, self._write_number + 1
        saved = {delivery_id: pair for delivery_id, pair in taken.items() if not pair[0].dropped}
        epochs = {lane.customer.id: lane.customer.epoch for lane, _ in saved.values()}
        try:
            refused = await self._database.save_sessions({delivery_id: session for delivery_id, (_, session) in saved.items()}, epochs)
        except DatabaseUnavailableError:
            self._sessions = saved | self._sessions
            raise
        if self._control is not None:
            for lane in dict.fromkeys(saved[delivery_id][0] for delivery_id in sorted(refused)):
                self._control.refused(lane)  # before anybody goes on who waits for what was promised
        self._sessions_are_kept(number)

    async def _write(self) -> None:
        if self._sessions:
            await self._write_sessions()
        batch = [pair for pair in self._waiting[:_BATCH] if not pair[0].dropped]
        self._waiting[:_BATCH] = batch
        if not batch:
            return
        began = self._clock.time()
        epochs = {lane.customer.id: lane.customer.epoch for lane in dict.fromkeys(lane for lane, _ in batch)}
        self._writing = len(batch)
        try:
            refused = await self._database.settle([settled for _, settled in batch], epochs)
        finally:
            self._writing = 0
        del self._waiting[: len(batch)]
        self._committed(batch, refused, self._clock.time() - began)

    def _committed(self, batch: list[tuple[Lane, Settled]], refused: frozenset[int], seconds: float) -> None:
        failpoint("settle.committed")
        archived = 0
        doubtful: dict[Lane, None] = {}
        flying: dict[Lane, int] = {}
        for lane, settled in batch:
            flying.setdefault(lane, len(lane.in_flight))
            took = lane.settled(settled.delivery_id)
            if settled.delivery_id in refused:
                doubtful[lane] = None
                continue
            if settled.receipt is not None:
                archived += 1
                self.archived_bytes += settled.size
                if self._listener is not ignore_event:  # it is made for each item: not for nobody
                    self._tell_archived(lane, settled, settled.receipt, took, flying[lane])
            elif settled.state is DeliveryState.WAITING and self._control is not None:
                self._control.due_at(lane, settled.ready_at)
        self.archived += archived
        self._listener(BatchSettled(archived=archived, others=len(batch) - archived - len(refused), refused=len(refused), seconds=seconds))
        if self._control is not None:
            for lane in {id(lane): lane for lane, _ in batch}.values():
                self._control.freed(lane)
            for lane in doubtful:
                self._control.refused(lane)
        failpoint("demand.returned")

    def _tell_archived(self, lane: Lane, settled: Settled, receipt: Receipt, seconds: float, in_flight: int) -> None:
        self._listener(
            DeliveryArchived(
                delivery=settled.delivery_id,
                lane=lane.id,
                customer=lane.customer.name,
                provider=lane.connection.adapter,
                attempt=settled.attempt,
                size=settled.size,
                seconds=seconds,
                dwell=max(0, receipt.archived_at - settled.discovered_at) / 1000 if settled.discovered_at else 0.0,
                in_flight=in_flight,
                recovered=receipt.recovered,
            )
        )
