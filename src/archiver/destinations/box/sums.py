"""What is computed of an item's bytes, and whether the storage says the same of them."""

from __future__ import annotations

import hashlib
import re

from archiver.destinations.box.wire import BoxFile
from archiver.destinations.port import Upload

__all__ = ["Sums", "sums_of"]

_ENDED = re.compile(r"[0-9a-f]{64}:[0-9a-f]{40}")


class Sums:
    """Of bytes that come in order.

    Attributes:
        size: Bytes so far.
    """

    def __init__(self) -> None:
        self.size = 0
        self._sha1 = hashlib.sha1(usedforsecurity=False)  # Box tells this one
        self._sha256 = hashlib.sha256()
        self._known_sha1 = b""
        self._known_sha256 = ""

    @property
    def sha1(self) -> bytes:
        """Raw."""
        return self._known_sha1 or self._sha1.digest()

    @property
    def sha256(self) -> str:
        """Hex."""
        return self._known_sha256 or self._sha256.hexdigest()

    @property
    def ended(self) -> str:
        """Both, so that a later try need not read again what was sent whole."""
        return f"{self.sha256}:{self.sha1.hex()}"

    def update(self, data: bytes) -> None:
        """Takes the next bytes."""
        self.size += len(data)
        self._sha1.update(data)
        self._sha256.update(data)

    def whole(self, data: bytes, sha256: bytes) -> None:
        """Takes bytes that are all there, and were hashed already by whoever fetched them."""
        self.size = len(data)
        self._sha1.update(data)
        self._known_sha256 = sha256.hex()

    def recall(self, size: int, ended: str) -> bool:
        """Takes what `ended` said in an earlier try; False if it says nothing."""
        if not _ENDED.fullmatch(ended):
            return False
        self.size, (self._known_sha256, sha1) = size, ended.split(":")
        self._known_sha1 = bytes.fromhex(sha1)
        return True

    def agree(self, file: BoxFile) -> bool:
        """Whether the storage has these bytes."""
        return file.size == self.size and file.sha1.lower() == self.sha1.hex()


def sums_of(upload: Upload) -> Sums:
    """Of an upload that comes with its bytes; of any other one to begin with."""
    sums = Sums()
    if upload.data is not None:
        sums.whole(upload.data, upload.sha256)
    return sums
