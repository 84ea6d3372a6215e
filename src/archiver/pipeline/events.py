"""What the pipeline tells whoever listens: the one table of its events.

| event | when |
|---|---|
| `LaneWoke` | a lane has something to upload |
| `LaneIdle` | a lane ran dry and was put away |
| `LaneThrottled` | the destination refused a call for its rate |
| `LaneParked` | the lane waits for a person or a probe |
| `LaneResumed` | a parked lane goes on |
| `ProviderUnavailable` | a provider's circuit opened, or stayed open after a probe |
| `Born` | the collector wrote new items |
| `SourceFailed` | a source could not be read; it is tried again |
| `BatchSettled` | a batch of outcomes was committed |
| `DeliveryFailed` | a try failed: deferred, rejected or gone |
| `DatabaseAway` | a write failed; outcomes wait, no new demand is sent |
| `WorkerEntered` | the process serves now, as one of a fleet |
| `CustomersTaken` | it owns some more customers |
| `CustomersGivenBack` | it owns some customers no longer, of its own will |
| `CustomerLost` | the database says that another worker owns a customer |
| `CustomersDropped` | it may have been taken for dead, and has let everything fall |

Events carry no content, no phone numbers and no paths: a listener may log or count them as they are.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from archiver.errors import ThrottleKind
from archiver.lifecycle import DeliveryState
from archiver.model import ConnectionState, LaneId, Millis

__all__ = [
    "BatchSettled",
    "Born",
    "CustomerLost",
    "CustomersDropped",
    "CustomersGivenBack",
    "CustomersTaken",
    "DatabaseAway",
    "DeliveryFailed",
    "Event",
    "LaneIdle",
    "LaneParked",
    "LaneResumed",
    "LaneThrottled",
    "LaneWoke",
    "Listener",
    "ProviderUnavailable",
    "SourceFailed",
    "WorkerEntered",
    "ignore_event",
]


class LaneWoke(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A lane has something to upload."""

    lane: LaneId
    customer: str


class LaneIdle(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A lane ran dry and was put away; it costs nothing now."""

    lane: LaneId
    customer: str


class LaneThrottled(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The destination refused a call; no call of the lane before ``until``."""

    lane: LaneId
    customer: str
    until: Millis
    kind: ThrottleKind


class LaneParked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The lane waits for a person or a probe; told once."""

    lane: LaneId
    customer: str
    state: ConnectionState
    reason: str


class LaneResumed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A parked lane goes on."""

    lane: LaneId
    customer: str


class ProviderUnavailable(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Nobody calls the provider before ``until``; then one lane probes."""

    provider: str
    until: Millis
    reason: str


class Born(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The collector wrote ``items`` new items of a source."""

    source: int
    customer: str
    items: int


class SourceFailed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A source could not be read; tried again after ``retry_in`` seconds."""

    source: int
    customer: str
    reason: str
    retry_in: float


class BatchSettled(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A batch of outcomes was committed, in ``seconds``."""

    archived: int
    others: int
    refused: int
    seconds: float


class DeliveryFailed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A try failed; ``state`` says what became of the delivery."""

    delivery: int
    lane: LaneId
    customer: str
    state: DeliveryState
    attempt: int
    reason: str
    detail: str


class DatabaseAway(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A write failed; ``waiting`` outcomes are kept and tried again."""

    reason: str
    waiting: int


class WorkerEntered(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The process serves now, under a name that is new each time."""

    worker: str


class CustomersTaken(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The worker owns so many more customers; of some the worker before died."""

    worker: str
    customers: int
    careful: int


class CustomersGivenBack(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The worker has given back so many customers, after everything of them was settled."""

    worker: str
    customers: int


class CustomerLost(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A write under the customer's ``epoch`` was refused: another worker owns it. Its uploads were cancelled at once."""

    customer_id: int
    epoch: int


class CustomersDropped(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The worker may have been taken for dead: all its customers' uploads were cancelled at once."""

    worker: str
    customers: int
    reason: str


Event = (
    LaneWoke
    | LaneIdle
    | LaneThrottled
    | LaneParked
    | LaneResumed
    | ProviderUnavailable
    | Born
    | SourceFailed
    | BatchSettled
    | DeliveryFailed
    | DatabaseAway
    | WorkerEntered
    | CustomersTaken
    | CustomersGivenBack
    | CustomerLost
    | CustomersDropped
)
Listener = Callable[[Event], None]


def ignore_event(event: Event) -> None:
    """The listener of those who do not listen."""
    del event
