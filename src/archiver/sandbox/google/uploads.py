"""Content on its way in: simple, multipart and resumable uploads (https://developers.google.com/workspace/drive/api/guides/manage-uploads).

A resumable session takes chunks whose size is a multiple of 256 KiB, but the last; says with 308 and ``Range`` what it has; keeps whole
256 KiB of a chunk whose connection broke; and lives a week.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Any

from aiohttp import web

from archiver.sandbox.content import Spool
from archiver.sandbox.google.drive import DriveFile, Hashes, hashes_of, moment
from archiver.sandbox.google.refusals import Reply, invalid, refusal
from archiver.sandbox.google.routes import Asked, Metadata, described, found, make, shown

__all__ = ["Session", "multipart", "simple", "start", "take"]

GRAIN = 256 * 1024
_MULTIPART_BYTES = 5 * 1024 * 1024
_SESSION_SECONDS = 7 * 86_400.0
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


class Session:
    """A resumable upload that was begun.

    Args:
        asked: The call that began it.
        metadata: What is made.
        old: The file that gets other bytes; None makes a new one.
        size: As declared; None if the client does not know yet.

    Attributes:
        id: Its name.
        offset: So many bytes are here.
        done: The file, once it is complete.
    """

    def __init__(self, asked: Asked, metadata: Metadata, old: DriveFile | None, size: int | None) -> None:
        self.id = f"AK{secrets.token_urlsafe(72)}"
        self.user = asked.user
        self.offset = 0
        self.size = size
        self.metadata = metadata
        self.old = old
        self.query = dict(asked.query)
        self.until = asked.now + _SESSION_SECONDS
        self.done: DriveFile | None = None
        self._spool: Spool = asked.contents.spool(in_order=True)
        self._digests = [hashlib.md5(usedforsecurity=False), hashlib.sha1(usedforsecurity=False), hashlib.sha256()]

    def write(self, data: bytes) -> None:
        """Takes the next bytes."""
        self._spool.write(self.offset, data)
        for digest in self._digests:
            digest.update(data)
        self.offset += len(data)

    def hashes(self) -> Hashes:
        """Of everything that came."""
        md5, sha1, sha256 = (digest.hexdigest() for digest in self._digests)
        return Hashes(self.offset, md5, sha1, sha256)

    def finish(self, asked: Asked, *, corrupt: bool) -> DriveFile:
        """Makes the file visible.

        Raises:
            Refusal: It may not be made, or there is no room.
        """
        hashes = self.hashes()
        asked.contents.adopt(self._spool)
        if corrupt:
            hashes = hashes_of(hashes.sha256.encode())
        self.done = _store(asked, self.metadata, self.old, hashes)
        return self.done


def simple(asked: Asked, media_type: str, *, corrupt: bool) -> Reply:
    """``uploadType=media``: bytes only."""
    old = found(asked, asked.word) if asked.word else None
    return shown(asked, _store(asked, Metadata(mime_type=media_type), old, _kept(asked, asked.body, corrupt=corrupt)))


def multipart(asked: Asked, content_type: str, *, corrupt: bool) -> Reply:
    """``uploadType=multipart``: metadata and bytes in one body."""
    if len(asked.body) > _MULTIPART_BYTES * 4:  # the guide says 5 MB; the service is known to take more from its own clients
        raise refusal(413, "uploadTooLarge", "The upload is too large for this kind.")
    boundary = re.search(r'boundary="?([^";]+)"?', content_type)
    if not content_type.startswith("multipart/related") or boundary is None:
        raise refusal(400, "badRequest", "Malformed multipart body.")
    (_, said), (head, data) = _parts(asked.body, boundary[1].encode())
    metadata = described(said)
    media_type = re.search(rb"(?i)content-type:\s*([^\r\n]+)", head)
    if not metadata.mime_type and media_type is not None:
        metadata.mime_type = media_type[1].decode().strip()
    old = found(asked, asked.word) if asked.word else None
    return shown(asked, _store(asked, metadata, old, _kept(asked, data, corrupt=corrupt)))


def start(asked: Asked, headers: Any) -> Session:
    """``uploadType=resumable``: a session for bytes to come.

    Raises:
        Refusal: The file may not be made.
    """
    metadata = described(asked.body)
    old = found(asked, asked.word) if asked.word else None
    if old is None:
        make(asked, metadata)  # only whether it may be; the id stays free until the bytes are there
    if not metadata.mime_type:
        metadata.mime_type = headers.get("X-Upload-Content-Type", "")
    length = headers.get("X-Upload-Content-Length", "")
    return Session(asked, metadata, old, int(length) if length.isdecimal() else None)


async def take(asked: Asked, session: Session, request: web.BaseRequest, *, corrupt: bool) -> Reply:
    """A chunk, or the question how far it is.

    Raises:
        Refusal: The session has ended, or the range cannot be.
    """
    if asked.now > session.until:
        raise refusal(404, "notFound", "The upload session has expired.")
    first, total = _range(request.headers.get("Content-Range", ""), request.content_length or 0, session)
    if session.done is not None:
        return shown(asked, session.done)
    if total is not None and session.size is not None and total != session.size:
        raise invalid("Content-Range", "The total size differs from the declared one.")
    session.size = total if total is not None else session.size
    if first is not None:
        await _receive(session, request, first)
    if session.size is not None and session.offset == session.size:
        return shown(asked, session.finish(asked, corrupt=corrupt))
    headers = {"Range": f"bytes=0-{session.offset - 1}"} if session.offset else {}
    return Reply(status=308, content_type="text/plain; charset=utf-8", headers=headers)


async def _receive(session: Session, request: web.BaseRequest, first: int) -> None:
    """Takes a body, what is there already passed over; of one that breaks off only whole grains stay."""
    if first > session.offset:
        raise refusal(503, "backendError", "Invalid request. Bytes are missing before this range.")
    length = request.content_length or 0
    last = session.size is not None and first + length == session.size
    if not last and length % GRAIN:
        raise invalid("Content-Range", "Chunks must be multiples of 262144 bytes.")
    skip, held = session.offset - first, bytearray()
    try:
        async for piece in request.content.iter_any():
            held += piece[skip:]
            skip = max(0, skip - len(piece))
            whole = len(held) - len(held) % GRAIN
            if whole:
                session.write(bytes(held[:whole]))
                del held[:whole]
    except (ConnectionError, web.RequestPayloadError):
        held.clear()
        raise
    session.write(bytes(held))


def _range(text: str, length: int, session: Session) -> tuple[int | None, int | None]:
    """The first byte that is sent, None if none is; and the total, None if it is not known."""
    if not text:
        return session.offset if length else None, session.offset + length if length else session.size
    read = _RANGE.fullmatch(text)
    if read is None or (read[1] is not None and int(read[2]) - int(read[1]) + 1 != length):
        raise invalid("Content-Range", "Failed to parse Content-Range header.")
    return None if read[1] is None else int(read[1]), None if read[3] == "*" else int(read[3])


def _parts(body: bytes, boundary: bytes) -> tuple[tuple[bytes, bytes], tuple[bytes, bytes]]:
    """The head and the content of both parts (RFC 2046, 5.1.1).

    Raises:
        Refusal: There are not two.
    """
    mark = b"--" + boundary
    first = body.find(mark)
    second, end = body.find(b"\r\n" + mark, first + len(mark)), body.rfind(b"\r\n" + mark + b"--")
    if not 0 <= first < second < end:
        raise refusal(400, "badRequest", "Malformed multipart body.")
    return _part(body[first + len(mark) : second]), _part(body[second + 2 + len(mark) : end])


def _part(part: bytes) -> tuple[bytes, bytes]:
    head, _, content = part.partition(b"\r\n\r\n")
    return head, content


def _kept(asked: Asked, data: bytes, *, corrupt: bool) -> Hashes:
    if corrupt:
        wrong = bytearray(data or b"\0")
        wrong[len(wrong) // 2] ^= 1
        data = bytes(wrong)
    asked.contents.put(data)
    return hashes_of(data)


def _store(asked: Asked, metadata: Metadata, old: DriveFile | None, hashes: Hashes) -> DriveFile:
    user, drive = asked.user, asked.user.drive
    file = make(asked, metadata) if old is None else old
    if drive.used_bytes + hashes.size > user.quota_bytes:
        raise refusal(403, "storageQuotaExceeded", "The user's Drive storage quota has been exceeded.")
    file.hashes = hashes
    file.revision = f"0B{secrets.token_urlsafe(32)}"
    file.revisions += 1
    if old is None:
        drive.add(file)
    else:
        file.modified_time = metadata.modified_time or moment(asked.now)
    path = drive.path(file)
    user.transfers[path] = user.transfers.get(path, 0) + 1
    user.activity.committed(asked.now, 1)
    return file
