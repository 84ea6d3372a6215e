"""Everything in one account: items by id. A folder has each name once, whatever its case; what is deleted is in the trash first."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import msgspec

from archiver.sandbox.box.refusals import box_refusal, not_found, taken
from archiver.sandbox.clock import timestamp

__all__ = ["ROOT", "Bytes", "Item", "Tree"]

ROOT = "0"
_NAME_CHARACTERS = 255


class Bytes(msgspec.Struct, frozen=True):
    """What is told of a content."""

    size: int
    sha1: str
    sha256: str


class Item(msgspec.Struct, kw_only=True):
    """A file or a folder.

    Attributes:
        id: Its name for machines.
        name: For people.
        parent: The id of the folder that it is in; empty for the root.
        content: Of its bytes; None for folders.
        version: The id of its version.
        changes: Of anything; its tag.
        contents: How many contents it has had.
        created_at: Seconds since the epoch.
        modified_at: As the client said, or when its bytes came.
        locked: Nobody may delete it.
    """

    id: str
    name: str
    parent: str
    content: Bytes | None = None
    version: str = ""
    changes: int = 0
    contents: int = 1
    created_at: float
    modified_at: str
    locked: bool = False


class Tree:
    """The items of one account.

    Args:
        quota_bytes: Its space.
    """

    def __init__(self, quota_bytes: int) -> None:
        self.quota_bytes = quota_bytes
        self.trash: dict[str, Item] = {}
        self._items = {ROOT: Item(id=ROOT, name="All Files", parent="", created_at=0.0, modified_at=timestamp(0.0))}
        self._children: dict[str, dict[str, Item]] = {}
        self._ids = itertools.count(1_000_000_000)

    @property
    def used_bytes(self) -> int:
        """Of all files."""
        return sum(item.content.size for item in self._items.values() if item.content is not None)

    def files(self) -> Iterator[Item]:
        """Every file."""
        return (item for item in list(self._items.values()) if item.content is not None)

    def children(self, folder: Item) -> list[Item]:
        """What is in a folder, by name."""
        return [item for _, item in sorted(self._children.get(folder.id, {}).items())]

    def by_id(self, item_id: str, *, folder: bool) -> Item:
        """An item by its id.

        Raises:
            Refusal: There is none of this kind, or it is in the trash.
        """
        item = self._items.get(item_id)
        if item is None or (item.content is None) != folder:
            raise not_found("trashed" if item_id in self.trash else "not_found")
        return item

    def above(self, item: Item) -> list[Item]:
        """The folders that it is in, from the root on."""
        return [*self.above(self._items[item.parent]), self._items[item.parent]] if item.parent else []

    def path(self, item: Item) -> str:
        """From the root."""
        return "".join(f"/{one.name}" for one in [*self.above(item)[1:], item])

    def free(self, folder: Item, name: str, *, making_folder: bool = False, but: Item | None = None) -> None:
        """Makes sure that nothing has a name, and that it can be one.

        Raises:
            Refusal: Something has it, or it cannot.
        """
        if name in {"", ".", ".."} or "/" in name or "\\" in name or name != name.strip(" ") or any(sign < " " for sign in name):
            raise box_refusal(400, "item_name_invalid", "Item name invalid")
        if len(name) > _NAME_CHARACTERS:
            raise box_refusal(400, "item_name_too_long", "Item name too long")
        rival = self._children.get(folder.id, {}).get(name.casefold())
        if rival is not None and rival is not but:
            raise taken(self.shown(rival), making_folder=making_folder)

    def room(self, size: int) -> None:
        """Makes sure that there is room.

        Raises:
            Refusal: There is none.
        """
        if self.used_bytes + size > self.quota_bytes:
            raise box_refusal(403, "storage_limit_exceeded", "Account storage limit reached")

    def add(self, folder: Item, name: str, now: float, content: Bytes | None = None, modified_at: str = "") -> Item:
        """Puts a new item into a folder, in which nothing has this name."""
        item = Item(id=str(next(self._ids)), name=name, parent=folder.id, created_at=now, modified_at=modified_at or timestamp(now))
        if content is not None:
            item.content, item.version = content, str(next(self._ids))
        self._items[item.id] = item
        self._children.setdefault(folder.id, {})[name.casefold()] = item
        return item

    def renew(self, item: Item, content: Bytes, now: float) -> None:
        """Another version of a file."""
        item.content, item.version, item.modified_at = content, str(next(self._ids)), timestamp(now)
        item.changes += 1
        item.contents += 1

    def move(self, item: Item, folder: Item, name: str) -> None:
        """Puts an item elsewhere, under another name perhaps.

        Raises:
            Refusal: The name cannot be one, or is taken.
        """
        self.free(folder, name, making_folder=item.content is None, but=item)
        del self._children[item.parent][item.name.casefold()]
        item.parent, item.name = folder.id, name
        item.changes += 1
        self._children.setdefault(folder.id, {})[name.casefold()] = item

    def remove(self, item: Item) -> None:
        """Puts an item into the trash, with all that is in it.

        Raises:
            Refusal: It is locked.
        """
        if item.locked:
            raise box_refusal(403, "access_denied_item_locked", "Access denied: item locked")
        for child in self.children(item):
            self.remove(child)
        del self._children[item.parent][item.name.casefold()]
        self.trash[item.id] = self._items.pop(item.id)

    def shown(self, item: Item) -> dict[str, Any]:
        """An item as Box tells it."""
        above = self.above(item)
        told: dict[str, Any] = {
            "type": "folder" if item.content is None else "file",
            "id": item.id,
            "sequence_id": str(item.changes),
            "etag": str(item.changes),
            "name": item.name,
            "size": 0 if item.content is None else item.content.size,
            "created_at": timestamp(item.created_at),
            "content_modified_at": item.modified_at,
            "modified_at": item.modified_at,
            "item_status": "active",
            "path_collection": {"total_count": len(above), "entries": [_mini(folder) for folder in above]},
            "parent": _mini(above[-1]) if above else None,
        }
        if item.content is None:
            return told
        sha1 = item.content.sha1
        return told | {"sha1": sha1, "file_version": {"type": "file_version", "id": item.version, "sha1": sha1}}


def _mini(folder: Item) -> dict[str, Any]:
    return {"type": "folder", "id": folder.id, "sequence_id": None, "etag": None, "name": folder.name}
