"""Arguments and answers."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations.dropbox.wire import (
    Commit,
    Cursor,
    FinishArg,
    FinishBatchArg,
    FinishBatchResult,
    Success,
    decode,
    header_json,
    timestamp,
)
from archiver.errors import TransientError


@given(st.text())
def test_headers_are_ascii(text: str) -> None:
    """Any text becomes a header that HTTP takes and that reads back as it was."""
    header = header_json({"path": text})
    assert header.isascii()
    assert "\x7f" not in header
    assert not any(ord(sign) < 32 for sign in header)
    assert json.loads(header) == {"path": text}


def test_a_commit_on_the_wire() -> None:
    """Never over another file, never under another name, never to be called a conflict with itself; no toast for the user."""
    argument = FinishBatchArg([FinishArg(Cursor("s", 5), Commit(path="/ä", client_modified=timestamp(1_700_000_000_999)))])
    assert json.loads(msgspec.json.encode(argument)) == {
        "entries": [
            {
                "cursor": {"session_id": "s", "offset": 5},
                "commit": {
                    "path": "/ä",
                    "mode": "add",
                    "autorename": False,
                    "client_modified": "2023-11-14T22:13:20Z",
                    "mute": True,
                    "strict_conflict": False,
                },
            }
        ]
    }


def test_fields_that_we_do_not_know_are_left_alone() -> None:
    """Dropbox adds fields and members; that breaks nothing."""
    answer = (
        b'{"entries":[{".tag":"success","id":"i","rev":"r","size":1,"content_hash":"h","new":{"x":1}},{".tag":"failure","failure":"odd"}]}'
    )
    result = decode(answer, msgspec.json.Decoder(FinishBatchResult))
    assert result.entries[0] == Success(id="i", rev="r", size=1, content_hash="h")


def test_another_shape_is_another_try() -> None:
    """An answer that is not in the description is not believed."""
    with pytest.raises(TransientError):
        decode(b'{"entries":[{".tag":"new_member"}]}', msgspec.json.Decoder(FinishBatchResult))


@given(st.integers())
def test_any_time_is_a_date_or_none(milliseconds: int) -> None:
    """A date of the calendar, or unset."""
    moment = timestamp(milliseconds)
    assert moment is msgspec.UNSET or msgspec.json.encode(moment).endswith(b'Z"')
