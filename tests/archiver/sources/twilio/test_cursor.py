"""The cursor as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.sources.twilio.cursor import State, Stream

MILLIS = st.integers(0, 1 << 45)
STREAMS = st.builds(
    Stream,
    known=MILLIS,
    looked_at=MILLIS,
    passed_at=MILLIS,
    open_at=MILLIS,
    next=st.text(max_size=20),
    unready=MILLIS,
    trouble=st.text(max_size=20),
)


@given(st.dictionaries(st.text(min_size=1, max_size=9), STREAMS, max_size=5))
def test_what_is_written_is_read(streams: dict[str, Stream]) -> None:
    """Every field of every list."""
    assert State.read(State(streams=streams).write()) == State(streams=streams)


@pytest.mark.parametrize("cursor", ["", "7", "{}", '{"version": 2, "streams": {}}', "not json", '{"streams": {"a": "b"}}'])
def test_another_form_begins_anew(cursor: str) -> None:
    """Everything is found again, which harms nobody."""
    assert State.read(cursor) == State()
