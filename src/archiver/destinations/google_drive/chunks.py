"""One big file: read once, sent in chunks, resumable at each; what is held of it does not depend on its size."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import msgspec

from archiver.destinations.google_drive.api import Api, Request
from archiver.destinations.google_drive.errors import NotThereError, Reply
from archiver.destinations.google_drive.ids import is_id
from archiver.destinations.google_drive.wire import FILE_FIELDS, DriveFile, decode
from archiver.destinations.port import CallKind, Upload
from archiver.errors import SourceChangedError, TransientError
from archiver.failpoints import failpoint
from archiver.http.window import Window
from archiver.model import Session
from genstage.clock import Clock

__all__ = ["CHUNK_BYTES", "SESSION_SECONDS", "Transfer", "kept_id"]

CHUNK_BYTES = 8 * 1024 * 1024
"""A multiple of 256 KiB, as the guide on uploads asks; larger ones save calls and cost memory."""
SESSION_SECONDS = 6.5 * 86_400
"""Google keeps an upload that was begun for a week."""

_PATH = "/upload/drive/v3/files"
_RANGE = re.compile(r"bytes=0-(\d{1,19})")
_UPLOAD_ID = re.compile(r"[A-Za-z0-9_.~+/=-]{1,1024}")
_GOES_ON = frozenset({308})


class Transfer:
    """Moves the bytes of one stream into a file.

    Args:
        api: Makes the calls.
        clock: Time.
        upload: The stream, and the session to go on with.
        query: What every call says besides.

    Attributes:
        session: Where it stands, as Google confirmed it; None if nothing can be continued.
        size: Bytes read.
    """

    def __init__(self, api: Api, clock: Clock, upload: Upload, query: dict[str, str]) -> None:
        self._api = api
        self._clock = clock
        self._upload = upload
        self._query = {"uploadType": "resumable", "fields": FILE_FIELDS, **query}
        session = upload.delivery.session
        young = session is not None and clock.wall() - session.started_at / 1000 < SESSION_SECONDS
        self.session = session if young and session is not None and _upload_id(session) else None
        self.size = 0
        self._start_again()

    @property
    def sha256(self) -> str:
        """Of everything that was read, hex."""
        return self._sha256.hexdigest()

    @property
    def md5(self) -> str:
        """Of everything that was read, hex."""
        return self._md5.hexdigest()

    async def read(self) -> None:
        """Only reads, for the hashes.

        Raises:
            ArchiverError: Of the source.
        """
        self._start_again()
        async for piece in self._pieces():
            self._take(piece)

    async def run(self, file_id: str, said: bytes) -> DriveFile:
        """Sends what Google does not have yet.

        A saved session that Google does not know any more costs a transfer, not the item; so does one whose source gives other bytes now.

        Args:
            file_id: What the file is made under.
            said: Its metadata.

        Returns:
            The file, as Google has it.

        Raises:
            ArchiverError: Of the source, or of a call; `session` tells where to go on.
        """
        if self.session is not None:
            try:
                return await self._resume(self.session)
            except NotThereError:
                self.session = None
        self.session = await self._begin(file_id, said)
        return await self._send(self.session, there=0, beginning="")

    async def _begin(self, file_id: str, said: bytes) -> Session:
        size = self._upload.delivery.item.size
        request = Request(
            route="upload.resumable",
            method="POST",
            path=_PATH,
            query=self._query,
            kind=CallKind.TRANSFER,
            headers={} if size is None else {"X-Upload-Content-Length": str(size)},
            body=lambda: [said],
        )
        reply = await self._api.call(request)
        upload_id = parse_qs(urlsplit(reply.location).query).get("upload_id", [""])[0]
        if not _UPLOAD_ID.fullmatch(upload_id):
            raise TransientError("Google Drive began an upload and did not say where it goes")
        failpoint("session.started")
        return Session(id=f"{file_id} {upload_id}", offset=0, started_at=int(self._clock.wall() * 1000))

    async def _resume(self, session: Session) -> DriveFile:
        """Asks how far it is, and goes on there: a process may have died between a chunk and the saving of its offset."""
        reply = await self._put(session, [], "bytes */*")
        if reply.status != 308:  # the file is there, and the answer that said so was lost
            await self.read()
            done: DriveFile = decode(reply.body, DriveFile)
            return done
        return await self._send(session, there=_offset(reply), beginning=session.beginning)

    async def _send(self, session: Session, *, there: int, beginning: str) -> DriveFile:
        self._start_again()
        window, full_at = Window(), there + CHUNK_BYTES
        compare_at = session.offset if beginning else 0
        # What Google has already is read again as well, since the hash is of the whole file.
        async for piece in self._pieces():
            rest = piece
            while rest:
                if self.size == full_at:  # a whole chunk is held, and more follows: it is not the last
                    there = await self._append(session, there, window.take(CHUNK_BYTES))
                    session, full_at = self._reached(session, there), there + CHUNK_BYTES
                stop = min(place for place in (compare_at, there, full_at) if place > self.size) - self.size
                head, rest = rest[:stop], rest[stop:]
                if self.size >= there:
                    window.add(head)
                self._take(head)
                if self.size == compare_at:
                    self._compare(beginning)
        if self.size < max(compare_at, there):
            raise NotThereError("the source gives fewer bytes than were sent before")
        declared = self._upload.delivery.item.sha256
        if declared is not None and declared != self.sha256:
            raise SourceChangedError("the source gave bytes of another hash than it declared")
        return await self._finish(session, there, window.take(window.size))

    async def _append(self, session: Session, there: int, pieces: list[bytes]) -> int:
        """Sends a chunk that is not the last one, again as far as Google kept less than all of it; returns where it stands."""
        end = there + sum(map(len, pieces))
        while there < end:
            reply = await self._put(session, pieces, f"bytes {there}-{end - 1}/{self._total()}")
            failpoint("chunk.accepted")
            if reply.status != 308:
                raise TransientError("Google Drive ended an upload before its last chunk")
            reached = _offset(reply)
            if not there < reached <= end:
                raise TransientError("Google Drive took nothing of a chunk")
            pieces = [b"".join(pieces)[reached - there :]]
            there = reached
        return there

    async def _finish(self, session: Session, there: int, pieces: list[bytes]) -> DriveFile:
        failpoint("finish.before")
        for _ in range(3):
            said = f"bytes {there}-{self.size - 1}/{self.size}" if there < self.size else f"bytes */{self.size}"
            reply = await self._put(session, pieces, said)
            if reply.status != 308:
                failpoint("finish.done")
                done: DriveFile = decode(reply.body, DriveFile)
                return done
            reached = _offset(reply)
            if not there <= reached <= self.size:
                break
            pieces = [b"".join(pieces)[reached - there :]]
            there = reached
        raise TransientError("Google Drive did not take the end of an upload")

    async def _put(self, session: Session, pieces: list[bytes], said: str) -> Reply:
        request = Request(
            route="upload.chunk" if pieces and any(pieces) else "upload.status",
            method="PUT",
            path=_PATH,
            query={**self._query, "upload_id": _upload_id(session)},
            kind=CallKind.TRANSFER,
            items=1,
            headers={"Content-Range": said, "Content-Type": "application/octet-stream"},
            body=lambda: pieces,
            also=_GOES_ON,
        )
        return await self._api.call(request)

    def _reached(self, session: Session, offset: int) -> Session:
        """Remembers what Google confirmed, which is all that was read, so that a kill costs at most a chunk."""
        self.session = msgspec.structs.replace(session, offset=offset, beginning=self.sha256)
        if self._upload.save_session is not None:
            self._upload.save_session(self.session)
        return self.session

    def _total(self) -> str:
        size = self._upload.delivery.item.size
        return "*" if size is None else str(size)

    def _compare(self, beginning: str) -> None:
        """Google has the bytes that the source gave earlier; if it gives others now, the upload begins anew."""
        if self.sha256 != beginning:
            raise NotThereError("the source gives other bytes than those that were sent before")

    def _start_again(self) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)

    def _take(self, piece: bytes) -> None:
        self._sha256.update(piece)
        self._md5.update(piece)
        self.size += len(piece)

    def _pieces(self) -> AsyncIterator[bytes]:
        if self._upload.stream is None:
            raise TransientError("an upload had neither bytes nor a stream")
        return self._upload.stream(0)


def kept_id(session: Session | None) -> str:
    """The file's id that an earlier try has used; empty if there is none."""
    file_id = "" if session is None else session.id.partition(" ")[0]
    return file_id if is_id(file_id) else ""


def _upload_id(session: Session) -> str:
    """Of the upload that was begun; empty if only an id was used."""
    file_id, _, upload_id = session.id.partition(" ")
    return upload_id if is_id(file_id) and _UPLOAD_ID.fullmatch(upload_id) else ""


def _offset(reply: Reply) -> int:
    """How much of an upload is there."""
    found = _RANGE.fullmatch(reply.has)
    return int(found[1]) + 1 if found is not None else 0
