"""Content on its way in: in one call up to 250 MB, or in the fragments of an upload session.

https://learn.microsoft.com/graph/api/driveitem-createuploadsession: fragments come in order, each but the last a multiple of 320 KiB and
all below 60 MiB; the address of a session is leave enough, and nobody may send a token with it.
"""

from __future__ import annotations

import re
import uuid
from typing import Any, get_args

import msgspec
from aiohttp import web

from archiver.sandbox.clock import timestamp
from archiver.sandbox.content import Spool
from archiver.sandbox.microsoft.drive import Conflict, Item
from archiver.sandbox.microsoft.hashes import Hasher, Hashes, hashes_of
from archiver.sandbox.microsoft.refusals import Reply, graph_refusal, json_reply, taken
from archiver.sandbox.microsoft.routes import Asked, Stamps, item_reply, told_at

__all__ = ["Session", "begin", "put", "take"]

GRAIN = 320 * 1024
_WHOLE_BYTES = 250 * 1024 * 1024
_FRAGMENT_BYTES = 60 * 1024 * 1024
_SESSION_SECONDS = 7 * 86_400.0
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_CONFLICT = "@microsoft.graph.conflictBehavior"


class _Said(msgspec.Struct, frozen=True, rename="camel"):
    conflict: str = msgspec.field(default="replace", name=_CONFLICT)
    file_system_info: Stamps = Stamps()


class _Begun(msgspec.Struct, frozen=True):
    item: _Said = _Said()


class Session:
    """An upload that was begun.

    Args:
        asked: The call that began it.
        said: What is said of the file.

    Attributes:
        id: Its name.
        offset: So many bytes are here.
        until: When it ends.
    """

    def __init__(self, asked: Asked, said: _Said) -> None:
        self.id = str(uuid.uuid4())
        self.user = asked.user
        self.grant = asked.grant
        self.drive = asked.drive
        self.start = asked.start
        self.path = asked.path
        self.said = said
        self.offset = 0
        self.total: int | None = None
        self.until = asked.now + _SESSION_SECONDS
        self.spool: Spool = asked.contents.spool(in_order=True)
        self._hasher = Hasher()

    def write(self, data: bytes) -> None:
        """Takes a fragment."""
        self.spool.write(self.offset, data)
        self._hasher.update(data)
        self.offset += len(data)

    def hashes(self) -> Hashes:
        """Of everything that came."""
        return self._hasher.hashes()

    def state(self, status: int) -> Reply:
        """How far it is."""
        end = "" if self.total is None else self.total - 1
        told = {"expirationDateTime": timestamp(self.until), "nextExpectedRanges": [f"{self.offset}-{end}"]}
        return json_reply(told, status=status)


def put(asked: Asked, *, corrupt: bool) -> Reply:
    """``PUT …/content``: all bytes at once."""
    if len(asked.body) > _WHOLE_BYTES:
        raise graph_refusal(413, "fileTooLarge", "The file is too large for one call.")
    data = asked.body
    if corrupt:
        wrong = bytearray(data or b"\0")
        wrong[len(wrong) // 2] ^= 1
        data = bytes(wrong)
    asked.contents.put(data)
    return _store(asked, hashes_of(data), asked.query.get(_CONFLICT, "replace"))


def begin(asked: Asked, address: str) -> tuple[Session, Reply]:
    """``POST …/createUploadSession``.

    Raises:
        Refusal: The file may not be made.
    """
    try:
        said = msgspec.json.decode(asked.body or b"{}", type=_Begun).item
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise graph_refusal(400, "invalidRequest", "The body is not of this shape.") from error
    if said.conflict == "fail" and asked.drive.find(asked.start, asked.path) is not None:
        raise taken()
    session = Session(asked, said)
    words = f"guid=%27{session.id}%27&overwrite=False&tempauth=v1.{uuid.uuid4().hex}"
    url = f"{address}/_api/v2.0/drives/{session.drive.id}/uploadSession?{words}"
    told = {"uploadUrl": url, "expirationDateTime": timestamp(session.until), "nextExpectedRanges": ["0-"]}
    return session, json_reply({"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#microsoft.graph.uploadSession", **told})


async def take(asked: Asked, session: Session, request: web.BaseRequest, *, corrupt: bool) -> Reply:
    """A fragment; of one that breaks off nothing stays.

    Raises:
        Refusal: The range cannot be, or the file may not be made.
    """
    found = _RANGE.fullmatch(request.headers.get("Content-Range", ""))
    size = request.content_length or 0
    if found is None or int(found[2]) - int(found[1]) + 1 != size or size >= _FRAGMENT_BYTES:
        raise graph_refusal(400, "invalidRequest", "The Content-Range header is missing or malformed.")
    first, last, total = (int(number) for number in found.groups())
    if session.total not in {None, total} or last >= total:
        raise graph_refusal(400, "invalidRequest", "The total size cannot change.")
    if first != session.offset:
        inner = "fragmentOverlap" if first < session.offset else "fragmentOutOfOrder"
        raise graph_refusal(416, "invalidRange", "The uploaded fragment is not the one that is expected.", inner=inner)
    if last + 1 < total and size % GRAIN:
        raise graph_refusal(400, "invalidRequest", "The fragment's size must be a multiple of 320 KiB.")
    data = await request.read()
    session.total = total
    session.write(data)
    if session.offset < total:
        return session.state(202)
    hashes = session.hashes()
    asked.contents.adopt(session.spool)
    if corrupt:
        hashes = hashes_of(hashes.sha256.encode())
    return _store(asked, hashes, session.said.conflict, session.said.file_system_info)


def _store(asked: Asked, hashes: Hashes, behaviour: str, stamps: Stamps | None = None) -> Reply:
    """Makes the file visible.

    Raises:
        Refusal: It may not be made, or there is no room.
    """
    drive, conflict = asked.drive, _conflict(behaviour)
    if drive.used_bytes + hashes.size > drive.quota_bytes:
        raise graph_refusal(507, "quotaLimitReached", "The user has reached their quota limit.", inner="insufficientStorage")
    if asked.path:
        folder, name = drive.folder_for(asked.start, asked.path, asked.now)
        old = drive.child(folder, name)
    else:
        folder, name, old = drive.by_id(asked.start.parent), asked.start.name, asked.start
    item: Item
    if old is not None and conflict != "rename":
        if conflict == "fail" or old.is_folder:
            raise taken()
        old.hashes, item, status = hashes, old, 200
        item.changes += 1
    else:
        item, status = drive.add(folder, drive.free_name(folder, name), asked.now, hashes), 201
    item.contents += 1
    item.modified_at = told_at(stamps or Stamps(), asked.now)
    path = drive.path(item)
    drive.transfers[path] = drive.transfers.get(path, 0) + 1
    asked.user.activity.committed(asked.now, 1)
    return item_reply(asked, item, status=status)


def _conflict(behaviour: str) -> Conflict:
    known: dict[str, Any] = {name: name for name in get_args(Conflict)}
    if behaviour not in known:
        raise graph_refusal(400, "invalidRequest", "There is no such conflict behaviour.")
    chosen: Conflict = known[behaviour]
    return chosen
