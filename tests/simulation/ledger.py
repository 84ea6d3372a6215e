"""What an account has: the objects that are visible in it, and the uploads that were begun. It outlives every process."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["Entry", "Ledger", "Object"]


class Object(msgspec.Struct, frozen=True):
    """A visible object."""

    path: str
    size: int
    sha256: str
    remote_id: str


class Entry(msgspec.Struct, frozen=True):
    """What a commit would make visible, if its bytes are what it says.

    Attributes:
        path: Where.
        token: Of the bytes, as `Ledger.hold` or `Ledger.begin` gave it.
        sha256: What the client says that they are; empty if it does not say.
    """

    path: str
    token: str
    sha256: str


class Ledger:
    """The objects of one account by path, and bytes that are not visible yet by token."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self._held: dict[str, tuple[int, Any]] = {}  # size, hash
        self._count = 0

    def _token(self) -> str:
        self._count += 1
        return f"t{self._count}"

    def hold(self, data: bytes) -> str:
        """Takes bytes that a commit will name."""
        token = self._token()
        self._held[token] = (len(data), hashlib.sha256(data))
        return token

    def begin(self) -> str:
        """Begins an upload in pieces."""
        return self.hold(b"")

    def offset(self, token: str) -> int | None:
        """How much of an upload in pieces is there; None if it is not known (any more)."""
        held = self._held.get(token)
        return None if held is None else held[0]

    def append(self, token: str, offset: int, piece: bytes) -> int:
        """Appends a piece, if it fits where the upload stands; how much is there afterwards in any case, -1 if it is not known."""
        if token not in self._held:
            return -1
        size, digest = self._held[token]
        if offset == size:
            digest.update(piece)
            size += len(piece)
            self._held[token] = (size, digest)
        return size

    def forget(self) -> None:
        """Uploads in pieces are not kept for ever."""
        self._held.clear()

    def commit(self, entry: Entry) -> tuple[Object, bool] | str:
        """Makes bytes visible.

        Returns:
            The object, and whether the same was there before; or why it cannot be.
        """
        held = self._held.get(entry.token)
        if held is None:
            return "unknown"
        size, digest = held
        sha256 = digest.hexdigest()
        if entry.sha256 and entry.sha256 != sha256:
            return "hash"
        there = self.objects.get(entry.path)
        if there is not None:
            if there.sha256 != sha256:
                return "conflict"
            del self._held[entry.token]
            return there, True
        del self._held[entry.token]
        made = Object(entry.path, size, sha256, self._token())
        self.objects[entry.path] = made
        return made, False

    def visible(self) -> Mapping[str, Object]:
        """Everything that anybody can see."""
        return self.objects
