"""A drive: items by id and by path. A folder has each name once, whatever its case."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from archiver.sandbox.clock import timestamp
from archiver.sandbox.microsoft.hashes import Hashes
from archiver.sandbox.microsoft.refusals import graph_refusal, not_found, taken

__all__ = ["Conflict", "Drive", "DriveType", "Item", "check_name"]

DriveType = Literal["personal", "business", "documentLibrary"]
Conflict = Literal["fail", "replace", "rename"]

_PATH_CHARACTERS = 400
_NAME_CHARACTERS = 255
_WRONG = re.compile(
    r'["*:<>?/\\|\x00-\x1f]|^[ ~]|[ .]$|_vti_|^\.lock$|^desktop\.ini$|^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)', re.IGNORECASE
)
_SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class Item(msgspec.Struct, kw_only=True):
    """A file or a folder.

    Attributes:
        id: Its name for machines.
        name: For people.
        parent: The id of the folder that it is in; empty for the root.
        guid: Of its tags.
        hashes: Of its bytes; None for folders.
        changes: Of anything.
        contents: How many contents it has had.
        created_at: Seconds since the epoch.
        modified_at: As above; as the client said, or when its bytes came.
        locked: Nobody may change or delete it.
    """

    id: str
    name: str
    parent: str = ""
    guid: str
    hashes: Hashes | None = None
    changes: int = 1
    contents: int = 0
    created_at: float
    modified_at: float
    locked: bool = False

    @property
    def is_folder(self) -> bool:
        """Holds others."""
        return self.hashes is None

    @property
    def e_tag(self) -> str:
        """Of everything."""
        return f'"{{{self.guid}}},{self.changes}"'

    @property
    def c_tag(self) -> str:
        """Of its bytes."""
        return f'"c:{{{self.guid}}},{self.contents}"'


class Drive:
    """One drive.

    Args:
        name: Of its owner, or of the library.
        kind: What it is.
        quota_bytes: Its space.
        now: Seconds since the epoch.
    """

    def __init__(self, name: str, kind: DriveType, quota_bytes: int, now: float) -> None:
        self.name = name
        self.kind = kind
        self.quota_bytes = quota_bytes
        self.id = secrets.token_hex(8).upper() if kind == "personal" else f"b!{secrets.token_urlsafe(48)}"
        self.transfers: dict[str, int] = {}
        self._items: dict[str, Item] = {}
        self._children: dict[str, dict[str, Item]] = {}
        self.root = self._add(Item(id=self._new_id(), name="root", guid=_guid(), created_at=now, modified_at=now))

    @property
    def used_bytes(self) -> int:
        """Of all files."""
        return sum(item.hashes.size for item in self._items.values() if item.hashes is not None)

    def files(self) -> Iterator[Item]:
        """Every file."""
        return (item for item in list(self._items.values()) if not item.is_folder)

    def children(self, item: Item) -> list[Item]:
        """What is in a folder, by name."""
        return [item for _, item in sorted(self._children.get(item.id, {}).items())]

    def by_id(self, item_id: str) -> Item:
        """An item by its id, or by the alias ``root``.

        Raises:
            Refusal: There is none.
        """
        found = self.root if item_id in {"", "root"} else self._items.get(item_id)
        if found is None:
            raise not_found()
        return found

    def find(self, start: Item, path: str) -> Item | None:
        """What stands at a path below an item; None if nothing does."""
        item: Item | None = start
        for part in _parts(path):
            item = None if item is None else self._children.get(item.id, {}).get(part.casefold())
        return item

    def path(self, item: Item) -> str:
        """From the root; empty for the root itself."""
        return f"{self.path(self._items[item.parent])}/{item.name}" if item.parent else ""

    def folder_for(self, start: Item, path: str, now: float) -> tuple[Item, str]:
        """The folder that a path's last part belongs into, which is made with all above it; and that part.

        Raises:
            Refusal: A part cannot be a name, or a file stands in the way.
        """
        *above, name = _parts(path) or [""]
        if len(self.path(start)) + len(path) + 1 > _PATH_CHARACTERS:
            raise graph_refusal(400, "invalidRequest", "The path is too long.", inner="pathIsTooLong")
        for part in (*above, name):
            check_name(part)
        folder = start
        for part in above:
            folder = self._children.get(folder.id, {}).get(part.casefold()) or self.add(folder, part, now)
            if not folder.is_folder:
                raise taken()
        return folder, name

    def child(self, folder: Item, name: str) -> Item | None:
        """What has a name in a folder, whatever its case."""
        return self._children.get(folder.id, {}).get(name.casefold())

    def add(self, folder: Item, name: str, now: float, hashes: Hashes | None = None) -> Item:
        """Puts a new item into a folder, in which nothing has this name."""
        item = Item(id=self._new_id(), name=name, parent=folder.id, guid=_guid(), hashes=hashes, created_at=now, modified_at=now)
        return self._add(item)

    def free_name(self, folder: Item, name: str) -> str:
        """A name that nothing has, made from one that something has."""
        stem, dot, ending = name.rpartition(".")
        number = 1
        while self.child(folder, name) is not None:
            name = f"{stem} {number}{dot}{ending}" if dot else f"{ending} {number}"
            number += 1
        return name

    def move(self, item: Item, folder: Item, name: str) -> None:
        """Puts an item elsewhere, under another name perhaps.

        Raises:
            Refusal: The name cannot be one, or is taken.
        """
        check_name(name)
        there = self.child(folder, name)
        if there is not None and there is not item:
            raise taken()
        del self._children[item.parent][item.name.casefold()]
        item.parent, item.name = folder.id, name
        self._add(item)

    def remove(self, item: Item) -> None:
        """Takes an item away, with all that is in it.

        Raises:
            Refusal: It is locked.
        """
        if item.locked:
            raise graph_refusal(423, "resourceLocked", "The resource is locked.", inner="itemHasRetentionLabel")
        for child in self.children(item):
            self.remove(child)
        del self._items[item.id]
        self._children[item.parent].pop(item.name.casefold(), None)

    def shown(self, item: Item, *, hashes: bool = True) -> dict[str, Any]:
        """An item as Graph tells it."""
        told: dict[str, Any] = {
            "id": item.id,
            "name": item.name,
            "eTag": item.e_tag,
            "cTag": item.c_tag,
            "size": 0 if item.hashes is None else item.hashes.size,
            "createdDateTime": timestamp(item.created_at),
            "lastModifiedDateTime": timestamp(item.modified_at),
            "fileSystemInfo": {"createdDateTime": timestamp(item.created_at), "lastModifiedDateTime": timestamp(item.modified_at)},
            "parentReference": {"driveId": self.id, "driveType": self.kind},
        }
        if item.parent:
            above = self._items[item.parent]
            told["parentReference"] |= {"id": above.id, "path": f"/drives/{self.id}/root:{self.path(above)}"}
        else:
            told["root"] = {}
        if item.hashes is None:
            return told | {"folder": {"childCount": len(self._children.get(item.id, {}))}}
        found = {"quickXorHash": item.hashes.quick_xor}
        if self.kind == "personal":
            found |= {"sha1Hash": item.hashes.sha1, "sha256Hash": item.hashes.sha256.upper()}
        return told | {"file": {"mimeType": "application/octet-stream", **({"hashes": found} if hashes else {})}}

    def _add(self, item: Item) -> Item:
        self._items[item.id] = item
        if item.parent:
            self._children.setdefault(item.parent, {})[item.name.casefold()] = item
        return item

    def _new_id(self) -> str:
        if self.kind == "personal":
            return f"{self.id}!s{secrets.token_hex(16)}"
        return "01" + "".join(secrets.choice(_SIGNS) for _ in range(32))


def check_name(name: str) -> None:
    """Whether something may be called so (https://support.microsoft.com/office/64883a5d-228e-48f5-b3d2-eb39e07630fa).

    Raises:
        Refusal: It may not.
    """
    if not name or len(name) > _NAME_CHARACTERS or _WRONG.search(name):
        raise graph_refusal(400, "invalidRequest", "The provided name cannot be one.", inner="invalidName")


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _guid() -> str:
    return str(uuid.uuid4()).upper()
