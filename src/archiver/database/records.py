"""What goes into a database and comes out of it, as frozen values; the names are the port's, which gives them on."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from archiver.lifecycle import DeliveryState
from archiver.model import Connection, ConnectionState, Customer, Discovery, Kind, LaneId, Millis, Receipt, Session

__all__ = [
    "FORESIGHT",
    "POISON_DEATHS",
    "POISON_DETAIL",
    "Birth",
    "Births",
    "DeliveryRow",
    "LaneCounters",
    "LaneRecord",
    "Owner",
    "Place",
    "Settled",
    "Start",
    "Taken",
    "Want",
    "Worker",
    "WorkerRow",
]

Place = tuple[int, Millis, int]
"""Where a lane's reading stands: (priority, ready_at, delivery id) of the last delivery read."""


class Want(msgspec.Struct, frozen=True):
    """One lane's part of a read.

    Attributes:
        limit: At most this many deliveries.
        after: Only what comes after this place; None begins at the beginning.
        last: Only priorities up to this one; None reads them all.
    """

    limit: int
    after: Place | None = None
    last: int | None = None


class LaneRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed to wake a lane.

    Attributes:
        customer: Whose it is.
        destination: Where its items go.
        sources: Where its items' bytes are, by connection id.
    """

    customer: Customer
    destination: Connection
    sources: Sequence[Connection]


class Birth(msgspec.Struct, frozen=True):
    """A discovery and where it must go: one ``(lane, path, priority)`` per destination of the customer."""

    discovery: Discovery
    deliveries: Sequence[tuple[LaneId, str, int]]


class Births(msgspec.Struct, frozen=True):
    """What one batch of births changed.

    Attributes:
        items: New items; those that were known already do not count.
        lanes: Lanes that have something waiting now which they had not before.
    """

    items: int
    lanes: frozenset[LaneId]


class Settled(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What becomes of one delivery.

    Attributes:
        delivery_id: Which.
        lane: Its lane.
        customer_id: Its customer, whose epoch fences the write.
        kind: The item's kind for the counters.
        size: The item's size in bytes for the counters, 0 if unknown.
        state: The new state; ``waiting`` for a later try.
        ready_at: When a waiting one may be tried again.
        attempt: Tries charged so far.
        reason: The error's class name, for grouping; empty for ``archived``.
        detail: What happened, for a person.
        session: Where a chunked upload stands, or None.
        receipt: Set exactly for ``archived``.
        discovered_at: When its item was; not written, but told with what became of it. 0 if it is not known.
    """

    delivery_id: int
    lane: LaneId
    customer_id: int
    kind: Kind
    size: int = 0
    state: DeliveryState
    ready_at: Millis
    attempt: int
    reason: str = ""
    detail: str = ""
    session: Session | None = None
    receipt: Receipt | None = None
    discovered_at: Millis = 0


class LaneCounters(msgspec.Struct, frozen=True, kw_only=True):
    """One lane's numbers, kept as rows, never counted by scanning.

    Attributes:
        lane: Which.
        customer: The customer's name.
        paused: Whether the customer is paused.
        adapter: The destination's adapter.
        state: The connection's state.
        reason: Why it is not active.
        throttled_until: 0 if it is not throttled.
        waiting: Deliveries by state.
        archived: Deliveries by state.
        rejected: Deliveries by state.
        gone: Deliveries by state.
        archived_bytes: Sum of sizes.
        oldest_waiting_at: ``discovered_at`` of the oldest item still waiting; None if none is. (Read from an index, not a scan.)
    """

    lane: LaneId
    customer: str
    paused: bool = False
    adapter: str
    state: ConnectionState
    reason: str
    throttled_until: Millis
    waiting: int
    archived: int
    rejected: int
    gone: int
    archived_bytes: int
    oldest_waiting_at: Millis | None


class DeliveryRow(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery as a person sees it."""

    id: int
    customer: str
    lane: LaneId
    kind: Kind
    external_id: str
    path: str
    state: DeliveryState
    attempt: int
    ready_at: Millis
    reason: str
    detail: str
    size: int | None
    occurred_at: Millis
    discovered_at: Millis
    receipt: Receipt | None


class Owner(msgspec.Struct, frozen=True):
    """The process that serves a database."""

    pid: int
    host: str
    since: Millis


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """A process that serves customers.

    Attributes:
        id: New at each start (never a host name or a pid: a restarted process is another worker).
        host: Where it runs, for people.
        pid: Its process there, for people.
    """

    id: str
    host: str
    pid: int


class WorkerRow(msgspec.Struct, frozen=True, kw_only=True):
    """A worker as a person sees it.

    Attributes:
        worker: Who.
        entered_at: Since when.
        alive_until: When it counts as dead if it is not heard of again; by the database's clock.
        alive: Whether it is alive now, by the database's clock.
        customers: How many customers it owns.
    """

    worker: Worker
    entered_at: Millis
    alive_until: Millis
    alive: bool
    customers: int


class Start(msgspec.Struct, frozen=True):
    """A line of the journal: this delivery's upload begins now.

    Attributes:
        delivery_id: Which.
        customer_id: Whose.
    """

    delivery_id: int
    customer_id: int


class Taken(msgspec.Struct, frozen=True):
    """A customer that a worker owns from now on.

    Attributes:
        customer_id: Whose items it may upload.
        epoch: Under which its writes count.
        careful: The worker before died with it, or an older death left suspects, so starts must be journalled for a while.
    """

    customer_id: int
    epoch: int
    careful: bool


POISON_DEATHS = 3
"""A delivery that ran at so many deaths is the cause of them."""

POISON_DETAIL = f"the process died {POISON_DEATHS} times while this was being uploaded; `archiver retry` tries it again"
"""What a person reads of such a delivery."""

FORESIGHT: Millis = 400 * 86_400_000
"""A delivery that its source will purge is due so long before that: among those of one priority what will be purged soonest goes first."""
