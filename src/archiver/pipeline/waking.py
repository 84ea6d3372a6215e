"""How a lane wakes: its destination is opened, it gets its pace, and an Uploader that is subscribed to the Fetcher under its key."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from weakref import WeakValueDictionary

import msgspec

from archiver.database.port import Database, LaneRecord
from archiver.destinations.port import CallKind, Destination, Pace
from archiver.errors import ThrottleKind
from archiver.model import Connection, Delivery, LaneId
from archiver.pipeline.careful import Careful
from archiver.pipeline.circuit import Circuit
from archiver.pipeline.contents import Contents
from archiver.pipeline.events import CallEnded, CallResult, Listener, ignore_event
from archiver.pipeline.gate import Gate
from archiver.pipeline.holding import Holding
from archiver.pipeline.lane import Lane
from archiver.pipeline.pacer import Pacer
from archiver.pipeline.patience import Patience
from archiver.pipeline.settlement import Settlement
from archiver.pipeline.share import Budget
from archiver.pipeline.uploader import Uploader
from genstage import Pipeline, Producer
from genstage.clock import Clock

__all__ = ["LaneParts", "Waking"]


class LaneParts(msgspec.Struct, frozen=True, kw_only=True):
    """What `Lanes` works with.

    Attributes:
        database: Where lanes and their work are.
        patience: With it.
        holding: Whose lanes may be awake.
        careful: Which of them must be careful.
        pipeline: Where Uploaders run.
        settlement: Where outcomes go.
        contents: Where bytes come from.
        open_destination: Makes a destination from its connection, with the lane's pace.
        site: Whose servers a destination's are: lanes of one site share a circuit.
        clock: Time.
        budget: What bounds the process.
        listener: Told what happens.
        jitter: Where randomness comes from.
        sweep_seconds: How often lanes with due work are looked for, in case a hint was lost.
    """

    database: Database
    patience: Patience
    holding: Holding
    careful: Careful
    pipeline: Pipeline
    settlement: Settlement
    contents: Contents
    open_destination: Callable[[Connection, Pace], Destination]
    site: Callable[[Connection], str]
    clock: Clock
    budget: Budget
    listener: Listener
    jitter: random.Random
    sweep_seconds: float = 30.0


class Waking:
    """Wakes lanes, one after the other.

    Args:
        parts: What lanes are made of.
        throttled: Told which lane a 429 concerns, until when it must wait, and which kind it was.
        room: Told when room of a lane returns.

    Attributes:
        fetcher: What Uploaders subscribe to.
    """

    def __init__(self, parts: LaneParts, throttled: Callable[[LaneId, float, ThrottleKind], None], room: Callable[[], None]) -> None:
        self._parts = parts
        self._throttled = throttled
        self._room = room
        self._circuits: WeakValueDictionary[str, Circuit] = WeakValueDictionary()  # kept by the lanes that are awake
        self._told: dict[LaneId, float] = {}
        self.fetcher: Producer[Delivery] | None = None

    def wake(self, record: LaneRecord) -> Lane:
        """A lane that is awake.

        Raises:
            ConfigError: Its destination or a source of its customer cannot be opened.
        """
        parts = self._parts
        connection = record.destination
        lane_id = connection.id
        now = parts.clock.time()
        gate = Gate(
            Pacer(now, learnt=connection.pace),
            parts.clock,
            on_throttled=lambda until, kind: self._tell(lane_id, until, kind),
            on_ended=self._teller(connection),
            barred=lambda: not parts.holding.holds(record.customer),
        )
        # The Database knows it by the wall clock, which somebody may have set since; what was told to this process it knows better.
        gate.throttle_until(max(now + connection.throttled_until / 1000 - parts.clock.wall(), self._told.get(lane_id, 0.0)))
        for source in record.sources:
            parts.contents.source(source)
        circuit = self._circuits.setdefault(parts.site(connection), Circuit())
        lane = Lane(record, parts.open_destination(connection, gate), gate, circuit, parts.clock, rooms=parts.contents.rooms)
        lane.on_room = self._room
        lane.careful = parts.careful.lane(lane_id, record.customer)
        settlement = parts.settlement
        save, keep = partial(settlement.save_session, lane), partial(settlement.keep_session, lane)
        uploader = Uploader(lane, parts.contents, settlement.report, save, keep)
        lane.uploader = parts.pipeline.start(uploader)
        assert self.fetcher is not None, "Lanes.fetch_from was not called"  # noqa: S101  a wiring mistake
        lane.subscription = uploader.subscribe(self.fetcher, key=lane_id, demand="manual", cancel="temporary")
        return lane

    def _teller(self, lane: Connection) -> Callable[[CallKind, CallResult, float], None] | None:
        """Tells the listener of every call; None if nobody listens, for there are many."""
        listener = self._parts.listener
        if listener is ignore_event:
            return None

        def tell(kind: CallKind, result: CallResult, seconds: float) -> None:
            listener(CallEnded(lane=lane.id, provider=lane.adapter, kind=kind, result=result, seconds=seconds))

        return tell

    def _tell(self, lane_id: LaneId, until: float, kind: ThrottleKind) -> None:
        now = self._parts.clock.time()
        self._told = {other: told for other, told in self._told.items() if told > now} | {lane_id: until}
        self._throttled(lane_id, until, kind)
