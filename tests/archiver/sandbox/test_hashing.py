"""The two digests."""

from __future__ import annotations

from hashlib import sha256

import pytest
from dropbox.content_hash import content_hash as official_hash
from hypothesis import given
from hypothesis import strategies as st

from archiver.sandbox.hashing import BLOCK_BYTES, ContentHasher, content_hash, digest

SIZES = [0, 1, 1000, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES, 2 * BLOCK_BYTES + 17]


@pytest.mark.parametrize("size", SIZES)
def test_digests_are_those_of_the_official_sdk(size: int) -> None:
    """At every border of a block, `content_hash` is what Dropbox's own package computes."""
    data = bytes(index % 251 for index in range(1000)) * (size // 1000 + 1)
    data = data[:size]
    content = digest(data)
    assert content.content_hash == content_hash(data) == official_hash(data)
    assert content.sha256 == sha256(data).hexdigest()
    assert content.size == size


@given(st.lists(st.integers(0, 3 * BLOCK_BYTES // 2), max_size=4))
def test_pieces_give_what_the_whole_gives(sizes: list[int]) -> None:
    """However the bytes are cut, the digests are the same."""
    data = bytes(range(256)) * (sum(sizes) // 256 + 1)
    hasher, at = ContentHasher(), 0
    for size in sizes:
        hasher.update(data[at : at + size])
        at += size
    assert hasher.content() == digest(data[:at])
