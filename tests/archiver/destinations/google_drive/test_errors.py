"""Google's language, sentence by sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations.google_drive.errors import BadCallError, InUseError, NotThereError, Reply, pace_error, reply_error
from archiver.errors import (
    ArchiverError,
    MisconfiguredError,
    QuotaFullError,
    ReconnectNeededError,
    RejectedError,
    ThrottledError,
    TransientError,
)

NOW = 1_767_225_600.0


def reply(status: int, reason: str = "", message: str = "CANARY", *, retry_after: str = "") -> Reply:
    """An answer as Google writes errors."""
    body = {"error": {"code": status, "message": message, "errors": [{"domain": "global", "reason": reason, "message": message}]}}
    return Reply(route="files.create", status=status, retry_after=retry_after, body=json.dumps(body).encode())


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (reply(403, "userRateLimitExceeded", "User Rate Limit Exceeded"), None),
        (reply(403, "rateLimitExceeded"), None),
        (reply(429, "rateLimitExceeded", retry_after="7"), 7.0),
        (Reply(route="x", status=429, body=b"<html>"), None),
        (reply(403, "userRateLimitExceeded", "User rate limit exceeded."), 1800.0),
        (reply(403, "dailyLimitExceeded", retry_after="60"), 60.0),
    ],
)
def test_refused_for_the_rate(answer: Reply, seconds: float | None) -> None:
    """With the seconds that were told; a day that is used up is a long wait, and only its text tells it from a rate."""
    error = pace_error(answer, NOW)
    assert isinstance(error, ThrottledError)
    assert error.retry_after == seconds
    assert "CANARY" not in repr(vars(error))


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 599])
def test_a_failure_of_google_is_worth_another_try(status: int) -> None:
    """And the pacer hears of it."""
    assert type(pace_error(Reply(route="x", status=status, body=b"<html>CANARY"), NOW)) is TransientError


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (reply(403, "storageQuotaExceeded"), QuotaFullError),
        (reply(403, "teamDriveFileLimitExceeded"), QuotaFullError),
        (reply(403, "insufficientPermissions"), ReconnectNeededError),
        (reply(403, "insufficientFilePermissions"), MisconfiguredError),
        (reply(403, "numChildrenInNonRootLimitExceeded"), MisconfiguredError),
        (reply(403, "accessNotConfigured"), MisconfiguredError),
        (reply(403, "somethingNew"), MisconfiguredError),
        (Reply(route="x", status=403, body=b"<html>"), MisconfiguredError),
        (reply(401, "authError"), ReconnectNeededError),
        (Reply(route="x", status=401), ReconnectNeededError),
        (reply(404, "notFound"), NotThereError),
        (reply(410, "gone"), NotThereError),
        (reply(409, "fileIdInUse"), InUseError),
        (reply(413, "uploadTooLarge"), RejectedError),
        (reply(400, "invalid"), BadCallError),
        (reply(302), MisconfiguredError),
    ],
)
def test_other_answers(answer: Reply, expected: type[ArchiverError]) -> None:
    """Each has its meaning; the free text is never repeated, nor what only looks like a reason."""
    assert pace_error(answer, NOW) is None
    error = reply_error(answer)
    assert type(error) is expected
    assert "CANARY" not in repr(vars(error))
    assert "CANARY" not in str(reply_error(reply(403, "CANARY words")))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.sampled_from(["userRateLimitExceeded", "storageQuotaExceeded"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "errors", "details", "reason", "message", "code"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(
    status=st.sampled_from([301, 400, 401, 403, 404, 409, 410, 413, 416, 429, 500, 503]),
    body=JSON | st.binary(max_size=40),
    header=st.text(max_size=20) | st.floats().map(str),
)
def test_nothing_that_comes_back_breaks_us(status: int, body: Any, header: str) -> None:
    """Whatever the body and the header: an error of the tree."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = Reply(route="x", status=status, retry_after=header, body=data)
    assert isinstance(pace_error(answer, NOW) or reply_error(answer), ArchiverError)
