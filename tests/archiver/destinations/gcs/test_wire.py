"""Shapes: what comes back may be anything."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations.gcs.wire import Metadata, multipart, range_end, stored_of
from archiver.destinations.gcs.words import DIALECT, code_of
from archiver.destinations.objects.calls import Answer
from archiver.destinations.objects.errors import Reply, error_of
from archiver.errors import ArchiverError, IntegrityError

NOW = "2026-11-24T00:00:00.000Z"


def test_what_is_told_of_an_object() -> None:
    """Sizes come as text, hashes in base64, and what is kept says until when."""
    body = b'{"id": "b/n/7", "generation": "7", "size": "5", "md5Hash": "XUFAKrxLKna5cZ2REBfFkg==", "retentionExpirationTime": "%s"}'
    found = stored_of(body % b"2026-11-25T00:00:00Z", NOW)
    assert (found.size, found.hash, found.revision, found.locked) == (5, "md5:5d41402abc4b2a76b9719d911017c592", "7", True)
    assert not stored_of(body % b"2026-11-23T00:00:00Z", NOW).locked


def test_two_parts() -> None:
    """Metadata first, then the bytes, between marks."""
    kind, pieces = multipart(Metadata(name="a", content_type="audio/x-wav"), b"hello")
    mark = kind.partition("boundary=")[2].encode()
    assert b"".join(pieces).split(b"--" + mark)[1:] == [
        b'\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n{"name":"a","contentType":"audio/x-wav"}\r\n',
        b"\r\ncontent-type: audio/x-wav\r\n\r\nhello\r\n",
        b"--\r\n",
    ]


@pytest.mark.parametrize(("header", "expected"), [("", 0), ("bytes=0-0", 1), ("bytes=0-262143", 262144)])
def test_how_far_an_upload_is(header: str, expected: int) -> None:
    """The end of the range that is there."""
    assert range_end(header) == expected


@given(header=st.text(max_size=20))
def test_no_range_breaks_us(header: str) -> None:
    """Whatever it says: a number, or an error of the tree."""
    with suppress(IntegrityError):
        assert range_end(header) >= 0


@given(
    body=st.binary(max_size=60) | st.sampled_from([b"{}", b"[]", b'{"error":{"errors":[]}}', b'{"size":"x"}']), status=st.integers(300, 599)
)
def test_nothing_that_comes_back_breaks_us(body: bytes, status: int) -> None:
    """Whatever the body: an error of the tree, or what it tells of an object."""
    code = code_of(Answer(status=status, headers={}, body=body))
    assert isinstance(error_of(Reply(call="x", status=status, code=code), DIALECT, 0.0), ArchiverError)
    with suppress(IntegrityError):
        stored_of(body, NOW)
