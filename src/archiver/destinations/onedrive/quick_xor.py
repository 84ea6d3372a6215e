"""QuickXorHash, the hash that OneDrive and SharePoint tell of every file, without a loop over the bytes.

Defined at https://learn.microsoft.com/onedrive/developer/code-snippets/quickxorhash: a ring of 160 bits into which byte ``i`` is XORed
from bit ``11 · i`` on, and the length is XORed into the last 64 bits. Since 11 · 160 is a multiple of 160, bytes that are 160 apart meet at
the same place: they are XORed first, thousands at a time as one large integer, and the ring is walked round only once at the end.
"""

from __future__ import annotations

import base64
from typing import Final

__all__ = ["QuickXor"]

_PERIOD: Final = 160  # bytes after which the ring is where it was; it has as many bits
_SHIFT: Final = 11
_SLAB: Final = 64 * _PERIOD  # XORed as one integer; 64 is a power of two, so that it can be folded by halves
_LENGTH_AT: Final = 96
"""The first of the 64 bits that the length goes into."""


class QuickXor:
    """Of bytes that come in order, in pieces of any size.

    Attributes:
        size: Bytes so far.
    """

    def __init__(self) -> None:
        self.size = 0
        self._slab = 0

    def update(self, data: bytes) -> None:
        """Takes the next bytes."""
        at = self.size % _SLAB
        self.size += len(data)
        head = _SLAB - at if at else 0
        slab = self._slab ^ (int.from_bytes(data[:head], "little") << 8 * at)
        view = memoryview(data)
        for start in range(head, len(data), _SLAB):
            slab ^= int.from_bytes(view[start : start + _SLAB], "little")
        self._slab = slab

    def digest(self) -> str:
        """The hash of everything so far, as Microsoft writes it: base64."""
        slab, bits = self._slab, 8 * _SLAB
        while bits > 8 * _PERIOD:  # one half onto the other, until one period is left
            bits //= 2
            slab = slab >> bits ^ slab & (1 << bits) - 1
        ring = 0
        for number, byte in enumerate(slab.to_bytes(_PERIOD, "little")):
            ring ^= byte << number * _SHIFT % _PERIOD
        ring ^= ring >> _PERIOD  # what went beyond the end comes round
        ring = ring & (1 << _PERIOD) - 1 ^ self.size << _LENGTH_AT
        return base64.b64encode(ring.to_bytes(_PERIOD // 8, "little")).decode()
