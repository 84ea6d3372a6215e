"""One big file: read once, sent in parts of the size that Box asks for, resumable at each.

Box tells the SHA-1 of each part that it has. Whoever goes on reads the source again, compares part by part, and sends what is missing.
Once all of it was sent, the hashes are kept with the session: then only the commit is left, and nothing is read again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator

import msgspec

from archiver.destinations.box.api import Api, Request
from archiver.destinations.box.errors import EndedError, TakenError, unfinished
from archiver.destinations.box.sums import Sums
from archiver.destinations.box.wire import BoxFile, Files, Part, PartDone, Parts, UploadSession, decode, digest_of
from archiver.destinations.port import CallKind, Upload
from archiver.errors import SourceChangedError, TransientError
from archiver.failpoints import failpoint
from archiver.http.window import Window
from archiver.model import Session
from genstage.clock import Clock

__all__ = ["SESSION_BYTES", "Transfer"]

SESSION_BYTES = 20_000_000
"""From this size on Box takes a file in parts; a smaller one it takes in one call only."""

_SESSIONS = "/files/upload_sessions"
_ID = re.compile(r"[0-9A-Za-z]{1,200}")
_PAGE = 1000
_PAGES = 20  # a file has at most ten thousand parts
_PART_MOST = 512 * 1024 * 1024


class Transfer:
    """Moves the bytes of one stream into a file.

    Args:
        api: Makes the calls.
        clock: Time.
        upload: The stream, and the session to go on with.

    Attributes:
        session: Where it stands, as the storage confirmed it; None if nothing can be continued.
        sums: Of everything that was read.
    """

    def __init__(self, api: Api, clock: Clock, upload: Upload) -> None:
        self._api = api
        self._clock = clock
        self._upload = upload
        session = upload.delivery.session
        self.session = session if session is not None and _ID.fullmatch(session.id) else None
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

    async def whole(self, total: int) -> list[bytes]:
        """All bytes of a file that Box does not take in parts.

        Raises:
            SourceChangedError: There are more or fewer than were declared, or other ones.
        """
        self.sums = Sums()
        pieces: list[bytes] = []
        async for piece in self._pieces():
            self.sums.update(piece)
            if self.sums.size > total:
                raise SourceChangedError("the source gives more bytes than it declared")
            pieces.append(piece)
        self._check(total)
        return pieces

    async def run(self, total: int, name: str, folder_id: str) -> BoxFile:
        """Sends what the storage does not have yet.

        A saved session that it does not know any more costs a transfer, not the item; so does one whose source gives other bytes now.

        Args:
            total: The whole size, at least `SESSION_BYTES`.
            name: The file's.
            folder_id: Where it belongs.

        Returns:
            The file, as the storage has it.

        Raises:
            ArchiverError: Of the source, or of a call; `session` tells where to go on.
        """
        if self.session is not None:
            try:
                return await self._go_on(self.session, total)
            except EndedError:
                self.session = None
        begun = await self._begin(total, name, folder_id)
        self.session = session = Session(id=begun.id, offset=0, started_at=int(self._clock.wall() * 1000))
        try:
            return await self._send(session, begun.part_size, {}, total)
        except (EndedError, TakenError):
            self.session = None
            raise

    async def _go_on(self, session: Session, total: int) -> BoxFile:
        there = await self._there(session)
        sums = Sums()
        if session.offset == total == sum(part.size for part in there.values()) and sums.recall(total, session.beginning):
            self.sums = sums
            self._check(total)
            return await self._commit(session, [part for _, part in sorted(there.items())])
        begun: UploadSession = await self._api.ask(_request("session.get", "GET", session.id), UploadSession)
        return await self._send(session, begun.part_size, there, total)

    async def _begin(self, total: int, name: str, folder_id: str) -> UploadSession:
        """Box looks at name and quota now, before any byte is sent."""
        said = msgspec.json.encode({"folder_id": folder_id, "file_name": name, "file_size": total})
        request = Request(route="session.begin", method="POST", path=_SESSIONS, uploads=True, kind=CallKind.TRANSFER, body=lambda: [said])
        begun: UploadSession = await self._api.ask(request, UploadSession)
        if not _ID.fullmatch(begun.id):
            raise TransientError("Box began an upload and gave it no id")
        failpoint("session.started")
        return begun

    async def _there(self, session: Session) -> dict[int, Part]:
        """The parts that it has, by their offset: a process may have died between a part and the saving of its offset."""
        found: dict[int, Part] = {}
        for _ in range(_PAGES):
            page: Parts = await self._api.ask(
                _request("session.parts", "GET", f"{session.id}/parts?limit={_PAGE}&offset={len(found)}"), Parts
            )
            before = len(found)
            found |= {part.offset: part for part in page.entries}
            if len(found) == before or len(found) >= page.total_count:
                break
        return found

    async def _send(self, session: Session, part_size: int, there: dict[int, Part], total: int) -> BoxFile:
        if not 0 < part_size <= _PART_MOST:
            raise TransientError("Box wants parts of a size that cannot be held")
        sums = self.sums = Sums()
        window, parts, full_at = Window(), list[Part](), min(part_size, total)
        # What the storage has already is read again as well, since the hashes are of the whole file.
        async for piece in self._pieces():
            rest = piece
            while rest:
                if sums.size == total:
                    raise SourceChangedError("the source gives more bytes than it declared")
                head, rest = rest[: full_at - sums.size], rest[full_at - sums.size :]
                window.add(head)
                sums.update(head)
                if sums.size == full_at < total:
                    start = sums.size - window.size
                    parts.append(await self._part(session, start, window.take(window.size), total, there.get(start)))
                    session = self._reached(session, full_at)
                    full_at = min(full_at + part_size, total)
        self._check(total)  # before the last part, so that nothing wrong can become a file
        start = sums.size - window.size
        parts.append(await self._part(session, start, window.take(window.size), total, there.get(start)))
        return await self._commit(self._reached(session, total, beginning=sums.ended), parts)

    async def _part(self, session: Session, start: int, pieces: list[bytes], total: int, there: Part | None) -> Part:
        """Sends a part, unless the storage has it."""
        sha1, size = hashlib.sha1(usedforsecurity=False), sum(map(len, pieces))
        for piece in pieces:
            sha1.update(piece)
        if there is not None:
            if there.size != size or there.sha1.lower() != sha1.hexdigest():
                raise EndedError("the source gives other bytes than those that were sent before")
            return there
        request = Request(
            route="session.part",
            method="PUT",
            path=f"{_SESSIONS}/{session.id}",
            uploads=True,
            kind=CallKind.TRANSFER,
            items=1,
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Range": f"bytes {start}-{start + size - 1}/{total}",
                "Digest": digest_of(sha1.digest()),
            },
            body=lambda: pieces,
        )
        done: PartDone = await self._api.ask(request, PartDone)
        failpoint("chunk.accepted")
        return done.part

    async def _commit(self, session: Session, parts: list[Part]) -> BoxFile:
        """Makes the file visible.

        Raises:
            UnfinishedError: Box needs a while for its parts; a later try has only this left.
        """
        said = msgspec.json.encode({"parts": parts})
        request = Request(
            route="session.commit",
            method="POST",
            path=f"{_SESSIONS}/{session.id}/commit",
            uploads=True,
            kind=CallKind.COMMIT,
            items=1,
            headers={"Digest": digest_of(self.sums.sha1)},
            body=lambda: [said],
            also=frozenset({202}),
        )
        failpoint("finish.before")
        reply = await self._api.call(request)
        failpoint("finish.done")
        error = unfinished(reply, self._clock.wall())
        if error is not None:
            raise error
        files: Files = decode(reply.body, Files)
        if not files.entries:
            raise TransientError("Box made a file and does not say which")
        return files.entries[0]

    def _check(self, total: int) -> None:
        declared = self._upload.delivery.item.sha256
        if self.sums.size != total or (declared is not None and declared != self.sums.sha256):
            raise SourceChangedError("the source gave other bytes than it declared")

    def _reached(self, session: Session, offset: int, *, beginning: str = "") -> Session:
        """Remembers what was confirmed, so that a kill costs at most a part."""
        if offset <= session.offset and not beginning:
            return session  # it was there before
        self.session = msgspec.structs.replace(session, offset=offset, beginning=beginning)
        if self._upload.save_session is not None:
            self._upload.save_session(self.session)
        return self.session

    def _pieces(self) -> AsyncIterator[bytes]:
        if self._upload.stream is None:
            raise TransientError("an upload had neither bytes nor a stream")
        return self._upload.stream(0)


def _request(route: str, method: str, place: str) -> Request:
    return Request(route=route, method=method, path=f"{_SESSIONS}/{place}", uploads=True, kind=CallKind.TRANSFER)
