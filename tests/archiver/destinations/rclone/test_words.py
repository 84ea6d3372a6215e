"""What rclone's errors mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations.rclone.words import NotFoundError, error_of
from archiver.errors import (
    ArchiverError,
    ConflictError,
    MisconfiguredError,
    QuotaFullError,
    ReconnectNeededError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnavailableError,
)

NOW = 1_700_000_000.0


def told(text: str, *hidden: str) -> ArchiverError:
    """The error of a text."""
    return error_of("write a file", text, kind="b2", hidden=hidden, now=NOW)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("read metadata failed: err: 429 Too Many Requests", ThrottledError),
        ("googleapi: Error 403: User Rate Limit Exceeded. Rate of requests for user exceed, userRateLimitExceeded", ThrottledError),
        ("too_many_requests/..", ThrottledError),
        ("SlowDown: Please reduce your request rate. status code: 503", ThrottledError),
        ("Update mkParentDir failed: err: 401 Unauthorized", ReconnectNeededError),
        (
            'couldn\'t fetch token: invalid_grant: maybe token expired? - try "rclone config reconnect x:"',
            ReconnectNeededError,
        ),
        (
            "couldn't connect SSH: ssh: handshake failed: ssh: unable to authenticate, attempted methods [none]",
            ReconnectNeededError,
        ),
        ("couldn't connect SSH: ssh: handshake failed: knownhosts: key mismatch", MisconfiguredError),
        ("api error InvalidAccessKeyId: The AWS Access Key Id you provided does not exist", ReconnectNeededError),
        ("Update mkParentDir failed: err: 507 Insufficient Storage", QuotaFullError),
        ("googleapi: Error 403: The user's Drive storage quota has been exceeded., storageQuotaExceeded", QuotaFullError),
        ("write /x/y: no space left on device", QuotaFullError),
        ("read metadata failed: err: 403 Forbidden", MisconfiguredError),
        ("mkdir /x: permission denied", MisconfiguredError),
        ("api error NoSuchBucket: The specified bucket does not exist", MisconfiguredError),
        ("Update mkParentDir failed: err: 302 Found", MisconfiguredError),
        ("mkdir /x/y: not a directory", ConflictError),
        ("open /x: file name too long", RejectedError),
        ("err: 413 Request Entity Too Large", RejectedError),
        ("object not found", NotFoundError),
        ("error in ListJSON: directory not found", NotFoundError),
        ('Propfind "http://127.0.0.1:1/a/": dial tcp 127.0.0.1:1: connect: connection refused', UnavailableError),
        ("dial tcp: lookup x.example: no such host", UnavailableError),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", UnavailableError),
        ("didn't find section in config file", TransientError),
        ("unexpected EOF", TransientError),
        ("err: 500 Internal Server Error", TransientError),
    ],
)
def test_what_is_meant(text: str, kind: type[ArchiverError]) -> None:
    """By the words of real storages."""
    assert type(told(text)) is kind


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("429: try again after 2023-11-14T22:15:20.5Z (2m0s)", 120.5),
        ("too many requests, Retry-After: 30", 30.0),
        ("429 trying again in 15s", 15.0),
        ("429 try again after 1999-01-01T00:00:00Z", None),
        ("429 Too Many Requests", None),
    ],
)
def test_how_long_to_wait(text: str, seconds: float | None) -> None:
    """Where the text tells it; never a time that is past."""
    error = told(text)
    assert isinstance(error, ThrottledError)
    assert error.retry_after == pytest.approx(seconds)


def test_names_of_files_mean_nothing() -> None:
    """A file may be called like an error."""
    assert type(told('open "429 Too Many Requests.wav": unexpected EOF')) is TransientError
    assert type(told("a/429 quota 401.wav: unexpected EOF", "a/429 quota 401.wav")) is TransientError


def test_only_plain_last_words_are_shown() -> None:
    """They may be a help; anything else may be a secret."""
    assert told("err: 500 Internal Server Error").message == "b2 refused to write a file: 500"
    assert told("put failed: unexpected EOF").message == "b2 refused to write a file: unexpected EOF"
    assert told("key=0123456789abcdef").message == "b2 refused to write a file"
    assert told("bad key: canary", "canary").message == "b2 refused to write a file"


@given(st.text(), st.lists(st.text(), max_size=3))
def test_any_text_is_an_error_of_the_tree(text: str, hidden: list[str]) -> None:
    """Whatever a storage says; and nobody is sent to wait for a time that is none."""
    error = told(text, *hidden)
    if isinstance(error, ThrottledError):
        assert error.retry_after is None or 0 < error.retry_after < 10**9
