"""Dropbox's hash of a file: the sha256 of the joined sha256 digests of its blocks of 4 MiB; pure.

Source: https://www.dropbox.com/developers/reference/content-hash
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

__all__ = ["BLOCK_BYTES", "ContentHasher", "body_hash", "content_hash"]

BLOCK_BYTES = 4 * 1024 * 1024


class ContentHasher:
    """Takes a file piece by piece, of any sizes."""

    def __init__(self) -> None:
        self._all = hashlib.sha256()
        self._block = hashlib.sha256()
        self._room = BLOCK_BYTES
        self._taken = 0
        self._digests: list[bytes] = []  # 32 bytes for 4 MiB

    def update(self, piece: bytes) -> None:
        """Takes the next piece."""
        self._taken += len(piece)
        if len(piece) < self._room:  # the usual case: many small pieces to a block
            self._block.update(piece)
            self._room -= len(piece)
            return
        view = memoryview(piece)
        while view:
            head = view[: self._room]
            self._block.update(head)
            self._room -= len(head)
            if self._room == 0:
                self._end_block()
            view = view[len(head) :]

    def hexdigest(self) -> str:
        """The hash of what was taken so far."""
        if self._room == BLOCK_BYTES:
            return self._all.hexdigest()
        whole = self._all.copy()
        whole.update(self._block.digest())
        return whole.hexdigest()

    def beginning(self, size: int) -> str:
        """What tells the first ``size`` bytes of those taken from others: of all of them the hash, of fewer that of their whole blocks."""
        return self.hexdigest() if size == self._taken else self.blocks(size)

    def blocks(self, size: int) -> str:
        """The same of the whole blocks among the first ``size`` bytes, however many were taken."""
        return hashlib.sha256(b"".join(self._digests[: size // BLOCK_BYTES])).hexdigest()

    def _end_block(self) -> None:
        self._digests.append(self._block.digest())
        self._all.update(self._digests[-1])
        self._block = hashlib.sha256()
        self._room = BLOCK_BYTES


def content_hash(data: bytes, sha256: bytes) -> str:
    """The hash of a whole file.

    Args:
        data: Its bytes.
        sha256: Their raw digest, which is the digest of the only block of a small file: nothing is hashed twice.
    """
    if 0 < len(data) <= BLOCK_BYTES:
        return hashlib.sha256(sha256).hexdigest()
    hasher = ContentHasher()
    hasher.update(data)
    return hasher.hexdigest()


def body_hash(pieces: Iterable[bytes]) -> str:
    """The hash of a body made of pieces, without joining them."""
    hasher = ContentHasher()
    for piece in pieces:
        hasher.update(piece)
    return hasher.hexdigest()
