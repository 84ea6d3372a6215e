"""What a person can prove of completeness: numbers by kind, how the passes over the sources ended, what is about to be purged.

Part of the port of the Database. Nothing here scans deliveries: numbers are kept as rows, and lists end after so many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from archiver.database.records import DeliveryRow
from archiver.lifecycle import DeliveryState
from archiver.model import Kind, LaneId, Millis

__all__ = ["Completeness", "Failure", "KindCounters", "Particulars", "Pass"]


class KindCounters(msgspec.Struct, frozen=True, kw_only=True):
    """One kind's numbers in one lane.

    Attributes:
        lane: Which.
        kind: Which.
        waiting: Deliveries by state.
        archived: Deliveries by state.
        rejected: Deliveries by state.
        gone: Deliveries by state.
        archived_bytes: Sum of sizes.
    """

    lane: LaneId
    kind: Kind
    waiting: int
    archived: int
    rejected: int
    gone: int
    archived_bytes: int


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """How the passes over a source ended.

    Attributes:
        source_id: Which.
        complete_at: When the last one ended that came to its end; 0 if none ever did.
        troubled_since: Since when none does; 0 if the last one did.
        trouble: Why.
        claimed: How many items of each kind the source says that it has; empty if it cannot count.
    """

    source_id: int
    complete_at: Millis = 0
    troubled_since: Millis = 0
    trouble: str = ""
    claimed: Mapping[Kind, int] = {}


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries of one lane and kind that failed for one reason.

    Attributes:
        lane: Which.
        kind: Which.
        state: Rejected or gone.
        reason: The error's name.
        detail: What happened to one of them.
        count: How many.
    """

    lane: LaneId
    kind: Kind
    state: DeliveryState
    reason: str
    detail: str
    count: int


class Particulars(msgspec.Struct, frozen=True, kw_only=True):
    """An archived delivery with all that is known of its item.

    Attributes:
        row: The delivery as a person sees it, with its receipt.
        part: Which part of the thing.
        media_type: Such as ``audio/x-wav``.
        direction: ``inbound``, ``outbound`` or empty.
        sender: Number or name of the sending side.
        recipient: Number or name of the receiving side.
        owner: The extension or line it belongs to.
        metadata: Anything else the source knew; JSON values.
        locator: Where its source has it, or what it is: texts travel within.
    """

    row: DeliveryRow
    part: str
    media_type: str
    direction: str
    sender: str
    recipient: str
    owner: str
    metadata: Mapping[str, Any]
    locator: str = ""


class Completeness(Protocol):
    """What a person can prove of completeness."""

    async def kind_counters(self, customer_id: int) -> Sequence[KindCounters]:
        """A customer's numbers, by lane and kind; kinds of which there never was anything are left out."""
        ...

    async def passes(self, customer_id: int) -> Sequence[Pass]:
        """How the passes over a customer's sources ended; sources that nobody has looked at yet are left out."""
        ...

    async def note_complete(self, source_id: int, *, at: Millis, claimed: Mapping[Kind, int]) -> None:
        """A pass over a source came to its end."""
        ...

    async def note_trouble(self, source_id: int, *, at: Millis, trouble: str) -> None:
        """A source cannot be passed over to its end; the moment of the first note since the last complete pass is kept."""
        ...

    async def soonest_purges(self, lane: LaneId, *, among: int) -> Mapping[Kind, Millis]:
        """When the source will purge the first of what waits, by kind; among so many deliveries at the head of the queue, of each level."""
        ...

    async def archived_in(self, customer_id: int, spans: Sequence[tuple[int, int]]) -> Sequence[Particulars]:
        """The archived deliveries of a customer with these numbers (first and last of each span), by number."""
        ...

    async def failures(self, customer_id: int, *, among: int) -> Sequence[Failure]:
        """Why deliveries of a customer were rejected or are gone: of the first so many, the most frequent first."""
        ...
