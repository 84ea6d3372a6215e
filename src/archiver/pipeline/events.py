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
| `SourceParked` | a source lets nobody in any more; it waits for a person |
| `SourceResumed` | a parked source goes on |
| `CallEnded` | a call of a destination ended |
| `BatchSettled` | a batch of outcomes was committed |
| `DeliveryArchived` | an archived delivery was committed |
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
from enum import StrEnum

import msgspec

from archiver.destinations.port import CallKind
from archiver.errors import ThrottleKind
from archiver.lifecycle import DeliveryState
from archiver.model import ConnectionState, LaneId, Millis

__all__ = [
    "BatchSettled",
    "Born",
    "CallEnded",
    "CallResult",
    "CustomerLost",
    "CustomersDropped",
    "CustomersGivenBack",
    "CustomersTaken",
    "DatabaseAway",
    "DeliveryArchived",
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
    "SourceParked",
    "SourceResumed",
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
    provider: str
    until: Millis
    kind: ThrottleKind


class LaneParked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The lane waits for a person or a probe; told once."""

    lane: LaneId
    customer: str
    provider: str
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


class SourceParked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A source's link no longer works, and a person must connect it again; told once. Its items wait, and no try is charged."""

    source: int
    customer: str
    provider: str
    state: ConnectionState
    reason: str


class SourceResumed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A parked source goes on."""

    source: int
    customer: str


class CallResult(StrEnum):
    """How a call of a destination ended, as far as its pace is concerned."""

    ANSWERED = "answered"
    """The provider did it."""
    REFUSED = "refused"
    """The provider answered that it will not."""
    THROTTLED = "throttled"
    """The provider refused it for its rate."""
    FAILED = "failed"
    """It failed in a way that is worth another try."""
    UNAVAILABLE = "unavailable"
    """The provider could not be reached."""


class CallEnded(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A call of a destination ended after ``seconds``."""

    lane: LaneId
    provider: str
    kind: CallKind
    result: CallResult
    seconds: float


class BatchSettled(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A batch of outcomes was committed, in ``seconds``."""

    archived: int
    others: int
    refused: int
    seconds: float


class DeliveryArchived(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """The database knows that a delivery is archived.

    ``seconds`` is how long this try took; ``dwell`` how long since its item was found, in seconds; ``in_flight`` how many of its lane
    are on their way, with those of its batch; ``recovered`` says that the storage had it already.
    """

    delivery: int
    lane: LaneId
    customer: str
    provider: str
    attempt: int
    size: int
    seconds: float
    dwell: float
    in_flight: int
    recovered: bool


class DeliveryFailed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A try failed after ``seconds``; ``state`` says what became of the delivery."""

    delivery: int
    lane: LaneId
    customer: str
    provider: str
    state: DeliveryState
    attempt: int
    seconds: float
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
    | SourceParked
    | SourceResumed
    | CallEnded
    | BatchSettled
    | DeliveryArchived
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
