"""What S3 says, and what it means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations.objects.calls import Answer
from archiver.destinations.objects.errors import InTheWayError, NotThereError, Reply, error_of
from archiver.destinations.s3.words import DIALECT, ListedPart, NotConditionalError, code_of, complete_xml, field, parts_of
from archiver.errors import (
    ArchiverError,
    IntegrityError,
    MisconfiguredError,
    QuotaFullError,
    ReconnectNeededError,
    RejectedError,
    ThrottledError,
    TransientError,
)


def error(status: int, code: str, retry_after: str = "") -> ArchiverError:
    """What a refusal with a code means."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>/secret/path</Message></Error>" if code else ""
    answer = Answer(status=status, headers={}, body=body.encode())
    return error_of(Reply(call="put an object", status=status, code=code_of(answer), retry_after=retry_after), DIALECT, 0.0)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (503, "SlowDown", ThrottledError),
        (429, "", ThrottledError),
        (400, "RequestLimitExceeded", ThrottledError),
        (503, "ServiceUnavailable", TransientError),
        (500, "InternalError", TransientError),
        (502, "", TransientError),
        (400, "RequestTimeout", TransientError),
        (409, "ConditionalRequestConflict", TransientError),
        (409, "OperationAborted", TransientError),
        (412, "PreconditionFailed", InTheWayError),
        (412, "", InTheWayError),
        (501, "NotImplemented", NotConditionalError),
        (404, "", NotThereError),
        (404, "NoSuchUpload", NotThereError),
        (400, "InvalidPart", NotThereError),
        (400, "BadDigest", IntegrityError),
        (400, "XAmzContentSHA256Mismatch", IntegrityError),
        (403, "SignatureDoesNotMatch", ReconnectNeededError),
        (403, "InvalidAccessKeyId", ReconnectNeededError),
        (400, "ExpiredToken", ReconnectNeededError),
        (401, "", ReconnectNeededError),
        (403, "AccessDenied", MisconfiguredError),
        (403, "", MisconfiguredError),
        (403, "RequestTimeTooSkewed", MisconfiguredError),
        (404, "NoSuchBucket", MisconfiguredError),
        (301, "", MisconfiguredError),
        (400, "AuthorizationHeaderMalformed", MisconfiguredError),
        (400, "InvalidRequest", MisconfiguredError),
        (403, "QuotaExceeded", QuotaFullError),
        (507, "", QuotaFullError),
        (400, "KeyTooLongError", RejectedError),
        (400, "EntityTooLarge", RejectedError),
    ],
)
def test_refusals(status: int, code: str, expected: type[ArchiverError]) -> None:
    """Each word, or each status without one, has its place in the tree; free text is never repeated."""
    found = error(status, code)
    assert type(found) is expected
    assert "secret" not in found.message


def test_a_throttle_tells_its_seconds() -> None:
    """The seconds of Retry-After, if S3 gives them."""
    told, untold = error(503, "SlowDown", "7"), error(503, "SlowDown")
    assert isinstance(told, ThrottledError)
    assert isinstance(untold, ThrottledError)
    assert (told.retry_after, untold.retry_after) == (7.0, None)


@given(status=st.integers(300, 599), body=st.binary(max_size=60), header=st.text(max_size=20))
def test_nothing_that_comes_back_breaks_us(status: int, body: bytes, header: str) -> None:
    """Whatever the body and the header: an error of the tree, without control characters."""
    for content in (body, b"<Error><Code>" + body + b"</Code></Error>"):
        code = code_of(Answer(status=status, headers={}, body=content))
        found = error_of(Reply(call="x", status=status, code=code, retry_after=header), DIALECT, 0.0)
        assert isinstance(found, ArchiverError)
        assert found.message.isprintable()


def test_a_list_of_parts() -> None:
    """Parts come with number, size and tag; a list that is cut off says where it goes on."""
    part = "<Part><PartNumber>1</PartNumber><ETag>&quot;abc&quot;</ETag><Size>5</Size></Part>"
    body = f"<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>1</NextPartNumberMarker>{part}</ListPartsResult>"
    assert parts_of(body.encode()) == ([ListedPart(1, 5, '"abc"')], "1")
    assert parts_of(body.replace("true", "false").encode()) == ([ListedPart(1, 5, '"abc"')], "")
    with pytest.raises(IntegrityError):
        parts_of(b"<Part><ETag>x</ETag></Part>")


def test_a_list_of_parts_that_make_an_object() -> None:
    """Tags are escaped, and checksums told where there are any."""
    body = complete_xml([('"a&b"', "c2hh"), ('"c"', "")])
    assert b"<PartNumber>2</PartNumber>" in body
    assert body.count(b"<ChecksumSHA256>c2hh</ChecksumSHA256>") == 1
    assert field(body, "ETag") == '"a&b"'
