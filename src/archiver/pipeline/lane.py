"""One lane while it has work: what it holds, what it wants, and how far its reading has come. Asks nobody, decides nothing for others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from archiver.database.port import LaneRecord, Want
from archiver.destinations.port import Destination
from archiver.model import ConnectionState, Delivery, LaneId
from archiver.outcome import Outcome, Parked, Throttled
from archiver.pipeline.careful import CarefulLane
from archiver.pipeline.circuit import Circuit
from archiver.pipeline.gate import Gate
from archiver.pipeline.reading import FREE, Key, Reading, Step, key_of
from archiver.pipeline.rooms import Rooms
from archiver.pipeline.share import Claim
from archiver.pipeline.trouble import Trouble
from genstage import Consumer, Subscription
from genstage.clock import Clock

__all__ = ["Lane"]

_FIRST_GUESS_BYTES = 64 * 1024  # of an item's size, until the lane's own items tell
_STREAM_BYTES = 8 * 1024 * 1024  # what an upload that comes as a stream holds at most: one chunk
_TURN_SECONDS = 30.0  # for so long a `put_many` may wait for its turn; less would make more commits of slow lanes
_FIRST_REACH = 8  # items that a lane asks for at first; nobody knows how many there are
_SMOOTHING = 0.05  # of the running mean of item sizes: about the last twenty batches' items count


class Lane:
    """A customer's destination that is awake.

    Attributes:
        customer: Whose it is.
        connection: The destination's connection.
        destination: Where its items go.
        gate: Its pace.
        circuit: Of its provider, shared with the provider's other lanes.
        subscription: The edge from the Fetcher; set by `Lanes` once the Uploader runs.
        on_room: Told when room returns before an upload has ended.
        fresh: It has just woken, or work came after it was dry, and nothing was read for it since.
        parked: Why it waits for a person or a probe; None if it does not.
        stopping: Nothing may begin any more: the process drains, or the customer was paused or is to be given back.
        dropped: Its customer is not held any more: whatever still comes of it is forgotten.
        turn_over: Nothing more may begin: others wait, and it has been awake for long.
        woke_at: When it woke, by the clock.
        failures: How often in a row its provider or source was away.
        trouble: How its calls ended lately.
        puts: `put_many` calls that run.
        careful: What it heeds after a death; None if it need not.
        queued: Deliveries that have arrived and not begun.
        taken: Deliveries that a read which is not over yet has taken: in flight already, and still counted as asked.
        archived: Items archived since it woke.
        closed_until: No call before this moment of the clock's time, for reasons that are not the pace's: its provider or source is away.
        paid: How many deliveries it took that are paid from a source's budget.
    """

    __slots__ = (
        "_clock",
        "_found",
        "_held_bytes",
        "_item_bytes",
        "_knocks_at",
        "_levels",
        "_reach",
        "_reading",
        "_rooms",
        "_settled_meanwhile",
        "_step",
        "_times",
        "_unsettled",
        "archived",
        "careful",
        "circuit",
        "closed_until",
        "connection",
        "customer",
        "destination",
        "dropped",
        "failures",
        "fresh",
        "gate",
        "idle_since",
        "in_flight",
        "on_room",
        "paid",
        "parked",
        "puts",
        "queued",
        "stopping",
        "subscription",
        "taken",
        "trouble",
        "turn_over",
        "uploader",
        "woke_at",
    )

    def __init__(  # noqa: PLR0913  what it is made of, and the time
        self,
        record: LaneRecord,
        destination: Destination,
        gate: Gate,
        circuit: Circuit,
        clock: Clock,
        *,
        rooms: Rooms | None = None,
    ) -> None:
        self._clock = clock
        self._rooms = Rooms(clock) if rooms is None else rooms
        self._reading = Reading(self._rooms.keys(source.id for source in record.sources))
        self.customer = record.customer
        self.connection = record.destination
        self.destination = destination
        self.gate = gate
        self.circuit = circuit
        self.subscription: Subscription | None = None
        self.fresh = True
        self.parked: ConnectionState | None = None
        self.puts = 0
        self.archived = 0
        self.queued = 0
        self.taken = 0
        self.careful: CarefulLane | None = None
        self.idle_since: float | None = None
        self.in_flight: dict[int, int] = {}
        self._unsettled: set[int] = set()
        self._times: dict[int, float] = {}  # of what has begun: when; of what has ended: how long it took
        self._held_bytes = 0
        self._item_bytes = float(_FIRST_GUESS_BYTES)
        self._levels: dict[int, int] = {}
        self._step: Step | None = None
        self._found = 0
        self._reach = _FIRST_REACH
        self._settled_meanwhile: set[int] = set()
        self.paid = 0
        self._knocks_at = 0.0
        self.closed_until = 0.0
        self.failures = 0
        self.trouble = Trouble()
        self.stopping = False
        self.turn_over = False
        self.woke_at = clock.time()
        self.dropped = False
        self.uploader: Consumer[Delivery] | None = None
        self.on_room: Callable[[], None] = _nobody

    @property
    def id(self) -> LaneId:
        """The lane's id: its destination's connection."""
        return self.connection.id

    @property
    def asked(self) -> int:
        """Items asked from the Fetcher and not yet delivered."""
        return 0 if self.subscription is None else self.subscription.outstanding

    @property
    def held_items(self) -> int:
        """Items asked, or delivered and not yet ended: they count against the budgets. What only waits to be settled does not."""
        return self._coming + len(self.in_flight) - len(self._unsettled)

    @property
    def held_bytes(self) -> int:
        """Bytes of what is delivered and not yet ended, and an estimate of what is asked."""
        return self._held_bytes + int(self._coming * self._item_bytes)

    @property
    def _coming(self) -> int:
        """What is asked, without what a read that is not over yet has taken for it: that is in flight already."""
        return max(0, self.asked - self.taken)

    @property
    def dry(self) -> bool:
        """Everything due was read that may be: nothing is asked until a hint, a timer or the sweep says that there is more.

        What its source has no room for may not be read.
        """
        return not self._reading.free and not any(self._rooms.of(key).items for key in self._reading.paid)

    @property
    def shut(self) -> bool:
        """It is dry, and what is left of it no source gives before a person has seen to that source."""
        return self.dry and all(self._rooms.of(key).again_in == math.inf for key in self._reading.paid)

    def knock(self) -> float | None:
        """Asks its sources for what is left to read; the moment at which one may give some, unless it is known already."""
        now = self._clock.time()
        if self._knocks_at > now or self.closed() is not None:
            return None
        rooms = map(self._rooms.wanted, self._reading.paid)
        wait = min((room.again_in for room in rooms if not room.items), default=math.inf)
        if wait == math.inf:
            return None
        self._knocks_at = now + wait
        return self._knocks_at

    @property
    def idle(self) -> bool:
        """It is dry and nothing of it is under way."""
        return self.dry and not self.in_flight and not self.asked

    @property
    def closed_before(self) -> float:
        """Until this moment of the clock's time its pace, or its provider or source that is away, lets nothing begin."""
        return max(self.closed_until, self.gate.throttled_until())

    def closed(self) -> Outcome | None:
        """Why nothing of it may begin now, as the outcome of whatever has not begun; None if it is open."""
        now = self._clock.time()
        if self.stopping or self.turn_over or self.gate.barred():
            return Throttled(retry_after=0.0)
        if self.parked is not None:
            return Parked(state=self.parked, reason=self.connection.reason)
        wait = self.closed_before - now
        return Throttled(retry_after=wait) if wait > 0 else None

    # -- asking ---------------------------------------------------------------------------------------------------------------------

    def staff(self) -> int:
        """Lets as many `put_many` calls run as its pace has room for; how many more than run now."""
        room = self.gate.room(self.puts)
        if room:
            # What waits for its turn holds bytes that others could use: a slow lane begins no more than will soon have one.
            turns = max(1, math.ceil(self.gate.snapshot().rate * _TURN_SECONDS))
            room = min(room, max(0, turns - self.puts))
        if self.uploader is not None:
            # No more calls than that: what a batch leaves over then waits for the next one, instead of making a call of its own.
            self.uploader.workers = max(1, self.puts + room)
        return room

    def claim(self) -> Claim:
        """What it would take now: enough for as many `put_many` calls as its pace has room for, and not much more than it likely has."""
        wants = min(self.staff() * self._per_call() - self.asked - self.queued, self._reach - self.asked)
        return Claim(
            lane=self.id,
            wants=0 if self.dry else max(0, wants),
            item_bytes=max(1, int(self._item_bytes)),
            held_items=self.held_items,
            held_bytes=self.held_bytes,
            weight=self.customer.weight,
            fresh=self.fresh,
        )

    def _per_call(self) -> int:
        features = self.destination.features
        return max(1, min(features.batch_items, int(features.batch_bytes / self._item_bytes)))

    def cut(self, waiting: Sequence[Delivery]) -> int:
        """How many of the waiting deliveries travel together in one `put_many`."""
        features = self.destination.features
        if self.careful is not None:
            waiting = waiting[: self.careful.apart(waiting)]
        total = 0
        for count, delivery in enumerate(waiting[: features.batch_items]):
            size = delivery.item.size
            if size is None or size > features.whole_bytes:
                return max(count, 1)  # a stream goes alone
            total += size
            if total > features.batch_bytes:
                return max(count, 1)
        return min(len(waiting), features.batch_items)

    # -- reading --------------------------------------------------------------------------------------------------------------------

    def plan(self, demand: int) -> bool:
        """Begins a read of as many as are demanded, of several parts perhaps. Returns whether there is anything to read."""
        self._settled_meanwhile.clear()
        self.fresh = False
        self._found = 0
        return self._reading.plan(demand, lambda key: self._rooms.wanted(key).items)

    def want(self) -> Want | None:
        """The next part of the read; None if it is over."""
        self._step = self._reading.step()
        return None if self._step is None else self._step.want

    def took(self, found: Sequence[Delivery], demand: int) -> list[Delivery]:
        """Takes what a part of the read found, without what is in flight already.

        Demand may have been taken back while the read was under way (a 429), so no more is taken than is still asked; and others may
        have taken what the source had room for.
        """
        step, self._step = self._step, None
        assert step is not None, "Lane.want was not called"  # noqa: S101  a wiring mistake
        self._found += len(found)
        self._reach = max(_FIRST_REACH, 2 * self._found)
        careful = self.careful
        if careful is not None:
            careful.sees(found)
        # A read may show what the database was before a settlement that has ended by now.
        known = self.in_flight.keys() | self._settled_meanwhile
        most = min(demand, self.asked)
        if step.key != FREE:
            most = min(most, self._rooms.of(step.key).items)
        fresh = step.take(found, most, known.__contains__, _all if careful is None else careful.admits)
        for delivery in fresh:
            self._take(delivery, step.key)
        self.queued += len(fresh)
        self.taken += len(fresh)
        return fresh

    def _take(self, delivery: Delivery, key: Key) -> None:
        features = self.destination.features
        size = delivery.item.size
        held = _STREAM_BYTES if size is None or size > features.whole_bytes else size
        self.in_flight[delivery.id] = held
        self._levels[delivery.id] = delivery.priority
        self._reading.began(delivery.priority)
        self._held_bytes += held
        self._item_bytes += _SMOOTHING * (held - self._item_bytes)
        if key != FREE:
            self.paid += 1
            self._rooms.take(key, delivery.id)

    def read_again(self) -> None:
        """Reads from the beginning: there may be rows before the place (late commits, what was given back, due retries)."""
        self.fresh |= self.dry
        self._reading.read_again()

    def no_room(self, delivery: Delivery, retry_after: float) -> bool:
        """The delivery's source had no room after all. Returns whether the lane knows what that means: it is read again when it has."""
        key = key_of(delivery.priority)
        if key == FREE or not self._rooms.knows(key):
            return False
        self._rooms.rest(key, retry_after)
        return True

    # -- ending ---------------------------------------------------------------------------------------------------------------------

    def began(self, deliveries: Sequence[Delivery]) -> None:
        """Their upload begins now."""
        now = self._clock.time()
        for delivery in deliveries:
            self._times[delivery.id] = now

    def moved(self, delivery_id: int) -> None:
        """Its bytes are no longer held, though its upload goes on: their room returns."""
        if delivery_id in self.in_flight:
            self._held_bytes -= self.in_flight[delivery_id]
            self.in_flight[delivery_id] = 0
            self.on_room()

    def ended(self, delivery_id: int) -> float:
        """Its upload ended: room returns, but it stays in flight until the database has it. Returns how long it took, in seconds."""
        held = self.in_flight.get(delivery_id)
        if held is not None:
            self._held_bytes -= held
            self.in_flight[delivery_id] = 0
            self._unsettled.add(delivery_id)
        now = self._clock.time()
        seconds = self._times[delivery_id] = now - self._times.get(delivery_id, now)
        return seconds

    def settled(self, delivery_id: int) -> float:
        """The database has what became of it. Returns how long its upload took, in seconds."""
        if self.careful is not None:
            self.careful.settled(delivery_id)
        seconds = self._times.get(delivery_id, 0.0)
        self._out(delivery_id)
        return seconds

    def gave_back(self, delivery_id: int) -> None:
        """It was not touched, and will be read again."""
        if self.careful is not None:
            self.careful.gave_back(delivery_id)
        self._out(delivery_id)
        self.read_again()

    def _out(self, delivery_id: int) -> None:
        """It is not in flight any more."""
        self._settled_meanwhile.add(delivery_id)
        self._unsettled.discard(delivery_id)
        self._times.pop(delivery_id, None)
        self._rooms.asked(delivery_id)
        self._held_bytes -= self.in_flight.pop(delivery_id, 0)
        priority = self._levels.pop(delivery_id, None)
        if priority is not None:
            self._reading.ended(priority)
        if self.careful is not None and self.careful.is_over(ran_dry=self.dry and not self._reading.paid and not self.in_flight):
            self.careful = None

    def drop(self) -> None:
        """Nothing of it counts any more."""
        self.stopping = self.dropped = True
        if self.careful is not None:
            self.careful.drop()


def _all(delivery_id: int) -> bool:
    del delivery_id
    return True


def _nobody() -> None:
    """Nobody wants to know."""
