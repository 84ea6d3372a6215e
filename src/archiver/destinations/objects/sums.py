"""The hashes of what is sent, in the forms in which stores tell theirs; pure.

A store tells ``sha256:…``, ``sha1:…`` or ``md5:…`` of the whole, or ``sha256-parts:…-3``: the hash of the hashes of three parts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

__all__ = ["PartSums", "StreamSums", "Sums", "WholeSums", "new_md5"]


class PartSums(msgspec.Struct, frozen=True, gc=False):
    """The hashes of one part, as digests; empty where nobody asked for them."""

    sha256: bytes = b""
    md5: bytes = b""


class Sums(Protocol):
    """What is known of the bytes that were sent."""

    size: int

    @property
    def sha256(self) -> str:
        """Of everything, hex."""
        ...

    def agrees(self, told: str) -> bool | None:
        """Whether a hash that a store told is the hash of these bytes; None if that cannot be said."""
        ...


def new_md5(data: bytes = b"") -> hashlib._Hash:
    """An MD5, which protects against accidents only; it is what stores tell. SHA-256 of everything is in the receipt."""
    return hashlib.md5(data, usedforsecurity=False)


def _new_sha1(data: bytes = b"") -> hashlib._Hash:
    """As `new_md5`."""
    return hashlib.sha1(data, usedforsecurity=False)


class WholeSums:
    """Of bytes that are held.

    Args:
        data: The bytes.
        digest: Their SHA-256.
    """

    def __init__(self, data: bytes, digest: bytes) -> None:
        self.size = len(data)
        self.digest = digest
        self._data = data
        self._md5 = b""

    @property
    def sha256(self) -> str:
        """Of everything, hex."""
        return self.digest.hex()

    @property
    def md5(self) -> bytes:
        """Of everything; made when it is first asked for, since not every store needs it."""
        if not self._md5:
            self._md5 = new_md5(self._data).digest()
        return self._md5

    def agrees(self, told: str) -> bool | None:
        """See `Sums`."""
        kind, _, value = told.partition(":")
        if kind == "sha256":
            return value == self.sha256
        if kind == "md5":
            return value == self.md5.hex()
        if kind == "sha1":
            return value == _new_sha1(self._data).hexdigest()
        return None


class StreamSums:
    """Of bytes that pass.

    Args:
        part_bytes: The size of every part but the last.
        wanted: What else than the SHA-256 of everything is kept: ``md5``, ``sha1``, ``part-md5``, ``part-sha256``.
    """

    def __init__(self, part_bytes: int, wanted: Collection[str]) -> None:
        self.size = 0
        self._part_bytes = part_bytes
        self._sha256 = hashlib.sha256()
        self._md5 = new_md5() if "md5" in wanted else None
        self._sha1 = _new_sha1() if "sha1" in wanted else None
        self._part_sha256 = hashlib.sha256() if "part-sha256" in wanted else None
        self._part_md5 = new_md5() if "part-md5" in wanted else None
        self._in_part = 0
        self._parts: list[PartSums] = []
        self._beginnings: list[str] = []

    @property
    def sha256(self) -> str:
        """Of everything so far, hex."""
        return self._sha256.hexdigest()

    @property
    def md5(self) -> bytes:
        """Of everything so far; empty if it is not kept."""
        return b"" if self._md5 is None else self._md5.digest()

    @property
    def parts(self) -> Sequence[PartSums]:
        """Of each part that has passed, and of what has come of the next one."""
        return [*self._parts, self._ended()] if self._in_part else self._parts

    def update(self, piece: bytes) -> None:
        """The next bytes."""
        self.size += len(piece)
        view = memoryview(piece)
        while view:
            taken = view[: self._part_bytes - self._in_part]
            view = view[len(taken) :]
            for one in (self._sha256, self._md5, self._sha1, self._part_sha256, self._part_md5):
                if one is not None:
                    one.update(taken)
            self._in_part += len(taken)
            if self._in_part == self._part_bytes:
                self._next_part()

    def beginning(self, offset: int) -> str:
        """The SHA-256 of everything before an offset, hex; empty if no part ended there."""
        number, rest = divmod(offset, self._part_bytes)
        return self._beginnings[number - 1] if not rest and 0 < number <= len(self._beginnings) else ""

    def agrees(self, told: str) -> bool | None:
        """See `Sums`."""
        kind, _, value = told.partition(":")
        match kind:
            case "sha256":
                return value == self.sha256
            case "md5" if self._md5 is not None:
                return value == self._md5.hexdigest()
            case "sha1" if self._sha1 is not None:
                return value == self._sha1.hexdigest()
            case "sha256-parts" if self._part_sha256 is not None:
                return value == self._of_parts(hashlib.sha256(), [part.sha256 for part in self.parts])
            case "md5-parts" if self._part_md5 is not None:
                return value == self._of_parts(new_md5(), [part.md5 for part in self.parts])
            case _:
                return None

    def _ended(self) -> PartSums:
        return PartSums(
            b"" if self._part_sha256 is None else self._part_sha256.digest(), b"" if self._part_md5 is None else self._part_md5.digest()
        )

    def _next_part(self) -> None:
        self._parts.append(self._ended())
        self._beginnings.append(self.sha256)
        self._in_part = 0
        if self._part_sha256 is not None:
            self._part_sha256 = hashlib.sha256()
        if self._part_md5 is not None:
            self._part_md5 = new_md5()

    def _of_parts(self, of: hashlib._Hash, digests: list[bytes]) -> str:
        of.update(b"".join(digests))
        return f"{of.hexdigest()}-{len(digests)}"
