"""Hashes in the forms in which stores tell theirs."""

from __future__ import annotations

import hashlib
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations.objects.sums import StreamSums, WholeSums, new_md5

EVERYTHING = ("md5", "part-md5", "part-sha256")


def in_pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """The bytes, cut anywhere."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


@given(data=st.binary(max_size=60), cuts=st.lists(st.integers(0, 100), max_size=6), part_bytes=st.integers(1, 20))
def test_however_a_stream_is_cut(data: bytes, cuts: list[int], part_bytes: int) -> None:
    """The hashes are those of the whole and of its parts, whatever the pieces in which it came."""
    sums = StreamSums(part_bytes, EVERYTHING)
    for piece in in_pieces(data, cuts):
        sums.update(piece)
    parts = [data[start : start + part_bytes] for start in range(0, len(data), part_bytes)]
    of_sha256 = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
    of_md5 = new_md5(b"".join(new_md5(part).digest() for part in parts)).hexdigest()
    assert (sums.size, sums.sha256, sums.md5) == (len(data), hashlib.sha256(data).hexdigest(), new_md5(data).digest())
    for told in (
        f"sha256:{sums.sha256}",
        f"md5:{sums.md5.hex()}",
        f"sha256-parts:{of_sha256}-{len(parts)}",
        f"md5-parts:{of_md5}-{len(parts)}",
    ):
        assert sums.agrees(told) is True
        assert sums.agrees(told[:-1] + ("0" if told[-1] != "0" else "1")) is False
    for number in range(1, len(data) // part_bytes + 1):
        assert sums.beginning(number * part_bytes) == hashlib.sha256(data[: number * part_bytes]).hexdigest()
    assert sums.beginning(0) == ""


def test_what_was_not_kept_cannot_be_compared() -> None:
    """A hash of another kind, or none, says nothing either way."""
    sums = StreamSums(4, ())
    sums.update(b"hello")
    whole = WholeSums(b"hello", hashlib.sha256(b"hello").digest())
    for told in ("", "md5-parts:x-1", "sha256-parts:x-1", "crc32c:x"):
        assert sums.agrees(told) is None
        assert whole.agrees(told) is None
    assert sums.agrees("md5:5d41402abc4b2a76b9719d911017c592") is None
    assert whole.agrees("md5:5d41402abc4b2a76b9719d911017c592") is True
    assert sums.beginning(5) == ""
