"""RingCentral's language, translated."""

from __future__ import annotations

import aiohttp
import pytest

from archiver.errors import (
    ArchiverError,
    MisconfiguredError,
    ReconnectNeededError,
    SourceGoneError,
    SourceThrottledError,
    TransientError,
    UnavailableError,
)
from archiver.sources.ringcentral.errors import ParameterError, Reply, code_of, network_error, reply_error, retry_after, token_error, told
from archiver.sources.ringcentral.wire import Listed, decode

WORDS = b'{"errors":[{"errorCode":"CLG-101","message":"+15551234567 may not"}]}'


def reply(status: int, body: bytes = WORDS, **headers: str) -> Reply:
    """An answer."""
    return Reply(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()}, body=body)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ParameterError),
        (401, ReconnectNeededError),
        (403, MisconfiguredError),
        (404, SourceGoneError),
        (410, SourceGoneError),
        (500, TransientError),
        (418, TransientError),
    ],
)
def test_each_status_has_its_place_in_the_tree(status: int, kind: type[ArchiverError]) -> None:
    """With the code, without the words."""
    error = reply_error(reply(status), "call-log", 0.0)
    assert type(error) is kind
    assert "555" not in f"{error} {error.hint}"


def test_a_busy_server_says_until_when() -> None:
    """503 with a Retry-After is a rest, without one a failure."""
    error = reply_error(reply(503, Retry_After="7"), "recording", 0.0)
    assert isinstance(error, SourceThrottledError)
    assert error.retry_after == 7.0
    assert type(reply_error(reply(503), "recording", 0.0)) is TransientError


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (WORDS, "CLG-101"),
        (b'{"errorCode":"CMN-102"}', "CMN-102"),
        (b'{"errors":[{"errorCode":"<script>"}]}', ""),
        (b'{"errors":[7]}', ""),
        (b"[]", ""),
        (b"<html>", ""),
        (b"\xff", ""),
    ],
)
def test_only_what_looks_like_a_code_is_shown(body: bytes, code: str) -> None:
    """Whatever else a proxy may answer."""
    assert code_of(reply(400, body)) == code


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"error":"invalid_grant"}', type(None)),
        (401, b"<html>", type(None)),
        (429, b"", UnavailableError),
        (503, b"", UnavailableError),
    ],
)
def test_the_token_endpoint_may_be_away(status: int, body: bytes, kind: type) -> None:
    """Then nobody's link is broken; everything else is OAuth's language."""
    assert type(token_error(reply(status, body), 0.0)) is kind


def test_the_network_is_not_the_item() -> None:
    """Nobody answered: unavailable. Somebody began to: worth another try. The exception's text is not repeated."""
    secret = aiohttp.ClientPayloadError("Bearer canary")
    assert "canary" not in str(network_error(secret, "recording"))
    assert isinstance(network_error(secret, "recording"), TransientError)
    assert isinstance(network_error(aiohttp.ConnectionTimeoutError(), "recording"), UnavailableError)
    assert isinstance(network_error(aiohttp.InvalidURL("x"), "recording"), MisconfiguredError)


@pytest.mark.parametrize(
    ("headers", "group"),
    [
        ({"X-Rate-Limit-Group": "Heavy", "X-Rate-Limit-Limit": "10", "X-Rate-Limit-Remaining": "9"}, "heavy"),
        ({"X-Rate-Limit-Group": "Heavy", "X-Rate-Limit-Limit": "ten", "X-Rate-Limit-Remaining": "9"}, ""),
        ({"X-Rate-Limit-Group": "Heavy", "X-Rate-Limit-Limit": "10", "X-Rate-Limit-Remaining": "9", "X-Rate-Limit-Window": "nan"}, ""),
        ({"X-Rate-Limit-Limit": "10", "X-Rate-Limit-Remaining": "9"}, ""),
        ({}, ""),
    ],
)
def test_headers_are_believed_whole_or_not_at_all(headers: dict[str, str], group: str) -> None:
    """A limit that makes no sense is none."""
    assert told(headers).group == group


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("30", 30.0), ("0", None), ("-1", None), ("soon", None), ("", None), ("inf", None), ("Thu, 01 Jan 1970 00:01:00 GMT", 60.0)],
)
def test_a_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    """Nonsense is no answer."""
    assert retry_after(reply(429, Retry_After=header), 0.0) == seconds


def test_half_an_emoji_hides_no_page() -> None:
    """What people write may be cut in the middle of a sign; the page is read all the same. What is no JSON is worth another try."""
    page = decode(b'{"records":[{"id":1,"subject":"\\ud83d"},{"id":2}]}', Listed)
    assert [record["id"] for record in page.records] == [1, 2]
    for body in (b"<html>", b'{"records":7}', b""):
        with pytest.raises(TransientError):
            decode(body, Listed)
