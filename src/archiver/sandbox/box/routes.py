"""The routes that move no content in: the account, files and folders, downloads."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from archiver.sandbox.box.refusals import Reply, box_refusal, json_reply
from archiver.sandbox.box.tree import Item
from archiver.sandbox.box.users import User
from archiver.sandbox.content import ContentStore

__all__ = ["Asked", "answer_of", "told"]

_PLACE = re.compile(r"/(?P<kind>files|folders)(?:/(?P<id>[^/]+))?(?:/(?P<action>items|content|trash))?")
_PAGE = 1000


class Asked(msgspec.Struct, kw_only=True):
    """One call that was authenticated and admitted.

    Attributes:
        user: Who.
        id: The item that is meant; empty if none is.
        query: The parameters.
        headers: Of the request.
        body: All of it.
        now: Seconds since the epoch.
        contents: Where bytes are kept.
    """

    user: User
    id: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    now: float
    contents: ContentStore


def told(body: bytes, shape: Any) -> Any:
    """What a body says.

    Raises:
        Refusal: It is not of this shape.
    """
    try:
        return msgspec.json.decode(body or b"{}", type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise box_refusal(400, "bad_request", "Bad Request") from error


class _Parent(msgspec.Struct, frozen=True):
    id: str


class _NewFolder(msgspec.Struct, frozen=True):
    name: str
    parent: _Parent


class _Change(msgspec.Struct, frozen=True):
    name: str | None = None
    parent: _Parent | None = None
    content_modified_at: str | None = None


class _Planned(msgspec.Struct, frozen=True):
    name: str
    parent: _Parent
    size: int = 0


def _me(asked: Asked) -> Reply:
    user = asked.user
    space = {"space_amount": user.tree.quota_bytes, "space_used": user.tree.used_bytes, "max_upload_size": 50 * 1024**3}
    return json_reply({"type": "user", "id": "1", "name": user.name, "login": user.email, "status": "active", **space})


def _items(asked: Asked) -> Reply:
    """With a marker, as rclone asks, or with an offset."""
    tree = asked.user.tree
    found = tree.children(tree.by_id(asked.id, folder=True))
    start = int(asked.query.get("marker") or asked.query.get("offset") or 0)
    limit = min(int(asked.query.get("limit") or 100), _PAGE)
    page = {"entries": [tree.shown(item) for item in found[start : start + limit]], "limit": limit}
    if asked.query.get("usemarker") == "true":
        return json_reply(page | {"next_marker": str(start + limit) if start + limit < len(found) else None})
    return json_reply(page | {"total_count": len(found), "offset": start})


def _new_folder(asked: Asked) -> Reply:
    tree, said = asked.user.tree, told(asked.body, _NewFolder)
    parent = tree.by_id(said.parent.id, folder=True)
    tree.free(parent, said.name, making_folder=True)
    return json_reply(tree.shown(tree.add(parent, said.name, asked.now)), status=201)


def _get(asked: Asked, *, folder: bool) -> Reply:
    return json_reply(asked.user.tree.shown(asked.user.tree.by_id(asked.id, folder=folder)))


def _change(asked: Asked, *, folder: bool) -> Reply:
    tree, said = asked.user.tree, told(asked.body, _Change)
    item = tree.by_id(asked.id, folder=folder)
    parent = tree.by_id(item.parent if said.parent is None else said.parent.id, folder=True)
    tree.move(item, parent, item.name if said.name is None else said.name)
    item.modified_at = said.content_modified_at or item.modified_at
    return json_reply(tree.shown(item))


def _delete(asked: Asked, *, folder: bool) -> Reply:
    tree = asked.user.tree
    item = tree.by_id(asked.id, folder=folder)
    if asked.headers.get("If-Match", str(item.changes)) != str(item.changes):
        raise box_refusal(412, "precondition_failed", "The resource has been modified.")
    if folder and tree.children(item) and asked.query.get("recursive") != "true":
        raise box_refusal(400, "folder_not_empty", "Cannot delete - folder not empty")
    tree.remove(item)
    return Reply(status=204)


def _empty(asked: Asked) -> Reply:
    if asked.user.tree.trash.pop(asked.id, None) is None:
        raise box_refusal(404, "not_trashed", "Item is not trashed")
    return Reply(status=204)


def _content(asked: Asked) -> Reply:
    item: Item = asked.user.tree.by_id(asked.id, folder=False)
    data = b"".join(asked.contents.chunks(item.content.sha256 if item.content is not None else ""))
    return Reply(body=data, content_type="application/octet-stream")


def _preflight(asked: Asked) -> Reply:
    tree, said = asked.user.tree, told(asked.body, _Planned)
    tree.free(tree.by_id(said.parent.id, folder=True), said.name)
    tree.room(said.size)
    return json_reply({"upload_url": "", "upload_token": ""})


_ANSWERS: dict[tuple[str, str, str], tuple[str, Callable[[Asked], Reply]]] = {
    ("GET", "folders", "items"): ("folders.items", _items),
    ("GET", "folders", ""): ("folders.get", lambda asked: _get(asked, folder=True)),
    ("PUT", "folders", ""): ("folders.change", lambda asked: _change(asked, folder=True)),
    ("DELETE", "folders", ""): ("folders.delete", lambda asked: _delete(asked, folder=True)),
    ("GET", "files", ""): ("files.get", lambda asked: _get(asked, folder=False)),
    ("PUT", "files", ""): ("files.change", lambda asked: _change(asked, folder=False)),
    ("DELETE", "files", ""): ("files.delete", lambda asked: _delete(asked, folder=False)),
    ("DELETE", "files", "trash"): ("trash.delete", _empty),
    ("GET", "files", "content"): ("files.content", _content),
}


def answer_of(method: str, path: str) -> tuple[str, str, Callable[[Asked], Reply]] | None:
    """The name of a route, the item that is meant, and who answers; None if it is none of these."""
    match method, path:
        case "GET", "/users/me":
            return "users.me", "", _me
        case "POST", "/folders":
            return "folders.create", "", _new_folder
        case "OPTIONS", "/files/content":
            return "files.preflight", "", _preflight
    found = _PLACE.fullmatch(path)
    answer = None if found is None else _ANSWERS.get((method, found["kind"], found["action"] or ""))
    if found is None or answer is None or not found["id"]:
        return None
    return answer[0], found["id"], answer[1]
