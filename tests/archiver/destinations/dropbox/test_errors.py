"""Dropbox's language, sentence by sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations.dropbox.errors import (
    BadNameError,
    ClosedError,
    InTheWayError,
    NotThereError,
    OffsetError,
    Reply,
    TooLargeError,
    expired,
    pace_error,
    reply_error,
    union_error,
)
from archiver.errors import (
    ArchiverError,
    ConflictError,
    IntegrityError,
    MisconfiguredError,
    QuotaFullError,
    ReconnectNeededError,
    RejectedError,
    ThrottledError,
    ThrottleKind,
    TransientError,
)

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z


def reply(status: int, body: Any = b"", retry_after: str = "") -> Reply:
    """A reply as it comes in: an error in JSON if a dictionary is given, else plain text."""
    is_json = isinstance(body, dict)
    data = json.dumps(body).encode() if is_json else body
    return Reply(route="files/x", status=status, json=is_json, retry_after=retry_after, body=data)


def error(*tags: str, **fields: Any) -> dict[str, Any]:
    """The body of an error: nested tags."""
    inner: dict[str, Any] = {".tag": tags[-1], **fields}
    for tag in reversed(tags[:-1]):
        inner = {".tag": tag, tag: inner}
    return {"error_summary": "/".join(tags) + "/...", "error": inner}


RATE = {"error_summary": "too_many_requests/..", "error": {"reason": {".tag": "too_many_requests"}, "retry_after": 15}}
WRITES = {"error_summary": "too_many_write_operations/.", "error": {"reason": {".tag": "too_many_write_operations"}}}


@pytest.mark.parametrize(
    ("answer", "kind", "seconds"),
    [
        (reply(429, RATE, "300"), ThrottleKind.RATE, 300),
        (reply(429, RATE), ThrottleKind.RATE, 15),
        (reply(429, b"Too many requests", "7"), ThrottleKind.RATE, 7),
        (reply(429, b"Too many requests"), ThrottleKind.RATE, None),
        (reply(429, b"<html>", "Thu, 01 Jan 2026 00:00:20 GMT"), ThrottleKind.RATE, 20),
        (reply(429, b"", "Thu, 01 Jan 2025 00:00:20 GMT"), ThrottleKind.RATE, None),
        (reply(429, b"", "soon"), ThrottleKind.RATE, None),
        (reply(429, b"", "nan"), ThrottleKind.RATE, None),
        (reply(429, b"", "-5"), ThrottleKind.RATE, None),
        (reply(429, WRITES, "1"), ThrottleKind.CONTENTION, 1),
        (reply(429, WRITES), ThrottleKind.CONTENTION, None),
        (reply(429, {"error": {"reason": {".tag": "too_many_write_operations"}, "retry_after": 0}}), ThrottleKind.CONTENTION, None),
        (reply(409, error("path", "too_many_write_operations")), ThrottleKind.CONTENTION, None),
    ],
)
def test_refusals(answer: Reply, kind: ThrottleKind, seconds: float | None) -> None:
    """Both kinds of 429; the seconds are looked for in the header, then in the body; nonsense is no number."""
    refused = pace_error(answer, NOW)
    assert isinstance(refused, ThrottledError)
    assert (refused.kind, refused.retry_after) == (kind, seconds)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_failures_of_dropbox_itself(status: int) -> None:
    """Any body, any 5xx: another try, and the pacer hears of it."""
    assert type(pace_error(reply(status, b"<html>Bad gateway</html>"), NOW)) is TransientError


def test_what_does_not_concern_the_pace() -> None:
    """Other errors are no matter of pace."""
    assert pace_error(reply(409, error("path", "conflict", "file")), NOW) is None
    assert pace_error(reply(401, error("expired_access_token")), NOW) is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (error("path", "conflict", "file"), InTheWayError),
        (error("path", "conflict", "folder"), ConflictError),
        (error("path", "conflict", "file_ancestor"), ConflictError),
        (error("path", "conflict"), ConflictError),
        (error("path", "malformed_path"), BadNameError),
        (error("path", "disallowed_name"), BadNameError),
        (error("path", "operation_suppressed"), RejectedError),
        (error("path", "insufficient_space"), QuotaFullError),
        (error("path", "no_write_permission"), MisconfiguredError),
        (error("path", "access_restricted"), MisconfiguredError),
        (error("path", "team_folder"), MisconfiguredError),
        (error("encryption_not_supported"), MisconfiguredError),
        (error("lookup_failed", "not_found"), NotThereError),
        (error("lookup_failed", "not_closed"), NotThereError),
        (error("lookup_failed", "closed"), ClosedError),
        (error("closed"), ClosedError),
        (error("path", "not_found"), NotThereError),
        (error("lookup_failed", "too_large"), RejectedError),
        (error("payload_too_large"), TooLargeError),
        (error("content_hash_mismatch"), IntegrityError),
        (error("length_mismatch"), IntegrityError),
        (error("something_new"), TransientError),
        ({"error": {".tag": "path", "reason": {".tag": "insufficient_space"}, "upload_session_id": "s"}}, QuotaFullError),
        ({"error": "other"}, TransientError),
        ({"error": ["odd"]}, TransientError),
        ({}, TransientError),
    ],
)
def test_members_of_unions(body: dict[str, Any], expected: type[ArchiverError]) -> None:
    """Each documented tag has its meaning; an unknown one is worth another try."""
    assert type(reply_error(reply(409, body))) is expected


def test_entries_of_a_batch_collide() -> None:
    """The tag of a collision means the same inside a reply that succeeds."""
    for tags in (("too_many_write_operations",), ("path", "too_many_write_operations")):
        collision = union_error(error(*tags)["error"], "finish")
        assert isinstance(collision, ThrottledError)
        assert collision.kind is ThrottleKind.CONTENTION


def test_the_right_offset_is_told() -> None:
    """Wherever it is nested."""
    for tags in (("incorrect_offset",), ("lookup_failed", "incorrect_offset")):
        wrong = reply_error(reply(409, error(*tags, correct_offset=4096)))
        assert isinstance(wrong, OffsetError)
        assert wrong.correct_offset == 4096


@pytest.mark.parametrize(
    ("answer", "expected", "said"),
    [
        (reply(401, error("invalid_access_token")), ReconnectNeededError, "invalid_access_token"),
        (reply(401, error("user_suspended")), ReconnectNeededError, "user_suspended"),
        (reply(401, error("missing_scope", required_scope="files.content.write")), ReconnectNeededError, "files.content.write"),
        (reply(401, b"nonsense"), ReconnectNeededError, "status 401"),
        (reply(400, b'Invalid authorization value in HTTP header "Authorization": "Bearer CANARY"'), ReconnectNeededError, ""),
        (reply(400, b"The given OAuth 2 access token is malformed."), ReconnectNeededError, ""),
        (reply(400, b'Error in call to API function "x": something'), MisconfiguredError, "status 400"),
        (reply(400, b"Request Header Or Cookie Too Large"), TooLargeError, "400"),
        (reply(431), TooLargeError, "431"),
        (reply(413), TooLargeError, "413"),
        (reply(403, error("invalid_account_type", "feature")), QuotaFullError, "invalid_account_type/feature"),
        (reply(403, error("no_permission")), MisconfiguredError, "no_permission"),
        (reply(422, error("invalid_root")), MisconfiguredError, "invalid_root"),
        (reply(302), MisconfiguredError, "status 302"),
    ],
)
def test_other_answers(answer: Reply, expected: type[ArchiverError], said: str) -> None:
    """Each status has its meaning, and the message says which tag it was."""
    found = reply_error(answer)
    assert type(found) is expected
    assert said in found.message
    assert "CANARY" not in repr(vars(found))


def test_only_an_expired_token_is_refreshed() -> None:
    """One of the 401s heals, the others do not."""
    assert expired(reply(401, error("expired_access_token")))
    assert not expired(reply(401, error("invalid_access_token")))
    assert not expired(reply(409, error("expired_access_token")))


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.sampled_from(["path", "conflict", "too_many_write_operations"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([".tag", "error", "reason", "path", "retry_after", "correct_offset"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(status=st.sampled_from([400, 401, 403, 409, 413, 422, 429, 500]), body=JSON | st.binary(max_size=30), header=st.text(max_size=30))
def test_nothing_that_comes_back_breaks_us(status: int, body: Any, header: str) -> None:
    """Whatever the body and the header: an error of the tree."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = Reply(route="files/x", status=status, json=True, retry_after=header, body=data)
    found = pace_error(answer, NOW) or reply_error(answer)
    assert isinstance(found, ArchiverError)
    expired(answer)
