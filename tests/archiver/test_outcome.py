"""From an error to an outcome."""

from __future__ import annotations

import pytest

from archiver.errors import (
    ArchiverError,
    ConfigError,
    ConflictError,
    IntegrityError,
    MisconfiguredError,
    QuotaFullError,
    ReconnectNeededError,
    RejectedError,
    SourceChangedError,
    SourceGoneError,
    SourceThrottledError,
    ThrottledError,
    ThrottleKind,
    TransientError,
    UnavailableError,
)
from archiver.model import ConnectionState, Session
from archiver.outcome import Deferred, Outcome, Parked, Rejected, Throttled, Unavailable, outcome_of

SESSION = Session(id="s", offset=4, started_at=1)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ThrottledError("x", retry_after=15.0), Throttled(retry_after=15.0, session=SESSION)),
        (
            ThrottledError("x", retry_after=None, kind=ThrottleKind.CONTENTION),
            Throttled(retry_after=None, kind=ThrottleKind.CONTENTION, session=SESSION),
        ),
        (ReconnectNeededError("revoked"), Parked(state=ConnectionState.RECONNECT_NEEDED, reason="revoked")),
        (QuotaFullError("full"), Parked(state=ConnectionState.QUOTA_FULL, reason="full")),
        (MisconfiguredError("no right"), Parked(state=ConnectionState.MISCONFIGURED, reason="no right")),
        (UnavailableError("no route"), Unavailable(reason="no route", session=SESSION)),
        (TransientError("502"), Deferred(reason="TransientError", detail="502", session=SESSION)),
        (IntegrityError("hash"), Deferred(reason="IntegrityError", detail="hash")),
        (SourceGoneError("404"), Deferred(reason="SourceGoneError", detail="404")),
        (
            SourceThrottledError("its turn", retry_after=6.0),
            Deferred(reason="SourceThrottledError", detail="its turn", charged=False, session=SESSION, retry_after=6.0),
        ),
        (SourceChangedError("size"), Deferred(reason="SourceChangedError", detail="size")),
        (RejectedError("name"), Rejected(reason="RejectedError", detail="name")),
        (ConflictError("there"), Rejected(reason="ConflictError", detail="there")),
    ],
)
def test_each_error_has_its_outcome(error: ArchiverError, outcome: Outcome) -> None:
    """By its place in the tree; a session is kept where the upload can go on, and forgotten where its bytes are not to be trusted."""
    assert outcome_of(error, session=SESSION) == outcome


def test_an_error_of_the_process_is_nobodys_outcome() -> None:
    """It is raised again: no item is to blame."""
    with pytest.raises(ConfigError):
        outcome_of(ConfigError("no key"))
