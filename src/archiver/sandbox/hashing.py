"""The two digests of every content: plain SHA-256 for the ledger, Dropbox's ``content_hash`` for its protocol.

``content_hash``: SHA-256 over the concatenated SHA-256 digests of the content's blocks of 4 MiB
(https://www.dropbox.com/developers/reference/content-hash). Up to one block both come out of one pass over the bytes.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

__all__ = ["BLOCK_BYTES", "Content", "ContentHasher", "content_hash", "digest"]

BLOCK_BYTES = 4 * 1024 * 1024


class Content(msgspec.Struct, frozen=True, gc=False):
    """What some bytes are.

    Attributes:
        size: Their number.
        sha256: Lower-case hex.
        content_hash: Dropbox's own hash, lower-case hex.
    """

    size: int
    sha256: str
    content_hash: str


def digest(data: bytes | memoryview) -> Content:
    """Both digests of bytes that are all there."""
    size = len(data)
    if size > BLOCK_BYTES:
        hasher = ContentHasher()
        hasher.update(data)
        return hasher.content()
    whole = sha256(data)
    # No block at all gives the hash of nothing, not the hash of the hash of nothing.
    return Content(size, whole.hexdigest(), sha256(whole.digest()).hexdigest() if size else whole.hexdigest())


def content_hash(data: bytes | memoryview) -> str:
    """Only Dropbox's hash of bytes that are all there."""
    view = memoryview(data)
    if len(view) <= BLOCK_BYTES:
        return digest(view).content_hash
    blocks = (sha256(view[start : start + BLOCK_BYTES]).digest() for start in range(0, len(view), BLOCK_BYTES))
    return sha256(b"".join(blocks)).hexdigest()


class ContentHasher:
    """Both digests of bytes that come in pieces of any size, in order."""

    __slots__ = ("_block", "_blocks", "_in_block", "_whole", "size")

    def __init__(self) -> None:
        self.size = 0
        self._whole = sha256()
        self._blocks: list[bytes] = []
        self._block = sha256()
        self._in_block = 0

    def update(self, data: bytes | memoryview) -> None:
        """Takes the next bytes."""
        self.size += len(data)
        self._whole.update(data)
        view = memoryview(data)
        while view:
            part = view[: BLOCK_BYTES - self._in_block]
            self._block.update(part)
            self._in_block += len(part)
            view = view[len(part) :]
            if self._in_block == BLOCK_BYTES:
                self._blocks.append(self._block.digest())
                self._block = sha256()
                self._in_block = 0

    def content(self) -> Content:
        """Both digests of what was taken so far."""
        blocks = [*self._blocks, self._block.digest()] if self._in_block else self._blocks
        return Content(self.size, self._whole.hexdigest(), sha256(b"".join(blocks)).hexdigest())
