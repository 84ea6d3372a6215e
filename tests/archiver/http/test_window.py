"""A stream cut into chunks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from archiver.http.window import Window


@given(pieces=st.lists(st.binary(max_size=9), max_size=20), chunk=st.integers(1, 12))
def test_chunks_carry_every_byte_in_order(pieces: list[bytes], chunk: int) -> None:
    """Whatever the pieces: chunks of the wanted size, a shorter one at the end, and the same bytes."""
    window, chunks = Window(), []
    for piece in pieces:
        window.add(piece)
        while window.size >= chunk:
            chunks.append(b"".join(window.take(chunk)))
    assert all(len(one) == chunk for one in chunks)
    rest = b"".join(window.take(window.size))
    assert len(rest) < chunk
    assert b"".join(chunks) + rest == b"".join(pieces)
