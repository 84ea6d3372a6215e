"""What an object store must be able to do for `archiver.destinations.objects`, and the values that go to and fro."""

from __future__ import annotations

from typing import Protocol

import msgspec

from archiver.destinations.objects.sums import PartSums, StreamSums, WholeSums
from archiver.model import Millis

__all__ = ["Begun", "ObjectStore", "Part", "Stored", "Target"]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where an item goes, and what is said of it there.

    Attributes:
        key: The object's name, without a slash at the beginning.
        media_type: Such as ``audio/x-wav``.
        occurred_at: When it happened; kept as ``mtime`` in the form that rclone reads.
        size: As the source declared it; None if it could not.
    """

    key: str
    media_type: str
    occurred_at: Millis
    size: int | None


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What a store says of an object.

    Attributes:
        size: None if this answer does not tell.
        hash: The store's own, in a form of `archiver.destinations.objects.sums`; empty if it tells none.
        claimed: The SHA-256, hex, that whoever wrote the object noted beside it; the store does not vouch for it.
        revision: Its version or generation, or empty.
        version: What names exactly this revision where it is removed; empty if the store keeps none.
        remote_id: The store's id of it, or empty.
        locked: Nobody may remove it now.
    """

    size: int | None = None
    hash: str = ""
    claimed: str = ""
    revision: str = ""
    version: str = ""
    remote_id: str = ""
    locked: bool = False


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a big item.

    Attributes:
        number: Counted from 0.
        offset: Where it begins.
        pieces: Its bytes.
        size: How many.
        sums: Their hashes, as far as the store wants them.
    """

    number: int
    offset: int
    pieces: list[bytes]
    size: int
    sums: PartSums


class Begun(msgspec.Struct, kw_only=True):
    """A big item that has been begun.

    Attributes:
        id: The store's name for it; what a later process needs to go on.
        offset: How many bytes the store has, in whole parts if it keeps parts.
        tags: What the store calls each part that it has; empty if it has no such names.
    """

    id: str
    offset: int = 0
    tags: list[str] = []


class ObjectStore(Protocol):
    """One bucket or container. Every method raises only errors of ``archiver.errors``, and makes its calls by the lane's pace.

    Attributes:
        wanted: Which hashes of a stream it needs; see `StreamSums`.
        session_seconds: For so long it keeps what was begun.
        most_parts: In one object.
        key_bytes: The longest key it takes.
    """

    wanted: frozenset[str]
    session_seconds: float
    most_parts: int
    key_bytes: int

    async def create(self, target: Target, data: bytes, sums: WholeSums) -> Stored:
        """Writes a new object in one call.

        Raises:
            InTheWayError: Something has the key already; nothing was written.
        """
        ...

    async def look(self, key: str) -> Stored | None:
        """What has the key; None if nothing has."""
        ...

    async def begin(self, target: Target) -> Begun:
        """Begins a big object; nothing is visible of it."""
        ...

    async def reached(self, key: str, session_id: str, offset: int, part_bytes: int) -> Begun:
        """What the store has of something begun earlier.

        Args:
            key: Of the object.
            session_id: Which one.
            offset: What was confirmed when it was saved.
            part_bytes: The size of every part but the last.

        Raises:
            NotThereError: It does not know it any more, or has less than was confirmed.
        """
        ...

    async def send(self, key: str, begun: Begun, part: Part) -> None:
        """Sends a part that is not the last one, and notes in ``begun`` that the store has it."""
        ...

    async def finish(self, target: Target, begun: Begun, last: Part, sums: StreamSums) -> Stored:
        """Sends the last part, unless it is empty, and makes the object visible.

        Raises:
            InTheWayError: Something has the key already; nothing was written over.
            IntegrityError: The store has other bytes than were read; nothing became visible.
            NotThereError: What was begun is not known any more; the object may be visible already.
        """
        ...

    async def abandon(self, key: str, session_id: str) -> None:
        """Lets the store forget what was begun, if it will; never raises."""
        ...

    async def remove(self, key: str, stored: Stored) -> None:
        """Removes what `look` found, and nothing that came in its place since, as far as the store can tell the two apart."""
        ...

    async def ping(self) -> str:
        """Proves that the bucket can be reached, and names it for a person. Writes nothing."""
        ...
