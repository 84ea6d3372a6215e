"""The hashes that OneDrive tells: QuickXorHash everywhere, SHA-1 and SHA-256 besides in personal drives.

QuickXorHash (https://learn.microsoft.com/onedrive/developer/code-snippets/quickxorhash): a ring of 160 bits, into which each byte is
XORed 11 bits behind the one before; at last the length is XORed into the last 64 bits. After 160 bytes the ring is where it was, so
blocks of that size are XORed first, as they come.
"""

from __future__ import annotations

import base64
import hashlib

import msgspec

__all__ = ["Hasher", "Hashes", "hashes_of"]

_BLOCK = 160
_BITS = 160
_SHIFT = 11


class Hashes(msgspec.Struct, frozen=True):
    """What is told of a content.

    Attributes:
        size: In bytes.
        quick_xor: Base64.
        sha1: Upper-case hex.
        sha256: Lower-case hex; it is told in upper case.
    """

    size: int
    quick_xor: str
    sha1: str
    sha256: str


class Hasher:
    """Of bytes that come in order, in pieces of any size."""

    def __init__(self) -> None:
        self.size = 0
        self._rest = b""
        self._block = 0
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self._sha256 = hashlib.sha256()

    def update(self, data: bytes) -> None:
        """Takes the next bytes."""
        self.size += len(data)
        self._sha1.update(data)
        self._sha256.update(data)
        data = self._rest + data
        whole = len(data) - len(data) % _BLOCK
        for start in range(0, whole, _BLOCK):
            self._block ^= int.from_bytes(data[start : start + _BLOCK], "little")
        self._rest = data[whole:]

    def hashes(self) -> Hashes:
        """Of everything so far."""
        ring = 0
        block = (self._block ^ int.from_bytes(self._rest, "little")).to_bytes(_BLOCK, "little")
        for number, byte in enumerate(block):
            place = number * _SHIFT % _BITS
            ring ^= byte << place
        ring = (ring & ((1 << _BITS) - 1)) ^ (ring >> _BITS)
        ring ^= self.size << (_BITS - 64)
        quick_xor = base64.b64encode(ring.to_bytes(_BITS // 8, "little")).decode()
        return Hashes(self.size, quick_xor, self._sha1.hexdigest().upper(), self._sha256.hexdigest())


def hashes_of(data: bytes) -> Hashes:
    """Of bytes that are all there."""
    hasher = Hasher()
    hasher.update(data)
    return hasher.hashes()
