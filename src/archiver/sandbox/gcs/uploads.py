"""Content on its way in: simple, multipart and resumable uploads (https://cloud.google.com/storage/docs/uploads-downloads)."""

from __future__ import annotations

import hashlib
import re
import secrets

import msgspec
from aiohttp import web

from archiver.sandbox.content import ContentStore, Spool
from archiver.sandbox.gcs.bucket import Bucket, Conditions, Described, GcsObject
from archiver.sandbox.google.refusals import Reply, json_reply, refusal

__all__ = ["GRAIN", "Session", "described", "multipart", "put"]

GRAIN = 256 * 1024
SESSION_SECONDS = 7 * 86_400.0
_TOLD = re.compile(r"bytes (?:(?P<first>\d+)-(?P<last>\d+)|\*)/(?P<total>\d+|\*)")
_BOUNDARY = re.compile(r'boundary="?(?P<mark>[^";]+)"?')
_MEDIA_TYPE = re.compile(rb"(?i)content-type:[ \t]*([^\r\n]+)")
_MD5 = re.compile(r"md5=([A-Za-z0-9+/=]+)")
_DESCRIBED = msgspec.json.Decoder(Described)


def described(body: bytes, name: str, media_type: str) -> Described:
    """What is said of an object: in JSON, or in the query.

    Raises:
        Refusal: It cannot be read.
    """
    try:
        said = _DESCRIBED.decode(body) if body.strip() else Described()
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise refusal(400, "parseError", "Parse Error") from None
    said.name = said.name or name
    said.content_type = said.content_type or media_type
    return said


def multipart(body: bytes, content_type: str, name: str) -> tuple[Described, bytes]:
    """Metadata and bytes out of one body.

    Raises:
        Refusal: There are not two parts.
    """
    boundary = _BOUNDARY.search(content_type)
    pieces = body.split(b"--" + boundary["mark"].encode()) if boundary and content_type.startswith("multipart/related") else []
    if len(pieces) != 4:
        raise refusal(400, "badRequest", "Malformed multipart body.")
    (_, _, said), (head, _, data) = (piece.removesuffix(b"\r\n").partition(b"\r\n\r\n") for piece in pieces[1:3])
    media_type = _MEDIA_TYPE.search(head)
    return described(said, name, media_type[1].decode() if media_type else ""), data


def put(bucket: Bucket, contents: ContentStore, said: Described, data: bytes, now: float, *, corrupt: bool = False) -> GcsObject:  # noqa: PLR0913  what an upload is made of
    """Makes an object of bytes that came at once.

    Raises:
        Refusal: Its bytes have not the hash that was said.
    """
    md5 = hashlib.md5(b"\0" if corrupt else data, usedforsecurity=False).digest()
    return bucket.put(said, len(data), md5, contents.put(data).sha256, now)


class Session:
    """A resumable upload that was begun.

    Args:
        bucket: Where the object will be.
        said: What was said of it.
        conditions: What must be true when it becomes visible.
        contents: Where bytes go.
        now: Seconds since the epoch.

    Attributes:
        id: Its name.
        offset: So many bytes are here.
        done: The object, once it is complete.
    """

    def __init__(self, bucket: Bucket, said: Described, conditions: Conditions, contents: ContentStore, now: float) -> None:
        self.id = f"ABg5{secrets.token_urlsafe(60)}"
        self.bucket = bucket
        self.until = now + SESSION_SECONDS
        self.offset = 0
        self.done: GcsObject | None = None
        self._said = said
        self._conditions = conditions
        self._contents = contents
        self._spool: Spool = contents.spool(in_order=True)
        self._md5 = hashlib.md5(usedforsecurity=False)

    async def take(self, request: web.BaseRequest, now: float, *, corrupt: bool) -> Reply:
        """A chunk, the last chunk, or the question how far it is.

        Raises:
            Refusal: The range cannot be, or the object may not be made.
        """
        length = request.content_length or 0
        told = _TOLD.fullmatch(request.headers.get("Content-Range", f"bytes 0-{length - 1}/{length}" if length else "bytes */0"))
        if told is None or (told["first"] is not None and int(told["last"]) - int(told["first"]) + 1 != length):
            raise refusal(400, "badRequest", "Failed to parse Content-Range header.")
        if self.done is not None:
            return json_reply(self.done.shown())
        total = None if told["total"] == "*" else int(told["total"])
        if told["first"] is not None:
            await self._receive(request, int(told["first"]), last=total == int(told["last"]) + 1)
        if total is not None and self.offset == total:
            return json_reply(self._finish(now, request.headers.get("X-Goog-Hash", ""), corrupt=corrupt).shown())
        headers = {"Range": f"bytes=0-{self.offset - 1}"} if self.offset else {}
        if request.headers.get("X-GUploader-No-308") == "yes":  # Google's own client for Go asks so, since others take a 308 for a redirect
            return Reply(status=200, content_type="text/plain", headers={**headers, "X-HTTP-Status-Code-Override": "308"})
        return Reply(status=308, content_type="text/plain", headers=headers)

    async def _receive(self, request: web.BaseRequest, first: int, *, last: bool) -> None:
        """Takes a body; of one that breaks off, whole grains stay."""
        if first > self.offset:
            raise refusal(503, "backendError", "Bytes are missing before this range.")
        if not last and (request.content_length or 0) % GRAIN:
            raise refusal(400, "badRequest", "The size of a chunk must be a multiple of 262144 bytes.")
        skipped, held = self.offset - first, bytearray()
        async for piece in request.content.iter_any():
            held += piece[skipped:]
            skipped -= min(skipped, len(piece))
            whole = len(held) // GRAIN * GRAIN
            self._write(bytes(held[:whole]))
            del held[:whole]
        self._write(bytes(held))

    def _write(self, data: bytes) -> None:
        if data:
            self._spool.write(self.offset, data)
            self._md5.update(data)
            self.offset += len(data)

    def _finish(self, now: float, told: str, *, corrupt: bool) -> GcsObject:
        """Makes the object; ``told`` is the hash that the last request was sent with, if it was."""
        self.bucket.may(self._said, self._conditions, now)
        md5 = bytes(16) if corrupt else self._md5.digest()
        wanted = _MD5.search(told)
        if wanted is not None:
            self._said.md5_hash = wanted[1]
        content = self._contents.adopt(self._spool)
        self.done = self.bucket.put(self._said, content.size, md5, content.sha256, now)
        return self.done
