"""One big file: read once, sent in fragments, resumable at each; what is held of it does not depend on its size.

An upload session wants to know the whole size before its first byte. Where the source does not tell it, the source is read twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import msgspec

from archiver.destinations.onedrive.api import WRITE_COST, Api, Request
from archiver.destinations.onedrive.errors import NotThereError, Reply
from archiver.destinations.onedrive.sums import Sums
from archiver.destinations.onedrive.wire import DriveItem, UploadSession, decode, offset_of
from archiver.destinations.port import CallKind, Upload
from archiver.errors import SourceChangedError, TransientError
from archiver.failpoints import failpoint
from archiver.http.addresses import is_loopback
from archiver.http.window import Window
from archiver.model import Session
from genstage.clock import Clock

__all__ = ["CHUNK_BYTES", "Transfer"]

CHUNK_BYTES = 24 * 320 * 1024
"""7.5 MiB: a multiple of 320 KiB, as the reference asks; larger ones save calls and cost memory."""

_URL_CHARACTERS = 8192
_REPEATS = 4
_ALSO = frozenset({202, 416})


class Transfer:
    """Moves the bytes of one stream into a file.

    Args:
        api: Makes the calls.
        clock: Time.
        upload: The stream, and the session to go on with.
        begin_at: The address at which an upload is begun.

    Attributes:
        session: Where it stands, as the storage confirmed it; None if nothing can be continued.
        sums: Of everything that was read.
    """

    def __init__(self, api: Api, clock: Clock, upload: Upload, begin_at: str) -> None:
        self._api = api
        self._clock = clock
        self._upload = upload
        self._begin_at = begin_at
        session = upload.delivery.session
        self.session = session if session is not None and _is_url(session.id) else None
        self.sums = Sums()

    async def read(self) -> int:
        """Only reads, for the hashes; the size.

        Raises:
            ArchiverError: Of the source.
        """
        self.sums = Sums()
        async for piece in self._pieces():
            self.sums.update(piece)
        return self.sums.size

    async def run(self, total: int) -> DriveItem:
        """Sends what the storage does not have yet.

        A saved session that it does not know any more costs a transfer, not the item; so does one whose source gives other bytes now.

        Args:
            total: The whole size, at least 1.

        Returns:
            The file, as the storage has it.

        Raises:
            ArchiverError: Of the source, or of a call; `session` tells where to go on.
        """
        if self.session is not None:
            try:
                there = await self._there(self.session)
                return await self._send(self.session, there, total)
            except NotThereError:
                self.session = None
        self.session = session = await self._begin()
        try:
            return await self._send(session, 0, total)
        except NotThereError:
            self.session = None
            raise

    async def _begin(self) -> Session:
        said = b'{"item":{"@microsoft.graph.conflictBehavior":"fail"}}'
        request = Request(
            route="upload.begin",
            method="POST",
            path=self._begin_at,
            kind=CallKind.TRANSFER,
            cost=WRITE_COST,
            headers={"Content-Type": "application/json"},
            body=lambda: [said],
        )
        begun: UploadSession = await self._api.ask(request, UploadSession)
        if not _is_url(begun.upload_url):
            raise TransientError("Microsoft Graph began an upload and did not say where it goes")
        failpoint("session.started")
        return Session(id=begun.upload_url, offset=0, started_at=int(self._clock.wall() * 1000))

    async def _there(self, session: Session) -> int:
        """How far it is: a process may have died between a fragment and the saving of its offset."""
        request = Request(route="upload.status", method="GET", url=session.id, kind=CallKind.TRANSFER, cost=0)
        there = offset_of(await self._api.ask(request, UploadSession))
        if there is None:
            raise NotThereError("Microsoft Graph does not say what is missing of an upload")
        return there

    async def _send(self, session: Session, there: int, total: int) -> DriveItem:
        compare_at = session.offset if session.beginning else 0
        if there >= total or compare_at > total:
            raise NotThereError("more of an upload is there than the source has")
        sums = self.sums = Sums()
        window, full_at = Window(), there + CHUNK_BYTES
        # What the storage has already is read again as well, since the hashes are of the whole file.
        async for piece in self._pieces():
            rest = piece
            while rest:
                if sums.size == total:
                    raise SourceChangedError("the source gives more bytes than it declared")
                if sums.size == full_at:  # a whole fragment is held, and more follows: it is not the last
                    await self._append(session, there, window.take(CHUNK_BYTES), total)
                    there, full_at = full_at, full_at + CHUNK_BYTES
                    session = self._reached(session, there)
                stop = min(place for place in (compare_at, there, full_at, total) if place > sums.size) - sums.size
                head, rest = rest[:stop], rest[stop:]
                if sums.size >= there:
                    window.add(head)
                sums.update(head)
                if sums.size == compare_at and sums.sha256 != session.beginning:
                    raise NotThereError("the source gives other bytes than those that were sent before")
        declared = self._upload.delivery.item.sha256
        if sums.size != total or (declared is not None and declared != sums.sha256):
            raise SourceChangedError("the source gave other bytes than it declared")
        failpoint("finish.before")
        reply = await self._append(session, there, window.take(window.size), total)
        failpoint("finish.done")
        if reply is None:
            raise NotThereError("Microsoft Graph has all of an upload, and has not made the file")
        done: DriveItem = decode(reply.body, DriveItem)
        return done

    async def _append(self, session: Session, there: int, pieces: list[bytes], total: int) -> Reply | None:
        """Sends a fragment, again as far as not all of it was kept; the answer that has the file, if it was the last one."""
        end = there + sum(map(len, pieces))
        for _ in range(_REPEATS):
            reply = await self._put(session, there, pieces, total)
            failpoint("chunk.accepted")
            if reply.status in {200, 201}:
                if end < total:
                    raise NotThereError("Microsoft Graph ended an upload before its last fragment")
                return reply
            # A fragment that is there already, or not expected yet: an earlier answer was lost.
            told = offset_of(decode(reply.body, UploadSession)) if reply.status == 202 else await self._there(session)
            if told is None or not there <= told <= end:
                break
            if told == end:
                return None
            pieces = [b"".join(pieces)[told - there :]]
            there = told
        raise NotThereError("Microsoft Graph does not take the next fragment of an upload")

    async def _put(self, session: Session, there: int, pieces: list[bytes], total: int) -> Reply:
        end = there + sum(map(len, pieces))
        request = Request(
            route="upload.fragment",
            method="PUT",
            url=session.id,
            kind=CallKind.TRANSFER,
            items=1,
            cost=0,
            headers={"Content-Range": f"bytes {there}-{end - 1}/{total}"},
            body=lambda: pieces,
            also=_ALSO,
        )
        return await self._api.call(request)

    def _reached(self, session: Session, offset: int) -> Session:
        """Remembers what was confirmed, which is all that was read, so that a kill costs at most a fragment."""
        self.session = msgspec.structs.replace(session, offset=offset, beginning=self.sums.sha256)
        if self._upload.save_session is not None:
            self._upload.save_session(self.session)
        return self.session

    def _pieces(self) -> AsyncIterator[bytes]:
        if self._upload.stream is None:
            raise TransientError("an upload had neither bytes nor a stream")
        return self._upload.stream(0)


def _is_url(text: str) -> bool:
    """Whether bytes may be sent to an address: over TLS, or on this machine."""
    if not text.isascii() or not text.isprintable() or " " in text or len(text) > _URL_CHARACTERS:
        return False
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
