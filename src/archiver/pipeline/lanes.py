"""Lanes: which are awake, and who may ask for how much.

Only a lane with work is awake and has an Uploader; idle customers cost nothing. Room is shared out before anything is read, so a lane
that may not upload (throttled, parked, its provider away) asks for nothing, and while all are so the Database is not read at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Iterable, Sequence

import msgspec

from archiver.database.port import LaneRecord
from archiver.errors import ConfigError, DatabaseUnavailableError, ThrottleKind
from archiver.model import Connection, ConnectionState, CustomerState, Delivery, LaneId
from archiver.pipeline.events import (
    CustomerLost,
    LaneIdle,
    LaneParked,
    LaneResumed,
    LaneThrottled,
    LaneWoke,
    ProviderUnavailable,
)
from archiver.pipeline.lane import Lane
from archiver.pipeline.parting import Parting
from archiver.pipeline.probes import ProbeParts, Probes
from archiver.pipeline.share import FairShare
from archiver.pipeline.sharing import Sharing
from archiver.pipeline.timers import Timers
from archiver.pipeline.turns import Turns
from archiver.pipeline.waking import LaneParts, Waking
from genstage import Producer

__all__ = ["Lanes"]

_CHANGES_SECONDS = 1.0  # how often another process's writes are looked for; one cheap pragma
_CROWDED_SECONDS = 0.02  # between two looks at who may go, while others wait for a place
_IDLE_SECONDS = 10.0  # how long a dry lane stays awake: keeps its connection warm for what comes next


class Lanes:
    """The lanes that are awake, by id; wakes them, shares room among them, puts them away."""

    def __init__(self, parts: LaneParts) -> None:
        self._parts = parts
        self._clock = parts.clock
        self._patience = parts.patience
        self._holding = parts.holding
        self._timers = Timers()
        self._turns = Turns()
        self._parking: set[LaneId] = set()  # parked, and the database does not know it yet
        self._chores: list[Callable[[], Awaitable[None]]] = []
        self._wake = asyncio.Event()
        self._stopping, self._changes = False, -1
        self._next_sweep = self._next_look = 0.0
        self.awake: dict[LaneId, Lane] = {}
        self._sharing = Sharing(FairShare(parts.budget), self.awake, parts.settlement, parts.clock, self._wake.set)
        self._waking = Waking(parts, self._throttled, self.schedule)
        self._parting = Parting(parts.database, parts.patience, parts.pipeline, parts.clock, self.schedule)
        self.probes = Probes(
            ProbeParts(
                database=parts.database,
                patience=parts.patience,
                holding=parts.holding,
                open_destination=parts.open_destination,
                resumed=lambda lane_id: self.hint([lane_id]),
                clock=parts.clock,
                listener=parts.listener,
            )
        )
        self.on_change: Callable[[], None] = lambda: None
        self.on_end: Callable[[], None] = lambda: None
        self.on_lost: Callable[[int], None] = lambda _: None

    def fetch_from(self, fetcher: Producer[Delivery]) -> None:
        """Says what Uploaders subscribe to; the Fetcher knows the lanes, so it comes later."""
        self._waking.fetcher = fetcher

    # -- sharing out ----------------------------------------------------------------------------------------------------------------

    def schedule(self) -> None:
        """Shares out room soon; however often it is called before, once."""
        self._sharing.soon()

    def went_dry(self, lane: Lane, coming: int) -> None:
        """Everything due of the lane was read: it takes back the demand that is not met by what is coming, until there is more."""
        _retract(lane, max(0, lane.asked - coming))
        if (when := lane.knock()) is not None:
            self._at(when, lane.id)
        self.schedule()
        if not coming and len(self._turns):
            self._wake.set()

    # -- what settlement and gates tell (LaneControl) -------------------------------------------------------------------------------

    def freed(self, lane: Lane) -> None:
        """Room returned."""
        self.schedule()
        if not lane.in_flight and (lane.stopping or len(self._turns)):
            self._wake.set()  # somebody may wait for its end

    def worked(self, lane: Lane) -> None:
        """The provider answered as it should."""
        lane.failures = 0
        lane.trouble.worked(self._clock.time())
        lane.circuit.worked()

    def back(self) -> None:
        """The database can be written again."""
        self.schedule()

    def park(self, lane: Lane, state: ConnectionState, reason: str) -> None:
        """The lane must wait for a person or a probe; told once. Whoever says so has been reached."""
        if lane.parked is None:
            lane.parked = state
            lane.circuit.worked()
            _retract(lane)
            self._parking.add(lane.id)
            self.do(lambda: self._parked(lane.connection, lane.customer.name, state, reason))

    def refused(self, lane: Lane) -> None:
        """Something of the lane was not written. In a fleet that means: another worker owns its customer."""
        if not self._holding.everybody and not lane.dropped:
            self._lose(lane.customer.id, lane.customer.epoch)

    async def _parked(self, lane: Connection, customer: str, state: ConnectionState, reason: str) -> None:
        if await self._patience(self._parts.database.set_connection_state, lane.id, state, reason):
            self._parts.listener(LaneParked(lane=lane.id, customer=customer, provider=lane.adapter, state=state, reason=reason))
        self._parking.discard(lane.id)

    def away(self, lane: Lane, reason: str, *, source: bool) -> None:
        """The lane's provider, or its source, cannot be reached: it rests, and if others see the same the provider's circuit opens."""
        now = self._clock.time()
        if lane.closed_until <= now:  # else it is told of what was in flight when it closed
            lane.closed_until = now + min(60.0, 2.0**lane.failures) * (0.75 + 0.25 * self._parts.jitter.random())
            lane.failures += 1
            _retract(lane)
            self._at(lane.closed_until, lane.id)
        if source:
            return
        provider = lane.connection.adapter
        circuit = lane.circuit
        siblings = [other for other in self.awake.values() if other.circuit is circuit]
        if circuit.failed(lane.id, now, len(siblings) - 1):
            until = int((self._clock.wall() + circuit.open_until - now) * 1000)
            self._parts.listener(ProviderUnavailable(provider=provider, until=until, reason=reason))
            for other in siblings:
                other.closed_until = max(other.closed_until, circuit.open_until)
                _retract(other)
            self._at(circuit.open_until, lane.id)

    def due_at(self, lane: Lane, ready_at: int) -> None:
        """Something of the lane is due at that moment, in milliseconds since the epoch. The sweep finds what is more than is kept."""
        self._due(lane.id, ready_at)

    def _due(self, lane_id: LaneId, ready_at: int) -> None:
        when = self._clock.time() + max(0.0, ready_at / 1000 - self._clock.wall()) + 0.001
        self._timers.due(when, lane_id, ready_at)
        if self._timers.next == when:
            self._wake.set()

    def _throttled(self, lane_id: LaneId, until: float, kind: ThrottleKind) -> None:
        if (lane := self.awake.get(lane_id)) is None:
            return
        wall = int((self._clock.wall() + until - self._clock.time()) * 1000)
        name, provider = lane.customer.name, lane.connection.adapter
        self._parts.listener(LaneThrottled(lane=lane_id, customer=name, provider=provider, until=wall, kind=kind))
        lane.circuit.worked()  # who refuses can be reached
        if lane.gate.throttled_until() > self._clock.time():
            _retract(lane)
        self._at(until, lane_id)
        self.do(lambda: self._parting.save_pace(lane))

    # -- waking and putting away ----------------------------------------------------------------------------------------------------

    def hint(self, lanes: Iterable[LaneId]) -> None:
        """These lanes have something waiting."""
        now = self._clock.time()
        for lane_id in lanes:
            lane = self.awake.get(lane_id)
            if lane is None:
                if self._turns.want(lane_id, now):
                    self._wake.set()
            else:
                lane.read_again()
                self.schedule()

    def look_again(self) -> None:
        """This process has itself added, paused or resumed something: that is no change which another connection would show."""
        self._changes = -1
        self._next_look = 0.0
        self._wake.set()

    async def run(self) -> None:
        """Wakes, sweeps, keeps timers and does what must be awaited, one thing after the other, until cancelled."""
        while True:
            self._sharing.check()
            while self._chores:
                await self._chores[0]()
                del self._chores[0]
            now = self._clock.time()
            if now >= self._next_sweep:
                await self._sweep()
                self._next_sweep = now + self._parts.sweep_seconds
            if now >= self._next_look:
                self._next_look = now + _CHANGES_SECONDS
                await self._look_for_changes()
            if self._turns.free(len(self.awake)):
                await self._wake_up(self._turns.next(len(self.awake)))
            self.hint(self._timers.ring(self._clock.time()))
            await self._make_room()
            if not self._turns.free(len(self.awake)) and not self._chores:
                await self._rest()

    async def _make_room(self) -> None:
        for lane in self._turns.over(self.awake.values(), self._clock.time()):
            lane.turn_over = True
            _retract(lane)
        for lane in list(self.awake.values()):
            # Asked for each when its turn has come: putting one away takes time, in which another may have fallen.
            if self.awake.get(lane.id) is lane and self._is_over(lane):
                await self._put_away(lane)

    async def _rest(self) -> None:
        if self._turns.crowded(len(self.awake)):  # something ends all the time: many ends are seen to at once
            await self._clock.sleep(_CROWDED_SECONDS)
            return
        self._wake.clear()
        until = min(self._next_sweep, self._next_look, self._timers.next or math.inf)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until - self._clock.time())):
                await self._wake.wait()

    async def _sweep(self) -> None:
        """Finds lanes with due work, in case a hint was lost; and when the others will be due."""
        now = int(self._clock.wall() * 1000)
        for lane_id, ready_at in (await self._patience(self._parts.database.ready_lanes, now)).items():
            if ready_at <= now:
                self.hint([lane_id])
            else:
                self._due(lane_id, ready_at)

    async def _look_for_changes(self) -> None:
        """Another process may have added, paused or resumed something."""
        changes = await self._patience(self._parts.database.changes)
        if changes == self._changes:
            return
        self._changes = changes
        self.on_change()
        parked = {lane.id for lane in self.awake.values() if lane.parked is not None} - self._parking
        records = await self._patience(self._parts.database.lanes, list(self.awake))
        for lane_id, lane in list(self.awake.items()):
            record = records.get(lane_id)
            if record is None or record.customer.state is not CustomerState.ACTIVE:
                lane.stopping = True
                _retract(lane)
                continue
            if self._awake_before(lane, record):
                continue
            # The epoch stays: it is what this process holds the customer under, not who holds it now.
            lane.customer = msgspec.structs.replace(record.customer, epoch=lane.customer.epoch)
            # Paused and resumed before it was put away.
            lane.stopping = self._stopping or not self._holding.serves(lane.customer)
            if lane_id in parked and record.destination.state is ConnectionState.ACTIVE:
                lane.parked = None
                self._parts.listener(LaneResumed(lane=lane_id, customer=lane.customer.name))
            elif lane.parked is None and record.destination.state is not ConnectionState.ACTIVE:
                lane.parked = record.destination.state
                _retract(lane)
        await self._sweep()

    async def _wake_up(self, ids: Sequence[LaneId]) -> None:
        for lane_id, record in (await self._patience(self._parts.database.lanes, ids)).items():
            if lane_id in self.awake or self._stopping or record.customer.state is not CustomerState.ACTIVE:
                continue
            if not self._holding.serves(record.customer) or lane_id in self._parting.ending:
                continue  # one that ends is looked at again when it has
            if record.destination.state is not ConnectionState.ACTIVE:
                self.probes.want(record)
                continue
            try:
                self._start(record)
            except ConfigError as error:  # its adapter is not installed, its key not held: nobody else's trouble
                await self._parked(record.destination, record.customer.name, ConnectionState.MISCONFIGURED, error.message)
        self.schedule()

    def _start(self, record: LaneRecord) -> None:
        lane = self._waking.wake(record)
        self.awake[lane.id] = lane
        until = lane.gate.throttled_until()
        if until > self._clock.time():
            self._at(until, lane.id)
        self._parts.listener(LaneWoke(lane=lane.id, customer=record.customer.name))

    def _is_over(self, lane: Lane) -> bool:
        """Whether the lane is to be put away: nothing of it is under way, and nothing will be soon."""
        if lane.in_flight or lane.asked:
            lane.idle_since = None
            return False
        if lane.stopping or lane.turn_over or lane.parked is not None:
            return True
        now = self._clock.time()
        crowded = self._turns.crowded(len(self.awake))
        if crowded and (lane.dry or lane.closed_before > now):
            return True
        if not lane.dry:
            lane.idle_since = None
            return False
        if lane.idle_since is None:
            lane.idle_since = now
        return now - lane.idle_since >= _IDLE_SECONDS

    async def _put_away(self, lane: Lane) -> None:
        del self.awake[lane.id]
        await self._parting.put_away(lane)
        if (until := self._turns.put_away(lane, len(self.awake), self._clock.time())) is not None:
            self._at(until, lane.id)
        self._parts.listener(LaneIdle(lane=lane.id, customer=lane.customer.name))
        self.on_end()

    # -- whose lanes they are -------------------------------------------------------------------------------------------------------

    def busy(self) -> set[int]:
        """Customers of which a lane is awake, or has not ended completely."""
        return {lane.customer.id for lane in (*self.awake.values(), *self._parting.ending.values())}

    def held_anew(self) -> None:
        """Some customers were taken, or are to be given back: their lanes wake, stop asking, or fall if their epoch is over."""
        for lane in list(self.awake.values()):
            if not self._holding.holds(lane.customer):
                del self.awake[lane.id]
                self._parting.drop(lane)
                self._parts.settlement.drop(lane)
            elif not self._holding.serves(lane.customer):
                lane.stopping = True
                _retract(lane)
        self._parting.forget(self._holding.holds)
        self.look_again()
        self.on_change()

    async def dropped(self) -> None:
        """Returns when nothing of dropped lanes is under way any more."""
        self.hint(await self._parting.bury())
        self.on_end()

    def _lose(self, customer_id: int, epoch: int) -> None:
        self._holding.forget([customer_id])
        self._parts.listener(CustomerLost(customer_id=customer_id, epoch=epoch))
        self.held_anew()
        self.do(self.dropped)
        self.on_lost(customer_id)

    def _awake_before(self, lane: Lane, record: LaneRecord) -> bool:
        """Whether the customer has another owner than when the lane woke; then it has fallen now."""
        known = lane.customer
        if self._holding.everybody or record.customer.epoch == known.epoch:
            return False
        if self.awake.get(lane.id) is lane:
            self._lose(known.id, known.epoch)
        return True

    # -- stopping -------------------------------------------------------------------------------------------------------------------

    def stop_asking(self) -> None:
        """No new demand; what has arrived and not begun will not begin (it was never written, so it is simply still waiting)."""
        self._stopping = self._sharing.stopping = True
        for lane in self.awake.values():
            lane.stopping = True
            _retract(lane)

    async def close(self) -> None:
        """Remembers every lane's pace and closes every destination. `run` must not be running."""
        self._patience.end()
        lanes = list(self.awake.values())
        self.awake.clear()
        with contextlib.suppress(DatabaseUnavailableError):  # told
            while self._chores:
                await self._chores.pop(0)()
        await self._parting.close(lanes)

    # -- timers and chores ----------------------------------------------------------------------------------------------------------

    def _at(self, when: float, lane_id: LaneId) -> None:
        self._timers.at(when, lane_id)
        if self._timers.next == when:
            self._wake.set()

    def do(self, chore: Callable[[], Awaitable[None]]) -> None:
        """Awaits something between its own work, soon."""
        self._chores.append(chore)
        self._wake.set()


def _retract(lane: Lane, *most: int) -> None:
    if lane.subscription is not None:
        lane.subscription.retract(*most)
