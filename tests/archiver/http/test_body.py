"""Bytes on their way."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.http import body as module
from archiver.http.body import Body
from archiver.http.progress import Progress
from genstage.testing import run


class Writer:
    """Takes what a connection would take, each slice in so many seconds."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.taken: list[bytes] = []
        self.transport = None
        self._seconds = seconds

    async def write(self, chunk: bytes | memoryview) -> None:
        """Takes a slice."""
        await asyncio.sleep(self._seconds)
        self.taken.append(bytes(chunk))


@given(sizes=st.lists(st.integers(0, 60), max_size=30))
def test_slices_carry_every_byte_in_order(sizes: list[int]) -> None:
    """Joined and cut, it is the same body, and no slice is larger than it may be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_SLICE_BYTES", 20)
        patch.setattr(module, "_SMALL_BYTES", 10)
        pieces = [bytes([number % 251]) * size for number, size in enumerate(sizes)]
        slices = [bytes(chunk) for chunk in module._slices(pieces)]
        assert b"".join(slices) == b"".join(pieces)
        assert all(0 < len(chunk) <= 20 for chunk in slices)


def test_the_size_is_known_before() -> None:
    """The length stands in the header, so nothing is chunked."""
    body = Body([b"ab", b"", b"cde"])
    assert body.size == 5
    assert body.decode() == "abcde"


def test_whoever_watches_hears_what_was_written() -> None:
    """Each slice is told when the connection has taken it."""

    async def main() -> None:
        body, writer = Body([b"ab", bytes(module._SLICE_BYTES + 1)]), Writer()
        async with Progress() as progress:
            body.progress = progress
            await body.write(writer)  # type: ignore[arg-type]  # only what a body uses of it
            assert progress._written == body.size == sum(map(len, writer.taken))

    run(main)
