"""Content on its way in: in one call up to 50 MB, or in the parts of an upload session.

https://developer.box.com/guides/uploads/chunked: parts in any order, each of the size that the session tells but the last, each with its
SHA-1; then a commit that names them all.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
import secrets

import msgspec
from aiohttp import BodyPartReader, web

from archiver.sandbox.box.refusals import Reply, box_refusal, json_reply
from archiver.sandbox.box.routes import Asked, told
from archiver.sandbox.box.tree import Bytes, Item
from archiver.sandbox.clock import timestamp
from archiver.sandbox.content import ContentStore

__all__ = ["Attributes", "Form", "Session", "begin", "commit", "form_of", "put", "take"]

_WHOLE_BYTES = 50 * 1024 * 1024
_SESSION_SECONDS = 7 * 86_400.0
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class _Parent(msgspec.Struct, frozen=True):
    id: str


class Attributes(msgspec.Struct, frozen=True):
    """What is said of a file."""

    name: str = ""
    parent: _Parent = _Parent("0")
    content_modified_at: str = ""


class Form(msgspec.Struct, frozen=True):
    """An upload in one call."""

    attributes: Attributes
    data: bytes


class _Planned(msgspec.Struct, frozen=True):
    file_size: int
    folder_id: str = "0"
    file_name: str = ""


class Session(msgspec.Struct, kw_only=True):
    """An upload that was begun.

    Attributes:
        id: Its name.
        user: Whose.
        folder_id: Where the file belongs.
        name: Its name.
        file_id: The file that gets another version; empty for a new one.
        size: Of the whole file.
        part_size: Of each part but the last.
        parts: What came, by offset: how it is told, and its bytes.
        waits: So many commits are answered with 202 yet.
        until: When it ends.
    """

    id: str
    user: str
    folder_id: str
    name: str
    file_id: str
    size: int
    part_size: int
    parts: dict[int, tuple[dict[str, object], bytes]] = {}
    waits: int = 0
    until: float

    def shown(self) -> dict[str, object]:
        """As Box tells it."""
        return {
            "type": "upload_session",
            "id": self.id,
            "session_expires_at": timestamp(self.until),
            "part_size": self.part_size,
            "total_parts": -(-self.size // self.part_size),
            "num_parts_processed": len(self.parts),
        }


async def form_of(request: web.BaseRequest) -> Form:
    """Reads an upload in one call.

    Raises:
        Refusal: It is not one.
    """
    attributes, data = Attributes(), None
    if not request.content_type.startswith("multipart/"):
        raise box_refusal(400, "bad_request", "Bad Request")
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise box_refusal(400, "bad_request", "Bad Request")
        body = bytes(await part.read())
        if part.name == "attributes":
            attributes = told(body, Attributes)
        else:
            data = body
    if data is None or len(data) > _WHOLE_BYTES:
        raise box_refusal(400 if data is None else 413, "bad_request", "Bad Request")
    return Form(attributes, data)


def put(asked: Asked, form: Form, *, corrupt: bool) -> Reply:
    """``POST /files/content``, or another version of a file."""
    data = form.data
    expected = asked.headers.get("Content-MD5", "").lower()
    if expected and expected != hashlib.sha1(data, usedforsecurity=False).hexdigest():
        raise box_refusal(400, "bad_digest", "The specified content-md5 did not match what we received")
    if corrupt:
        wrong = bytearray(data or b"\0")
        wrong[len(wrong) // 2] ^= 1
        data = bytes(wrong)
    return _store(asked, [data], form.attributes, asked.id)


def begin(asked: Asked) -> Session:
    """``POST /files/upload_sessions``: name and quota are looked at now.

    Raises:
        Refusal: The file may not be made.
    """
    said, tree, limits = told(asked.body, _Planned), asked.user.tree, asked.user.limits
    if said.file_size < limits.session_bytes:
        raise box_refusal(400, "file_size_too_small", "The file is too small for an upload session.")
    if asked.id:
        tree.by_id(asked.id, folder=False)
    else:
        tree.free(tree.by_id(said.folder_id, folder=True), said.file_name)
    tree.room(said.file_size)
    return Session(
        id=secrets.token_hex(16).upper(),
        user=asked.user.name,
        folder_id=said.folder_id,
        name=said.file_name,
        file_id=asked.id,
        size=said.file_size,
        part_size=limits.part_size,
        waits=limits.commit_lag,
        until=asked.now + _SESSION_SECONDS,
    )


def take(asked: Asked, session: Session) -> Reply:
    """One part.

    Raises:
        Refusal: It cannot be one.
    """
    found = _RANGE.fullmatch(asked.headers.get("Content-Range", ""))
    if found is None:
        raise box_refusal(400, "bad_request", "Content-Range is missing")
    first, last, total = (int(number) for number in found.groups())
    wanted = min(session.part_size, session.size - first)
    if total != session.size or first % session.part_size or last - first + 1 != len(asked.body) or len(asked.body) != wanted:
        raise box_refusal(416, "range_not_satisfiable", "The part is not one of this session.")
    sha1 = hashlib.sha1(asked.body, usedforsecurity=False)
    if asked.headers.get("Digest", "") != f"sha={base64.b64encode(sha1.digest()).decode()}":
        raise box_refusal(412, "bad_digest", "The digest does not match")
    if first in session.parts:
        raise box_refusal(409, "part_already_uploaded", "There is such a part.")
    shown = {"part_id": secrets.token_hex(4).upper(), "offset": first, "size": len(asked.body), "sha1": sha1.hexdigest()}
    session.parts[first] = (shown, asked.body)
    return json_reply({"part": shown})


class _Named(msgspec.Struct, frozen=True):
    part_id: str


class _Commit(msgspec.Struct, frozen=True):
    parts: list[_Named]
    attributes: Attributes = Attributes()


def commit(asked: Asked, session: Session, *, corrupt: bool) -> Reply:
    """Makes a file of the parts.

    Raises:
        Refusal: Some are missing, or the bytes are others than were promised.
    """
    said = told(asked.body, _Commit)
    parts = [session.parts[offset] for offset in sorted(session.parts)]
    if [part.part_id for part in said.parts] != [shown["part_id"] for shown, _ in parts]:
        raise box_refusal(400, "parts_mismatch", "The parts are not those of this session.")
    if sum(len(data) for _, data in parts) != session.size:
        raise box_refusal(400, "parts_missing", "Some parts are missing.")
    if session.waits:
        session.waits -= 1
        return Reply(status=202, headers={"Retry-After": "1"})
    whole = hashlib.sha1(usedforsecurity=False)
    for _, data in parts:
        whole.update(data)
    if asked.headers.get("Digest", "") != f"sha={base64.b64encode(whole.digest()).decode()}":
        raise box_refusal(412, "bad_digest", "The digest does not match")
    pieces = [data for _, data in parts]
    if corrupt:
        pieces[-1] = pieces[-1][:-1] + bytes([pieces[-1][-1] ^ 1])
    place = Attributes(name=session.name, parent=_Parent(session.folder_id), content_modified_at=said.attributes.content_modified_at)
    return _store(asked, pieces, place, session.file_id)


def _store(asked: Asked, pieces: list[bytes], said: Attributes, file_id: str) -> Reply:
    """Makes the file visible, or another version of the file that is named.

    Raises:
        Refusal: It may not be made, or there is no room.
    """
    tree = asked.user.tree
    tree.room(sum(map(len, pieces)))
    item: Item
    if file_id:
        item = tree.by_id(file_id, folder=False)
        tree.renew(item, _kept(asked.contents, pieces), asked.now)
        item.modified_at = said.content_modified_at or item.modified_at
    else:
        folder = tree.by_id(said.parent.id, folder=True)
        tree.free(folder, said.name)
        item = tree.add(folder, said.name, asked.now, _kept(asked.contents, pieces), said.content_modified_at)
    asked.user.activity.committed(asked.now, 1)
    return json_reply({"total_count": 1, "entries": [tree.shown(item)]}, status=201)


def _kept(contents: ContentStore, pieces: list[bytes]) -> Bytes:
    sha1, spool = hashlib.sha1(usedforsecurity=False), contents.spool(in_order=True)
    places = itertools.accumulate(map(len, pieces), initial=0)
    for start, piece in zip(places, pieces, strict=False):  # the last place is the end
        sha1.update(piece)
        spool.write(start, piece)
    content = contents.adopt(spool)
    return Bytes(content.size, sha1.hexdigest(), content.sha256)
