"""The forms of refusals."""

from __future__ import annotations

import msgspec

from archiver.sandbox.refusals import api_error, bad_input, invalid_root, throttled, union


def test_unions_are_nested() -> None:
    """As Stone writes them."""
    assert union("path", "conflict", "file") == {".tag": "path", "path": {".tag": "conflict", "conflict": {".tag": "file"}}}
    assert union("incorrect_offset", correct_offset=5) == {".tag": "incorrect_offset", "correct_offset": 5}


def test_a_summary_ends_in_dots_nobody_can_match() -> None:
    """Their number differs from error to error."""
    summaries = [
        msgspec.json.decode(api_error(union(*tags)).reply.body)["error_summary"]
        for tags in (("path", "conflict", "file"), ("path", "not_found"), ("not_found",))
    ]
    assert [summary.rstrip(".") for summary in summaries] == ["path/conflict/file/", "path/not_found/", "not_found/"]
    assert len({summary.count(".") for summary in summaries}) > 1


def test_too_many_requests_tells_when_in_header_and_body() -> None:
    """As JSON or as plain text."""
    reply = throttled("too_many_requests", 15, in_body=True, plain_text=False).reply
    assert (reply.status, reply.headers, reply.content_type) == (429, {"Retry-After": "15"}, "application/json")
    assert msgspec.json.decode(reply.body)["error"] == {"reason": {".tag": "too_many_requests"}, "retry_after": 15}
    plain = throttled("too_many_requests", 300, in_body=True, plain_text=True).reply
    assert plain.content_type.startswith("text/plain")
    assert plain.headers == {"Retry-After": "300"}


def test_too_many_write_operations_tells_only_in_the_header() -> None:
    """Which is what was observed; and either kind may tell nothing at all."""
    reply = throttled("too_many_write_operations", 1, in_body=False, plain_text=False).reply
    assert reply.headers == {"Retry-After": "1"}
    assert msgspec.json.decode(reply.body)["error"] == {"reason": {".tag": "too_many_write_operations"}}
    assert throttled("too_many_requests", None, in_body=True, plain_text=False).reply.headers == {}


def test_malformed_calls_are_answered_in_plain_text() -> None:
    """400 is no JSON, 422 is."""
    reply = bad_input("files/upload", "no path").reply
    assert (reply.status, reply.body) == (400, b'Error in call to API function "files/upload": no path')
    root = invalid_root("123").reply
    assert root.status == 422
    assert msgspec.json.decode(root.body)["error"]["invalid_root"]["root_namespace_id"] == "123"
