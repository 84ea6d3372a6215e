"""Dropbox's hash of a file."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations.dropbox import content_hash as module
from archiver.destinations.dropbox.content_hash import BLOCK_BYTES, ContentHasher, content_hash


def naive(data: bytes, block: int) -> str:
    """The definition, word by word."""
    digests = [hashlib.sha256(data[start : start + block]).digest() for start in range(0, len(data), block)]
    return hashlib.sha256(b"".join(digests)).hexdigest()


@pytest.mark.parametrize("size", [0, 1, 1000, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES])
def test_a_whole_file(size: int) -> None:
    """Around the size of a block, and for an empty file, it is as defined."""
    data = b"x" * size
    assert content_hash(data, hashlib.sha256(data).digest()) == naive(data, BLOCK_BYTES)


def test_the_empty_file_of_the_specification() -> None:
    """An empty file has no block."""
    assert content_hash(b"", hashlib.sha256(b"").digest()) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@given(pieces=st.lists(st.binary(max_size=40), max_size=20))
def test_pieces_of_any_size(pieces: list[bytes]) -> None:
    """How a file is cut into pieces makes no difference; asking in between neither."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_BYTES", 16)
        hasher = ContentHasher()
        for piece in pieces:
            hasher.update(piece)
            hasher.hexdigest()
        assert hasher.hexdigest() == naive(b"".join(pieces), 16)
