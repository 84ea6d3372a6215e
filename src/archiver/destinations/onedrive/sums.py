"""What is computed of an item's bytes, and whether the storage says the same of them."""

from __future__ import annotations

import hashlib

from archiver.destinations.onedrive.quick_xor import QuickXor
from archiver.destinations.onedrive.wire import DriveItem
from archiver.destinations.port import Upload

__all__ = ["Sums", "sums_of"]


class Sums:
    """Of bytes that come in order."""

    def __init__(self) -> None:
        self._quick_xor = QuickXor()
        self._sha256 = hashlib.sha256()
        self._known = ""

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._quick_xor.size

    @property
    def sha256(self) -> str:
        """Hex."""
        return self._known or self._sha256.hexdigest()

    def update(self, data: bytes) -> None:
        """Takes the next bytes."""
        self._quick_xor.update(data)
        self._sha256.update(data)

    def whole(self, data: bytes, sha256: bytes) -> None:
        """Takes bytes that are all there, and were hashed already by whoever fetched them."""
        self._quick_xor.update(data)
        self._known = sha256.hex()

    def agree(self, item: DriveItem) -> bool:
        """Whether the storage has these bytes: the size, and each hash that it tells and is computed here."""
        told = item.hashes
        return item.size == self.size and told.quick_xor in {"", self._quick_xor.digest()} and told.sha256.lower() in {"", self.sha256}


def sums_of(upload: Upload) -> Sums:
    """Of an upload that comes with its bytes; of any other one to begin with."""
    sums = Sums()
    if upload.data is not None:
        sums.whole(upload.data, upload.sha256)
    return sums
