"""What the memory destination has stored, and the chunked uploads that were begun."""

from __future__ import annotations

import hashlib
from itertools import count

import msgspec

from archiver.errors import ConflictError

__all__ = ["MemoryStore", "StoredObject"]


class StoredObject(msgspec.Struct, frozen=True, kw_only=True):
    """What the store has at one path; ``data`` is empty if the store keeps no bytes."""

    path: str
    data: bytes
    size: int
    sha256: str
    remote_id: str


class _Partial:
    """A chunked upload that was begun."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.size = 0
        self.hash = hashlib.sha256()


class MemoryStore:
    """What is stored. Give one store to two destinations, one after the other, to see what survives a restart.

    Attributes:
        objects: What is visible, by path.
        keep_bytes: Keep the bytes too; without, only sizes and hashes are kept.
    """

    def __init__(self, *, keep_bytes: bool = True) -> None:
        self.objects: dict[str, StoredObject] = {}
        self.keep_bytes = keep_bytes
        self._partials: dict[str, _Partial] = {}
        self._numbers = count(1)

    def begin(self) -> str:
        """Begins a chunked upload and names it."""
        session_id = f"session-{next(self._numbers)}"
        self._partials[session_id] = _Partial()
        return session_id

    def confirmed(self, session_id: str) -> int | None:
        """How many bytes of a chunked upload are here; None if it is not known (any more)."""
        partial = self._partials.get(session_id)
        return None if partial is None else partial.size

    def append(self, session_id: str, piece: bytes) -> int:
        """Takes the next piece of a chunked upload.

        Returns:
            How many bytes are here now.
        """
        partial = self._partials[session_id]
        partial.hash.update(piece)
        partial.size += len(piece)
        if self.keep_bytes:
            partial.pieces.append(piece)
        return partial.size

    def finish(self, session_id: str) -> tuple[bytes, int, str]:
        """Ends a chunked upload.

        Returns:
            Its bytes (empty if none are kept), their number and their sha256.
        """
        partial = self._partials.pop(session_id)
        return b"".join(partial.pieces), partial.size, partial.hash.hexdigest()

    def put(self, path: str, data: bytes, size: int, sha256: str) -> tuple[StoredObject, bool]:
        """Makes an object visible, unless the same bytes are there already.

        Returns:
            The object, and whether it was there already.

        Raises:
            ConflictError: Other bytes are at the path.
        """
        there = self.objects.get(path)
        if there is not None:
            if there.sha256 == sha256:
                return there, True
            raise ConflictError("other bytes are already at the item's path")
        number = next(self._numbers)
        new = StoredObject(path=path, data=data if self.keep_bytes else b"", size=size, sha256=sha256, remote_id=f"memory-{number}")
        self.objects[path] = new
        return new, False

    def remove(self, path: str, sha256: str) -> bool:
        """Takes an object away; False if other bytes are at the path."""
        there = self.objects.get(path)
        if there is not None and there.sha256 != sha256:
            return False
        self.objects.pop(path, None)
        return True
