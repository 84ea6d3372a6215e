"""What the composition root is given and what it answers: frozen values for the commands and whoever else asks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from archiver.destinations.port import Account
from archiver.model import Connection, ConnectionState, Customer, Kind, LaneId, Millis

__all__ = ["ConnectionSpec", "CustomerAdded", "CustomerView", "Imported", "LaneProgress", "Progress"]


class ConnectionSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A source or destination as a person gives it: raw text, not checked yet.

    Attributes:
        adapter: Its name in the registry.
        options: Names and texts.
        secrets: Names and texts of the secret options; never shown.
        kinds: Of a destination: which kinds of items go there; empty for all.
    """

    adapter: str
    options: Mapping[str, str] = {}
    secrets: Mapping[str, str] = {}
    kinds: Sequence[Kind] = ()

    def __repr__(self) -> str:
        return f"ConnectionSpec(adapter={self.adapter!r}, options={dict(self.options)!r}, secrets=<{len(self.secrets)}>)"


class CustomerAdded(msgspec.Struct, frozen=True, kw_only=True):
    """A customer that was added, and whom its destinations belong to (by connection id, if they were asked)."""

    customer: Customer
    connections: Sequence[Connection]
    accounts: Mapping[int, Account]


class CustomerView(msgspec.Struct, frozen=True, kw_only=True):
    """A customer with its connections."""

    customer: Customer
    connections: Sequence[Connection]


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What one pass over sources brought.

    Attributes:
        found: Items found, known ones too.
        new: Of these, items that were not known.
        unreadable: Why sources could not be read, by customer; the others were.
    """

    found: int
    new: int
    unreadable: Mapping[str, str] = {}


class LaneProgress(msgspec.Struct, frozen=True, kw_only=True):
    """What one lane is at, while it runs.

    Attributes:
        lane: Which.
        customer: The customer's name.
        paused: Whether the customer is paused.
        adapter: The destination's adapter.
        state: The connection's state.
        reason: Why it is not active.
        waiting: Deliveries not archived yet.
        in_flight: Deliveries under way.
        archived: Deliveries archived, ever.
        rejected: Deliveries that need a person.
        gone: Deliveries lost at the source.
        calls_per_second: The pace that the system found; None while it has not met a limit.
        throttled_until: In milliseconds since the epoch; 0 if it is not throttled.
        oldest_waiting_at: When the oldest waiting item was discovered; None if none waits.
    """

    lane: LaneId
    customer: str
    paused: bool = False
    adapter: str
    state: ConnectionState
    reason: str
    waiting: int
    in_flight: int
    archived: int
    rejected: int
    gone: int
    calls_per_second: float | None
    throttled_until: Millis
    oldest_waiting_at: Millis | None


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What a running Archiver is at.

    Attributes:
        seconds: Since `Archiver.run` began.
        archived: Deliveries archived since then.
        archived_bytes: Of these.
        reads: How often the Fetcher has read the Database.
        lanes: Every lane, by customer.
        unreadable: Why sources cannot be read now, by customer; only what a running one knows.
    """

    seconds: float
    archived: int
    archived_bytes: int
    reads: int
    lanes: Sequence[LaneProgress]
    unreadable: Mapping[str, str] = {}
