"""The cursor as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.sources.ringcentral.cursor import State, Stream

MILLIS = st.integers(0, 1 << 45)
STREAMS = st.builds(
    Stream,
    token=st.text(max_size=20),
    looked_at=MILLIS,
    full_at=MILLIS,
    open_at=MILLIS,
    open_end=MILLIS,
    step=MILLIS,
    slice_end=MILLIS,
    trouble=st.text(max_size=20),
)


@given(STREAMS, st.dictionaries(st.text("0123456789", min_size=1), STREAMS, max_size=5), st.sampled_from(["", "audio/mpeg"]))
def test_what_is_written_is_read(calls: Stream, stores: dict[str, Stream], media_type: str) -> None:
    """Every field of every stream."""
    state = State(calls=calls, stores=stores, media_type=media_type)
    assert State.read(state.write()) == state


@pytest.mark.parametrize("cursor", ["", "no json", "[1,2]", '{"version":99}', '{"calls":"x"}'])
def test_a_cursor_that_is_none_begins_anew(cursor: str) -> None:
    """Finding everything again harms nobody; not finding it would."""
    assert State.read(cursor) == State()


@given(STREAMS)
def test_whole_means_whole(stream: Stream) -> None:
    """Never with an open pass, in trouble, or before the first complete pass."""
    assert stream.whole == (stream.full_at > 0 and stream.open_at == 0 and stream.trouble == "")
