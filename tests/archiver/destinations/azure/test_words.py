"""What Azure says, and what it means."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations.azure.words import DIALECT, block_list_xml, blocks_of, code_of
from archiver.destinations.objects.calls import Answer
from archiver.destinations.objects.errors import InTheWayError, NotThereError, Reply, error_of
from archiver.errors import (
    ArchiverError,
    IntegrityError,
    MisconfiguredError,
    ReconnectNeededError,
    RejectedError,
    ThrottledError,
    TransientError,
)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (503, "ServerBusy", ThrottledError),
        (429, "", ThrottledError),
        (500, "OperationTimedOut", TransientError),
        (500, "InternalError", TransientError),
        (502, "", TransientError),
        (409, "BlobAlreadyExists", InTheWayError),
        (412, "ConditionNotMet", InTheWayError),
        (409, "BlobImmutableDueToPolicy", InTheWayError),
        (404, "BlobNotFound", NotThereError),
        (404, "", NotThereError),
        (400, "InvalidBlockList", NotThereError),
        (400, "Md5Mismatch", IntegrityError),
        (403, "AuthenticationFailed", ReconnectNeededError),
        (401, "NoAuthenticationInformation", ReconnectNeededError),
        (403, "AuthorizationFailure", MisconfiguredError),
        (403, "AuthorizationPermissionMismatch", MisconfiguredError),
        (403, "", MisconfiguredError),
        (404, "ContainerNotFound", MisconfiguredError),
        (400, "SomethingNew", MisconfiguredError),
        (413, "RequestBodyTooLarge", RejectedError),
        (400, "InvalidResourceName", RejectedError),
    ],
)
def test_refusals(status: int, code: str, expected: type[ArchiverError]) -> None:
    """Each code, or each status without one, has its place in the tree."""
    answer = Answer(status=status, headers={"x-ms-error-code": code} if code else {}, body=b"")
    assert type(error_of(Reply(call="put a blob", status=status, code=code_of(answer)), DIALECT, 0.0)) is expected


def test_a_list_of_blocks() -> None:
    """Only what is not committed counts, and what is no list is an error of ours."""
    committed = b"<CommittedBlocks><Block><Name>b2xk</Name><Size>9</Size></Block></CommittedBlocks>"
    body = b"<BlockList>" + committed + b"<UncommittedBlocks><Block><Name>bmV3</Name><Size>5</Size></Block></UncommittedBlocks></BlockList>"
    assert blocks_of(body) == {"bmV3": 5}
    assert blocks_of(b"<BlockList><UncommittedBlocks /></BlockList>") == {}
    with pytest.raises(IntegrityError):
        blocks_of(body.replace(b">5<", b">x<"))
    assert blocks_of(block_list_xml(["bmV3"])) == {}


@given(body=st.binary(max_size=80))
def test_no_list_breaks_us(body: bytes) -> None:
    """Whatever comes back: blocks, or an error of the tree."""
    with suppress(IntegrityError):
        blocks_of(b"<UncommittedBlocks><Block><Name>" + body + b"</Name><Size>" + body + b"</Size></Block></UncommittedBlocks>")
