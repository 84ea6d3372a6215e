"""Microsoft's hash: the vectors of the reference implementation, and the definition itself byte by byte."""

from __future__ import annotations

import base64
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations.onedrive.quick_xor import QuickXor

_SLAB = 64 * 160


def digest_of(*pieces: bytes) -> str:
    """Of pieces in this order."""
    hasher = QuickXor()
    for piece in pieces:
        hasher.update(piece)
    return hasher.digest()


def defined(data: bytes) -> str:
    """The definition, bit by bit: each byte 11 bits behind the last one in a ring of 160, the length into the last 64."""
    ring = [0] * 160
    for number, byte in enumerate(data):
        for bit in range(8):
            ring[(number * 11 + bit) % 160] ^= byte >> bit & 1
    for bit in range(64):
        ring[96 + bit] ^= len(data) >> bit & 1
    packed = sum(bit << place for place, bit in enumerate(ring))
    return base64.b64encode(packed.to_bytes(20, "little")).decode()


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        ("", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("Sg==", "SgAAAAAAAAAAAAAAAQAAAAAAAAA="),
        ("tbQ=", "taAFAAAAAAAAAAAAAgAAAAAAAAA="),
        ("eAV52qE=", "eChAHrQRCgAAAAAABQAAAAAAAAA="),
        ("/aNzzCFPS/A=", "/RjFHJgRgicsAR4ACAAAAAAAAAA="),
        ("T6LYJIfDh81JrAK309H2JMJTXis=", "zBTHrspn3mEcohlJdIUAbjGNaNg="),
        ("DWAAX5/CIfrmErgZa8ot6ZraeSbu", "LR2Z0PjuRYGKQB/mhQAuMrAGZbQ="),
        ("hfS3DZZnhy0hv7nJdXLv/oJOtIgAuP9SInt/v8KeuO4/IvVh4A==", "CV+HQCdd2A/e/vdi12f2UU55GLA="),
        ("4SVmjtXIL8BB8SfkbR5Cpaljm2jpyUfAhIBf65XmKxHlz9dy5XixgiE/q1lv+esZW/E=", "wxZ0rxkMQEnRNAp8ZgEZLT4RdLM="),
    ],
)
def test_known_vectors(data: str, digest: str) -> None:
    """Those that other implementations are held to as well."""
    assert digest_of(base64.b64decode(data)) == digest == defined(base64.b64decode(data))


@given(data=st.binary(max_size=700), cuts=st.lists(st.integers(0, 700), max_size=4))
def test_it_is_what_is_defined_however_it_is_cut(data: bytes, cuts: list[int]) -> None:
    """In pieces of any size, empty ones too."""
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    assert digest_of(*(data[start:end] for start, end in itertools.pairwise(places))) == defined(data)


@pytest.mark.parametrize("size", [_SLAB - 1, _SLAB, _SLAB + 1, 3 * _SLAB + 7])
@pytest.mark.parametrize("step", [1000, _SLAB - 1, _SLAB, 5 * _SLAB])
def test_pieces_that_meet_its_own_bounds(size: int, step: int) -> None:
    """Where what it takes at once begins and ends nothing is lost."""
    data = bytes(number * number % 251 for number in range(size))
    assert digest_of(*(data[start : start + step] for start in range(0, size, step))) == defined(data)
