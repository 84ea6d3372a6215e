"""How one try to upload one item ended: one frozen value, chosen by the destination, turned into writes by settlement.

| outcome | delivery | lane | attempt charged |
|---|---|---|---|
| `Archived` | archived | room returns | – |
| `Deferred` | waiting, later | – | if ``charged`` |
| `Rejected` | rejected | – | – |
| `Gone` | gone | – | – |
| `Throttled` | untouched | throttled until | no |
| `Parked` | untouched | parked, one notification | no |
| `Unavailable` | untouched | circuit of the provider opens | no |
"""

from __future__ import annotations

import msgspec

from archiver.errors import (
    ArchiverError,
    DestinationError,
    IntegrityError,
    ItemError,
    MisconfiguredError,
    QuotaFullError,
    ReconnectNeededError,
    SourceAwayError,
    SourceChangedError,
    SourceGoneError,
    SourceThrottledError,
    ThrottledError,
    ThrottleKind,
    UnavailableError,
)
from archiver.model import ConnectionState, Receipt, Session

__all__ = [
    "Archived",
    "Deferred",
    "Gone",
    "Outcome",
    "Parked",
    "Rejected",
    "Throttled",
    "Unavailable",
    "outcome_of",
]


class Archived(msgspec.Struct, frozen=True, gc=False):
    """The storage confirmed size and hash."""

    receipt: Receipt


class Deferred(msgspec.Struct, frozen=True, kw_only=True):
    """Try again later.

    Attributes:
        reason: The error's class name, for grouping.
        detail: What happened, for a person.
        charged: Whether it counts as one of the item's tries.
        session: Where a chunked upload stands; None forgets the one that was saved.
        retry_after: Seconds until its turn, if somebody knows it; None leaves it to the schedule of tries.
    """

    reason: str
    detail: str = ""
    charged: bool = True
    session: Session | None = None
    retry_after: float | None = None


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """The storage will never take it; a person must look."""

    reason: str
    detail: str = ""


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """The source no longer has it."""

    evidence: str


class Throttled(msgspec.Struct, frozen=True, kw_only=True):
    """The lane was refused for its rate; the item was not touched.

    Attributes:
        retry_after: Seconds, or None if the provider did not tell.
        kind: Which of the two kinds of 429.
        session: Where a chunked upload stands, kept in memory for the next try.
    """

    retry_after: float | None
    kind: ThrottleKind = ThrottleKind.RATE
    session: Session | None = None


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """The lane cannot go on until a person or a probe says so."""

    state: ConnectionState
    reason: str


class Unavailable(msgspec.Struct, frozen=True, kw_only=True):
    """The provider could not be reached.

    Attributes:
        reason: What happened.
        session: Where a chunked upload stands, kept for the next try.
        source: It is the item's source that is away, not the destination.
    """

    reason: str
    session: Session | None = None
    source: bool = False


Outcome = Archived | Deferred | Rejected | Gone | Throttled | Parked | Unavailable


def outcome_of(error: ArchiverError, *, session: Session | None = None) -> Outcome:  # noqa: C901, PLR0911  one return per row of the table
    """Translates an error of the tree into an outcome, by its place in the tree.

    Args:
        error: What the adapter or the source raised.
        session: Where a chunked upload stands, if one was begun and can be continued.

    Returns:
        The outcome. `SourceGoneError` becomes `Deferred` here: settlement believes it at the third look.

    Raises:
        ArchiverError: The error itself, if its scope is the process.
    """
    match error:
        case ThrottledError():
            return Throttled(retry_after=error.retry_after, kind=error.kind, session=session)
        case ReconnectNeededError():
            return Parked(state=ConnectionState.RECONNECT_NEEDED, reason=error.message)
        case QuotaFullError():
            return Parked(state=ConnectionState.QUOTA_FULL, reason=error.message)
        case MisconfiguredError() | DestinationError():
            return Parked(state=ConnectionState.MISCONFIGURED, reason=error.message)
        case UnavailableError():
            return Unavailable(reason=error.message, session=session)
        case SourceAwayError():
            return Unavailable(reason=error.message, session=session, source=True)
        case SourceThrottledError(retry_after=wait):
            return Deferred(reason=type(error).__name__, detail=error.message, charged=False, session=session, retry_after=wait)
        case SourceGoneError() | SourceChangedError() | IntegrityError():  # bytes of before and after would be mixed
            return Deferred(reason=type(error).__name__, detail=error.message)
        case ItemError() if error.retryable:
            return Deferred(reason=type(error).__name__, detail=error.message, session=session)
        case ItemError():
            return Rejected(reason=type(error).__name__, detail=error.message)
        case _:
            raise error
