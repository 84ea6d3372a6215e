"""The routes below ``/v1.0`` that move no content in: the account, drives, items, folders, downloads."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import msgspec

from archiver.sandbox.content import ContentStore
from archiver.sandbox.microsoft.drive import Drive, Item
from archiver.sandbox.microsoft.grants import Grant
from archiver.sandbox.microsoft.refusals import Reply, graph_refusal, json_reply, not_found, taken
from archiver.sandbox.microsoft.users import User

__all__ = ["Asked", "Place", "Stamps", "answer_of", "item_reply", "place_of", "told_at"]

_PLACE = re.compile(
    r"/v1\.0/(?:me/drive|drives/(?P<drive>[^/]+))"
    r"(?:/(?:root|items/(?P<item>[^/:]+))(?P<pathed>:(?:/(?P<path>[^:]*):?|))?(?P<action>/[A-Za-z]+)?)?"
)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What an address means.

    Attributes:
        drive: The id; empty for the user's own.
        item: The id that the path begins at; empty for the root; None if the drive itself is meant.
        path: Below it; empty for itself.
        action: What is done there; empty for the item itself.
    """

    drive: str
    item: str | None
    path: str
    action: str


class Asked(msgspec.Struct, kw_only=True):
    """One call that was authenticated and admitted.

    Attributes:
        user: Who.
        grant: With which authorisation.
        drive: Which one.
        start: The item that the path begins at.
        path: Below it.
        query: The parameters.
        body: All of it.
        now: Seconds since the epoch.
        contents: Where bytes are kept.
    """

    user: User
    grant: Grant
    drive: Drive
    start: Item
    path: str
    query: Mapping[str, str]
    body: bytes
    now: float
    contents: ContentStore

    @property
    def item(self) -> Item:
        """What is there.

        Raises:
            Refusal: Nothing.
        """
        found = self.drive.find(self.start, self.path)
        if found is None:
            raise not_found()
        return found


class Stamps(msgspec.Struct, frozen=True, rename="camel"):
    """When a file was made and changed, as a client says."""

    last_modified_date_time: str = ""


class _Above(msgspec.Struct, frozen=True):
    id: str = ""


class _NewFolder(msgspec.Struct, rename="camel"):
    name: str = ""
    folder: dict[str, Any] | None = None
    conflict: str = msgspec.field(default="fail", name="@microsoft.graph.conflictBehavior")


class _Change(msgspec.Struct, rename="camel"):
    name: str = ""
    parent_reference: _Above = _Above()
    file_system_info: Stamps = Stamps()


def place_of(raw_path: str) -> Place | None:
    """What an address means; None if it means nothing here."""
    found = _PLACE.fullmatch(raw_path)
    if found is None:
        return None
    whole = raw_path.endswith("/me/drive") or (found["drive"] is not None and raw_path.endswith(f"/drives/{found['drive']}"))
    return Place(
        drive=unquote(found["drive"] or ""),
        item=None if whole else unquote(found["item"] or ""),
        path=unquote(found["path"] or ""),
        action=(found["action"] or "")[1:],
    )


def answer_of(method: str, place: Place) -> tuple[str, Callable[[Asked], Reply]] | None:
    """The name of a route and who answers it; None if there is none."""
    return _ROUTES.get((method, "drive" if place.item is None else "item", place.action))


def item_reply(asked: Asked, item: Item, *, status: int = 200) -> Reply:
    """One item; the hashes of a new one may come later."""
    return json_reply(_shown(asked, item), status=status)


def told_at(stamps: Stamps, default: float) -> float:
    """The moment of a client's date."""
    try:
        return datetime.fromisoformat(stamps.last_modified_date_time).timestamp()
    except (ValueError, OverflowError):
        return default


def _shown(asked: Asked, item: Item) -> dict[str, Any]:
    return asked.drive.shown(item, hashes=asked.now - item.created_at >= asked.user.limits.hash_lag)


def _drive(asked: Asked) -> Reply:
    drive, user = asked.drive, asked.user
    owner = {"group": {"displayName": drive.name}}
    if drive.kind != "documentLibrary":
        owner = {"user": {"displayName": user.name, "id": "1"} | ({"email": user.email} if drive.kind == "business" else {})}
    left = max(0, drive.quota_bytes - drive.used_bytes)
    quota = {
        "total": drive.quota_bytes,
        "used": drive.used_bytes,
        "remaining": left,
        "deleted": 0,
        "state": "normal" if left else "exceeded",
    }
    return json_reply({"id": drive.id, "driveType": drive.kind, "name": "OneDrive", "owner": owner, "quota": quota})


def _get(asked: Asked) -> Reply:
    return item_reply(asked, asked.item)


def _children(asked: Asked) -> Reply:
    items = asked.drive.children(asked.item)
    begin, size = int(asked.query.get("$skiptoken") or 0), min(int(asked.query.get("$top") or 200), 1000)
    answer: dict[str, Any] = {"value": [_shown(asked, item) for item in items[begin : begin + size]]}
    if begin + size < len(items):
        answer["@odata.nextLink"] = (
            f"https://graph.microsoft.com/v1.0/drives/{asked.drive.id}/items/{asked.item.id}/children?$top={size}&$skiptoken={begin + size}"
        )
    return json_reply(answer)


def _create(asked: Asked) -> Reply:
    new, above = _decoded(asked.body, _NewFolder), asked.item
    folder, name = asked.drive.folder_for(above, new.name, asked.now)
    if new.folder is None or folder is not above:
        raise graph_refusal(400, "invalidRequest", "A folder needs a name and the folder facet.")
    if asked.drive.child(above, name) is not None:
        if new.conflict != "rename":
            raise taken()
        name = asked.drive.free_name(above, name)
    return item_reply(asked, asked.drive.add(above, name, asked.now), status=201)


def _update(asked: Asked) -> Reply:
    item, change = asked.item, _decoded(asked.body, _Change)
    if change.name or change.parent_reference.id:
        above = change.parent_reference.id or item.parent
        asked.drive.move(item, asked.drive.by_id(above), change.name or item.name)
    item.modified_at = told_at(change.file_system_info, item.modified_at)
    item.changes += 1
    return item_reply(asked, item)


def _delete(asked: Asked) -> Reply:
    asked.drive.remove(asked.item)
    return Reply(status=204)


def _permanent(asked: Asked) -> Reply:
    if asked.drive.kind == "personal":
        raise graph_refusal(400, "invalidRequest", "The API is not supported for this account.")
    return _delete(asked)


def _content(asked: Asked) -> Reply:
    item = asked.item
    if item.hashes is None:
        raise graph_refusal(400, "invalidRequest", "A folder has no content.")
    return Reply(body=b"".join(asked.contents.chunks(item.hashes.sha256)), content_type="application/octet-stream")


def _decoded(body: bytes, shape: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body or b"{}", type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise graph_refusal(400, "invalidRequest", "The body is not of this shape.") from error


_ROUTES: dict[tuple[str, str, str], tuple[str, Callable[[Asked], Reply]]] = {
    ("GET", "drive", ""): ("drive.get", _drive),
    ("GET", "item", ""): ("item.get", _get),
    ("PATCH", "item", ""): ("item.update", _update),
    ("DELETE", "item", ""): ("item.delete", _delete),
    ("POST", "item", "permanentDelete"): ("item.delete", _permanent),
    ("GET", "item", "children"): ("item.children", _children),
    ("POST", "item", "children"): ("item.create", _create),
    ("GET", "item", "content"): ("item.content", _content),
}
