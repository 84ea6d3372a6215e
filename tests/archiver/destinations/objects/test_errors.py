"""What refusals mean where a store's word for them is not known."""

from __future__ import annotations

import pytest

from archiver.destinations.objects.errors import Dialect, InTheWayError, NotThereError, Reply, error_of, is_of_pace
from archiver.errors import (
    ArchiverError,
    MisconfiguredError,
    QuotaFullError,
    ReconnectNeededError,
    RejectedError,
    ThrottledError,
    TransientError,
)

DIALECT = Dialect(
    provider="Store",
    options="the option x",
    throttles=frozenset({"Slow"}),
    meanings={"Busy": (TransientError, ""), "Gone": (NotThereError, "")},
)


@pytest.mark.parametrize(
    ("status", "code", "retry_after", "expected"),
    [
        (429, "", "", ThrottledError),
        (400, "Slow", "", ThrottledError),
        (503, "", "5", ThrottledError),
        (503, "Busy", "5", TransientError),
        (503, "", "", TransientError),
        (500, "Unheard", "", TransientError),
        (200, "Unheard", "", TransientError),
        (401, "", "", ReconnectNeededError),
        (403, "", "", MisconfiguredError),
        (302, "", "", MisconfiguredError),
        (400, "Unheard", "", MisconfiguredError),
        (409, "", "", TransientError),
        (412, "", "", InTheWayError),
        (413, "", "", RejectedError),
        (507, "", "", QuotaFullError),
        (410, "Gone", "", NotThereError),
    ],
)
def test_by_status(status: int, code: str, retry_after: str, expected: type[ArchiverError]) -> None:
    """A known word decides, else the status does; an error that comes with a good status is worth another try."""
    assert type(error_of(Reply(call="put", status=status, code=code, retry_after=retry_after), DIALECT, 0.0)) is expected


def test_free_text_is_never_repeated() -> None:
    """A code that is none is not shown: it may be a key, or a signature."""
    found = error_of(Reply(call="put", status=400, code="<script>secret"), DIALECT, 0.0)
    assert "secret" not in found.message
    assert "400" in found.message


def test_what_the_pacer_must_hear() -> None:
    """Refusals for the rate and failures of the store; not that something is in the way, or not there."""
    assert is_of_pace(ThrottledError("x", retry_after=None))
    assert is_of_pace(TransientError("x"))
    assert not is_of_pace(NotThereError("x"))
    assert not is_of_pace(InTheWayError("x"))
