"""One big file: read once, sent in chunks, resumable at each; what is held of it does not depend on its size."""

from __future__ import annotations

import hashlib
from functools import partial

import msgspec

from archiver.destinations.dropbox.api import Api, Request
from archiver.destinations.dropbox.content_hash import ContentHasher, body_hash
from archiver.destinations.dropbox.errors import ClosedError, NotThereError, OffsetError
from archiver.destinations.dropbox.sessions import SESSION_SECONDS
from archiver.destinations.dropbox.wire import StartResult, decode, header_json
from archiver.destinations.port import CallKind, Upload
from archiver.errors import SourceChangedError, TransientError
from archiver.failpoints import failpoint
from archiver.http.body import Body
from archiver.http.window import Window
from archiver.model import Session
from genstage.clock import Clock

__all__ = ["CHUNK_BYTES", "Transfer"]

CHUNK_BYTES = 8 * 1024 * 1024
"""A multiple of 4 MiB, as Dropbox's performance guide asks."""

_START = msgspec.json.Decoder(StartResult)


class Transfer:
    """Moves the bytes of one stream into a closed session.

    Args:
        api: Makes the calls.
        clock: Time.
        upload: The stream, and the session to go on with.

    Attributes:
        session: Where it stands, as Dropbox confirmed it; None if nothing can be continued.
        size: Bytes read.
    """

    def __init__(self, api: Api, clock: Clock, upload: Upload) -> None:
        self._api = api
        self._clock = clock
        self._upload = upload
        session = upload.delivery.session
        young = session is not None and clock.wall() - session.started_at / 1000 < SESSION_SECONDS
        self.session = session if young else None
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._hasher = ContentHasher()

    @property
    def sha256(self) -> str:
        """Of everything that was read, hex."""
        return self._sha256.hexdigest()

    @property
    def content_hash(self) -> str:
        """Of everything that was read."""
        return self._hasher.hexdigest()

    async def run(self) -> None:
        """Sends what Dropbox does not have yet.

        A saved session that Dropbox does not know any more costs a transfer, not the item. One that stands elsewhere than was saved, since
        a process died between a chunk and the saving of its offset, is gone on with where it stands.

        Raises:
            ArchiverError: Of the source, or of a call; `session` tells where to go on.
        """
        if self.session is not None and await self._resume():
            return
        try:
            await self._send()
        except (NotThereError, ClosedError):
            self.session = None
            raise

    async def _resume(self) -> bool:
        """Goes on with a saved session; False if that cannot be, so that another one is needed."""
        for may_stand_elsewhere in (True, False):
            try:
                await self._send()
            except OffsetError:
                if not may_stand_elsewhere:
                    raise
            except (NotThereError, ClosedError):
                break
            else:
                return True
        self.session = None
        return False

    async def _send(self) -> None:
        if self._upload.stream is None:
            raise TransientError("an upload had neither bytes nor a stream")
        self.size, self._sha256, self._hasher = 0, hashlib.sha256(), ContentHasher()
        there = self.session.offset if self.session is not None else 0
        window, beginning = Window(), "" if self.session is None else self.session.beginning
        # What Dropbox has already is read again as well, since the hash is of the whole file.
        async for piece in self._upload.stream(0):
            self._sha256.update(piece)
            self._hasher.update(piece)
            self.size += len(piece)
            if beginning and self.size > there:
                self._compare(beginning, there)
                beginning = ""
            if self.size > there:
                window.add(piece[there - self.size :])
            if window.size > CHUNK_BYTES:  # more than a chunk, so this one is not the last
                await self._append(window.take(CHUNK_BYTES), last=False)
                there = self._confirmed()
        if self.size < there:
            raise SourceChangedError(f"the source gave {self.size} bytes where {there} were sent before")
        if beginning:
            self._compare(beginning, there)
        declared = self._upload.delivery.item.sha256
        if declared is not None and declared != self.sha256:
            raise SourceChangedError("the source gave bytes of another hash than it declared")
        if window.size or self.session is None:
            await self._append(window.take(window.size), last=True)

    def _compare(self, beginning: str, offset: int) -> None:
        """The session has the bytes that the source gave earlier; if it gives others now, it begins anew."""
        if beginning not in {self._hasher.beginning(offset), self._hasher.blocks(offset)}:
            raise NotThereError("the source gives other bytes than those that were sent before")

    def _confirmed(self) -> int:
        return 0 if self.session is None else self.session.offset

    async def _append(self, pieces: list[bytes], *, last: bool) -> None:
        if self.session is None:
            await self._start(pieces if last else [], close=last)
            if last:
                return
        end = self._confirmed() + sum(map(len, pieces))
        try:
            await self._append_at(self._confirmed(), pieces, close=last)
        except OffsetError as error:
            # An earlier append landed although its answer was lost: go on where Dropbox stands, if that is within this chunk.
            missing = end - error.correct_offset
            if not 0 <= missing <= end - self._confirmed():
                self._reached(error.correct_offset, read_to_there=False)
                raise
            await self._append_at(error.correct_offset, [b"".join(pieces)[len(b"".join(pieces)) - missing :]], close=last)
        except ClosedError:
            if not last:
                raise
            # The last append landed although its answer was lost; the commit verifies the bytes.
        self._reached(end)

    async def _start(self, pieces: list[bytes], *, close: bool) -> None:
        """Begins a session; a file of a single chunk is sent with it."""
        request = Request(
            route="files/upload_session/start",
            kind=CallKind.TRANSFER,
            body=partial(Body, pieces),
            arg=header_json({"close": close, "content_hash": body_hash(pieces)}),
        )
        result: StartResult = await self._api.call(request, lambda answer: decode(answer, _START))
        failpoint("session.started")
        self.session = Session(id=result.session_id, offset=0, started_at=int(self._clock.wall() * 1000))
        self._reached(sum(map(len, pieces)))

    async def _append_at(self, offset: int, pieces: list[bytes], *, close: bool) -> None:
        session_id = "" if self.session is None else self.session.id
        arg = header_json({"cursor": {"session_id": session_id, "offset": offset}, "close": close, "content_hash": body_hash(pieces)})
        request = Request(route="files/upload_session/append_v2", kind=CallKind.TRANSFER, body=partial(Body, pieces), arg=arg)
        await self._api.call(request, lambda _: None)
        failpoint("chunk.accepted")

    def _reached(self, offset: int, *, read_to_there: bool = True) -> None:
        """Remembers what Dropbox confirmed, so that a kill costs at most a chunk.

        Args:
            offset: Where it stands.
            read_to_there: It was sent up to here. Otherwise it is chance if no more was read, and the next try, which will have read
                more when it comes here, could not compare the hash of exactly so much.
        """
        if self.session is not None:
            of = self._hasher.beginning if read_to_there else self._hasher.blocks
            beginning = of(offset) if offset <= self.size else ""
            self.session = Session(id=self.session.id, offset=offset, started_at=self.session.started_at, beginning=beginning)
            if offset and self._upload.save_session is not None:
                self._upload.save_session(self.session)
