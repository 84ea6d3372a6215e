"""One look at everything: what the console's Overview and ``archiver top`` show; and the lookout, which makes it.

In: the running assembly, if this process has one, and the database. Out: a frozen `Snapshot`, the same whoever looks. It costs the same
with ten customers and with a hundred thousand: what grows with lanes is asked the more rarely the longer it takes.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec

from archiver.database.port import Database, LaneCounters, Totals
from archiver.errors import DatabaseUnavailableError
from archiver.model import ConnectionState, LaneId, Millis
from archiver.pipeline.assembly import Assembly
from archiver.pipeline.drawing import Cloud, Drawing, Edge, Stage, drawing_of
from archiver.pipeline.events import CallEnded, CallResult, DeliveryArchived, Event, Listener
from archiver.pipeline.lane import Lane
from archiver.views import LaneProgress
from genstage.clock import Clock

__all__ = ["Cloud", "Drawing", "Edge", "Lookout", "Moment", "Snapshot", "Stage", "lane_progress"]

HISTORY_SECONDS = 3600
"""For so long what was done in each second is remembered."""
_RATE_SECONDS = 10  # rates are means over this time
_FEW_LANES = 200  # so many are read whole: every number is then of the same moment
_SHARE = 0.01  # of the time may go into what grows with lanes
_FRESH_SECONDS = 0.9
_STALE_SECONDS = 10.0  # so old the sums become at most: one look that was slow, since the machine was, must not freeze the picture
_LEARN = 500  # items that the search gets to know in one transaction: some hundredths of a second
_LEARN_SECONDS = 0.5  # of each second, at most
_LEARN_REST = 3.0  # times what it took


class Moment(msgspec.Struct, frozen=True, array_like=True):
    """What was done within one second.

    Attributes:
        at: When it ended, in milliseconds since the epoch.
        uploads: Deliveries that were archived.
        bytes: Of these.
        throttles: Calls that were refused with a 429.
    """

    at: Millis
    uploads: float
    bytes: float
    throttles: float


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at one moment.

    Attributes:
        at: When, in milliseconds since the epoch.
        serving: Whether this process runs the pipeline; if not, ``drawing`` is empty and rates come from the database.
        seconds: Since it began to.
        totals: The sums over every lane.
        oldest_waiting_at: When the oldest waiting item of all was discovered; None if none waits.
        uploads_per_second: Deliveries archived, the mean of the last ten seconds.
        bytes_per_second: Of these.
        throttles_per_second: Calls refused with a 429.
        lanes: Those that matter most: with the oldest waiting item first, as many as were asked for.
        needing: Lanes that wait for a person or a probe, those that have waited longest first.
        drawing: The pipeline, stage by stage and edge by edge.
        unreadable: Why sources cannot be read now, by customer.
        away: What is wrong with the database, if it cannot be read now; all else is then what was known before.
    """

    at: Millis
    serving: bool
    seconds: float = 0.0
    totals: Totals = Totals()
    oldest_waiting_at: Millis | None = None
    uploads_per_second: float = 0.0
    bytes_per_second: float = 0.0
    throttles_per_second: float = 0.0
    lanes: Sequence[LaneProgress] = ()
    needing: Sequence[LaneProgress] = ()
    drawing: Drawing = Drawing()
    unreadable: Mapping[str, str] = {}
    away: str = ""


def lane_progress(row: LaneCounters, lane: Lane | None, clock: Clock) -> LaneProgress:
    """A lane's numbers in the database, with what the lane itself knows if it is awake here."""
    now = int(clock.wall() * 1000)
    if lane is None:
        until, limit, in_flight = row.throttled_until, None, 0
    else:
        until = now + int((lane.gate.throttled_until() - clock.time()) * 1000) if lane.gate.throttled_until() > clock.time() else 0
        limit, in_flight = lane.gate.snapshot().limit, len(lane.in_flight)
    return LaneProgress(
        lane=row.lane,
        customer=row.customer,
        paused=row.paused,
        adapter=row.adapter,
        state=row.state,
        reason=row.reason,
        waiting=row.waiting,
        in_flight=in_flight,
        archived=row.archived,
        rejected=row.rejected,
        gone=row.gone,
        calls_per_second=limit,
        throttled_until=until if until > now else 0,
        oldest_waiting_at=row.oldest_waiting_at,
    )


class _Glance(msgspec.Struct, frozen=True):
    """What grows with lanes, as it was when it was last asked."""

    totals: Totals
    oldest: Mapping[LaneId, Millis]
    needing: Sequence[LaneId]


class Lookout:
    """Counts what happens, second by second, and answers how everything is.

    Args:
        database: Open.
        clock: Time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._began = 0.0
        self._uploads = self._bytes = self._throttles = 0
        self._archived: tuple[float, Totals] | None = None
        self._moments: deque[Moment] = deque(maxlen=HISTORY_SECONDS)
        self._glance = _Glance(Totals(), {}, ())
        self._next_glance = 0.0

    # -- counting -------------------------------------------------------------------------------------------------------------------

    def listening(self, listener: Listener) -> Listener:
        """A listener that counts, and tells another one."""
        self._began = self._clock.time()

        def listen(event: Event) -> None:
            if isinstance(event, DeliveryArchived):
                self._uploads += 1
                self._bytes += event.size
            elif isinstance(event, CallEnded) and event.result is CallResult.THROTTLED:
                self._throttles += 1
            listener(event)

        return listen

    async def watch(self, assembly: Assembly) -> None:
        """Notes each second what was done in it, until cancelled. Where many workers share the customers, the sums tell it instead."""
        while True:
            await self._clock.sleep(1.0)
            if assembly.holding.everybody:
                self._note(self._uploads, self._bytes)
            await self._learn()

    async def _learn(self) -> None:
        """Lets the search know the newest items, without taking much of the time from what archives them."""
        began = self._clock.time()
        with suppress(DatabaseUnavailableError):  # told by whoever must write
            while await self._database.learn(_LEARN) == _LEARN and self._clock.time() - began < _LEARN_SECONDS:
                await self._clock.sleep(_LEARN_REST * (self._clock.time() - began))

    def _note(self, uploads: float, size: float) -> None:
        self._moments.append(Moment(int(self._clock.wall() * 1000), uploads, size, self._throttles))
        self._uploads = self._bytes = self._throttles = 0

    def moments(self, after: Millis = 0) -> Sequence[Moment]:
        """What was done in each second after ``after``, within the last hour."""
        return [moment for moment in self._moments if moment.at > after]

    # -- looking --------------------------------------------------------------------------------------------------------------------

    async def snapshot(self, assembly: Assembly | None, limit: int = 20) -> Snapshot:
        """How everything is now.

        Args:
            assembly: The running one; None if this process runs none.
            limit: Most lanes to tell of.
        """
        away = ""
        rows: Sequence[LaneCounters] = ()
        needing: Sequence[LaneCounters] = ()
        try:
            await self._look()
            if assembly is None or not assembly.holding.everybody:
                self._compare(self._glance.totals)
            rows, needing = await self._matters(limit)
        except DatabaseUnavailableError as error:
            away = error.message
        now = int(self._clock.wall() * 1000)
        recent = [moment for moment in self._moments if moment.at > now - _RATE_SECONDS * 1000]
        awake: Mapping[LaneId, Lane] = assembly.lanes.awake if assembly is not None else {}
        return Snapshot(
            at=now,
            serving=assembly is not None,
            seconds=self._clock.time() - self._began if assembly is not None else 0.0,
            totals=self._glance.totals,
            oldest_waiting_at=min(self._glance.oldest.values(), default=None),
            uploads_per_second=_mean([moment.uploads for moment in recent]),
            bytes_per_second=_mean([moment.bytes for moment in recent]),
            throttles_per_second=_mean([moment.throttles for moment in recent]),
            lanes=[lane_progress(row, awake.get(row.lane), self._clock) for row in rows],
            needing=[lane_progress(row, awake.get(row.lane), self._clock) for row in needing],
            drawing=drawing_of(assembly, self._clock) if assembly is not None else Drawing(),
            unreadable={failed.customer: failed.reason for failed in assembly.collector.failing.values()} if assembly is not None else {},
            away=away,
        )

    async def _look(self) -> None:
        """Asks for what grows with lanes, if it is time again."""
        began = self._clock.time()
        if began < self._next_glance:
            return
        totals = await self._database.totals(int(self._clock.wall() * 1000))
        self._glance = _Glance(totals, await self._database.oldest_waiting(), await self._database.needing(_FEW_LANES))
        ended = self._clock.time()
        self._next_glance = max(began + _FRESH_SECONDS, ended + min(_STALE_SECONDS, (ended - began) / _SHARE))

    def _compare(self, totals: Totals) -> None:
        """Rates from the sums: what others archive is known only from them."""
        now = self._clock.time()
        if self._archived is None or self._archived[1] is totals:
            self._archived = self._archived or (now, totals)
            return
        then, before = self._archived
        seconds = max(now - then, _FRESH_SECONDS)
        self._archived = (now, totals)
        uploads, size = totals.archived - before.archived, totals.archived_bytes - before.archived_bytes
        self._note(max(0, uploads) / seconds, max(0, size) / seconds)

    async def _matters(self, limit: int) -> tuple[Sequence[LaneCounters], Sequence[LaneCounters]]:
        """The lanes that matter most, and those that need somebody."""
        glance = self._glance
        wanted = glance.needing[:limit]
        if glance.totals.lanes <= _FEW_LANES:
            rows = await self._database.counters()
            known = {row.lane: row for row in rows}
            return sorted(rows, key=_urgency)[:limit], [known[lane] for lane in wanted if lane in known]
        pressing = heapq.nsmallest(limit, glance.oldest, key=lambda lane: (glance.oldest[lane], lane))
        found = {row.lane: row for row in await self._database.counters_of([*pressing, *wanted])}
        known = {lane: msgspec.structs.replace(row, oldest_waiting_at=glance.oldest.get(lane)) for lane, row in found.items()}
        return [known[lane] for lane in pressing if lane in known], [known[lane] for lane in wanted if lane in known]


def _urgency(row: LaneCounters) -> tuple[bool, Millis, bool, str, LaneId]:
    waits = row.oldest_waiting_at
    return waits is None, waits or 0, row.state is ConnectionState.ACTIVE, row.customer, row.lane


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
