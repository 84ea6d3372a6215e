"""One big item: read once, sent in parts, resumable at each; what is held of it does not depend on its size."""

from __future__ import annotations

from collections.abc import AsyncIterator

from archiver.destinations.objects.errors import NotThereError
from archiver.destinations.objects.store import Begun, ObjectStore, Part, Stored, Target
from archiver.destinations.objects.sums import PartSums, StreamSums, WholeSums
from archiver.destinations.port import Upload
from archiver.errors import RejectedError, SourceChangedError, TransientError
from archiver.failpoints import failpoint
from archiver.http.window import Window
from archiver.model import Session
from genstage.clock import Clock

__all__ = ["PART_BYTES", "PartsTransfer", "part_bytes_of"]

PART_BYTES = 8 * 1024 * 1024
"""Of every part but the last. S3 asks for 5 MiB at least, Google for a multiple of 256 KiB."""


def part_bytes_of(size: int | None, most_parts: int) -> int:
    """The size of every part but the last: always the same for the same item, so that a later process cuts it alike.

    Raises:
        RejectedError: It would have to be held in memory in parts that are too large.
    """
    part_bytes = PART_BYTES
    while size is not None and size > part_bytes * most_parts:
        part_bytes *= 2
    if part_bytes > 8 * PART_BYTES:
        raise RejectedError("the item is larger than the store takes in parts of 64 MiB")
    return part_bytes


class PartsTransfer:
    """Moves one stream into an object.

    Args:
        store: Where to.
        clock: Time.
        upload: The stream, and the session to go on with.
        target: The object.

    Attributes:
        session: Where it stands, as the store confirmed it; None if nothing can be continued.
        sums: Of everything that was read.
    """

    def __init__(self, store: ObjectStore, clock: Clock, upload: Upload, target: Target) -> None:
        self._store = store
        self._clock = clock
        self._upload = upload
        self._target = target
        self._part_bytes = part_bytes_of(target.size, store.most_parts)
        session = upload.delivery.session
        young = session is not None and clock.wall() - session.started_at / 1000 < store.session_seconds
        self.session = session if young else None
        self.sums: StreamSums | WholeSums = self._new_sums()

    async def run(self) -> Stored | None:
        """Sends what the store does not have yet, and makes the object visible.

        Returns:
            What the store says of it; None if something has the key already and nothing was sent: `sums` tells whether it is the same.

        Raises:
            InTheWayError: Something got the key meanwhile.
            ArchiverError: Of the source, or of a call; `session` tells where to go on.
        """
        begun = await self._resumed()
        if begun is None and await self._store.look(self._target.key) is not None:
            await self._read()
            return None
        try:
            return await self._send(begun)
        except NotThereError:
            await self._forget()
            raise

    # -- the way --------------------------------------------------------------------------------------------------------------------

    async def _resumed(self) -> Begun | None:
        """What the store has of the saved session; None if there is nothing to go on with."""
        session = self.session
        if session is None:
            return None
        try:
            return await self._store.reached(self._target.key, session.id, session.offset, self._part_bytes)
        except NotThereError:
            self.session = None
            return None

    async def _read(self) -> None:
        """Only reads, to know the hash."""
        sums = self._new_sums()
        async for piece in self._stream():
            sums.update(piece)
        self.sums = sums
        self._check_declared(sums)

    async def _send(self, begun: Begun | None) -> Stored:
        sums = self.sums = self._new_sums()
        there, window = 0 if begun is None else begun.offset, Window()
        saved = self.session
        # What the store has already is read again as well, since the hash is of the whole.
        async for piece in self._stream():
            sums.update(piece)
            if saved is not None and sums.size >= saved.offset:
                _compare(saved, sums)
                saved = None
            if sums.size > there:
                window.add(piece[max(there - sums.size, -len(piece)) :])
            while window.size > (size := self._part_bytes - there % self._part_bytes):  # there is more, so this part is not the last
                begun = await self._begun(begun)
                await self._send_part(begun, window, size, sums)
                there = begun.offset
        if sums.size < there or saved is not None:
            raise SourceChangedError(f"the source gave {sums.size} bytes where more were sent before")
        self._check_declared(sums)
        if begun is None:
            data = b"".join(window.take(window.size))
            self.sums = WholeSums(data, bytes.fromhex(sums.sha256))
            return await self._store.create(self._target, data, self.sums)
        stored = await self._store.finish(self._target, begun, self._part(begun, window, window.size, sums), sums)
        failpoint("finish.done")
        return stored

    async def _begun(self, begun: Begun | None) -> Begun:
        if begun is None:
            begun = await self._store.begin(self._target)
            failpoint("session.started")
            self.session = Session(id=begun.id, offset=0, started_at=int(self._clock.wall() * 1000))
        return begun

    async def _send_part(self, begun: Begun, window: Window, size: int, sums: StreamSums) -> None:
        if begun.offset // self._part_bytes >= self._store.most_parts - 1:
            await self._forget()
            raise RejectedError("the item has more bytes than the store takes in one object")
        await self._store.send(self._target.key, begun, self._part(begun, window, size, sums))
        failpoint("chunk.accepted")
        if self.session is not None:
            started_at, beginning = self.session.started_at, sums.beginning(begun.offset)
            self.session = Session(id=begun.id, offset=begun.offset, started_at=started_at, beginning=beginning)
            if self._upload.save_session is not None:
                self._upload.save_session(self.session)

    def _part(self, begun: Begun, window: Window, size: int, sums: StreamSums) -> Part:
        number = begun.offset // self._part_bytes
        of_part = sums.parts[number] if size else PartSums()
        return Part(number=number, offset=begun.offset, pieces=window.take(size), size=size, sums=of_part)

    async def _forget(self) -> None:
        if self.session is not None:
            session, self.session = self.session, None
            await self._store.abandon(self._target.key, session.id)

    def _check_declared(self, sums: StreamSums) -> None:
        declared = self._upload.delivery.item.sha256
        if declared is not None and declared != sums.sha256:
            raise SourceChangedError("the source gave bytes of another hash than it declared")

    def _new_sums(self) -> StreamSums:
        return StreamSums(self._part_bytes, self._store.wanted)

    def _stream(self) -> AsyncIterator[bytes]:
        if self._upload.stream is None:
            raise TransientError("an upload had neither bytes nor a stream")
        return self._upload.stream(0)


def _compare(saved: Session, sums: StreamSums) -> None:
    """The store has the bytes that the source gave earlier; if it gives others now, it begins anew."""
    if saved.offset and saved.beginning != sums.beginning(saved.offset):
        raise NotThereError("the source gives other bytes than those that were sent before")
