"""The id of each folder. Names of folders need not be unique either: one creation however many want it, and the oldest one counts."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Iterable

from archiver.destinations.google_drive.api import Api, Request
from archiver.destinations.google_drive.errors import BadCallError, InUseError, NotThereError
from archiver.destinations.google_drive.ids import IdPool
from archiver.destinations.google_drive.looking import Looking
from archiver.destinations.google_drive.wire import FOLDER, KEY, DriveFile, key_of, quoted, split
from archiver.destinations.port import CallKind

__all__ = ["Folders"]

_KNOWN_MOST = 5_000


class Folders:
    """Finds and makes folders below a root.

    A folder of ours is known by the key of its path: a customer may rename it or move it, and it is filled where it is then.

    Args:
        api: Makes the calls.
        ids: Gives ids.
        looking: Searches.
        root: The id that everything is below: a folder's, a shared drive's, or ``root``.
    """

    def __init__(self, api: Api, ids: IdPool, looking: Looking, root: str) -> None:
        self._api = api
        self._ids = ids
        self._looking = looking
        self._root = root
        self._known: OrderedDict[str, str] = OrderedDict()
        self._promised: dict[str, str] = {}  # what is being made, or whose answer was lost
        self._one = asyncio.Lock()

    async def find(self, path: str) -> str:
        """The id of a folder, which is made if it is not there.

        Args:
            path: Such as ``/Archive/2026``; empty for the root.

        Raises:
            ArchiverError: A call was refused.
        """
        if not path.strip("/"):
            return self._root
        found = self._known.get(path)
        if found is not None:
            self._known.move_to_end(path)
            return found
        async with self._one:
            return self._known.get(path) or await self._resolve(path)

    def forget(self) -> None:
        """One of them is not there any more, or is in the bin: none is trusted."""
        self._known.clear()
        self._promised.clear()

    async def _resolve(self, path: str) -> str:
        """Finds what there is of a path with one search, and makes the rest, from the top downwards."""
        paths = list(_ancestors(path))
        # Not what is known later: somebody may forget everything meanwhile.
        ids = {one: self._known[one] for one in paths if one in self._known}
        unknown = {key_of(self._root, one): one for one in paths if one not in ids}
        terms = " or ".join(self._looking.by_key(key) for key in unknown)
        for folder in _oldest_first(await self._looking.search(f"mimeType = {quoted(FOLDER)} and trashed = false and ({terms})")):
            if folder.key in unknown:
                ids.setdefault(unknown[folder.key], folder.id)
        fresh = False
        for one in paths:
            if one not in ids:
                above, name = split(one)
                parent = ids[above] if above else self._root
                folder_id = "" if fresh else await self._by_name(parent, name)  # in one that was just made there is nothing
                fresh = not folder_id
                ids[one] = folder_id or await self._make(one, parent, name)
            self._learn(one, ids[one])
        return ids[path]

    def _learn(self, path: str, folder_id: str) -> None:
        self._known[path] = folder_id
        self._known.move_to_end(path)
        if len(self._known) > _KNOWN_MOST:
            self._known.popitem(last=False)

    async def _by_name(self, parent: str, name: str) -> str:
        """Somebody else's folder, or one of an earlier time; empty if there is none."""
        terms = f"mimeType = {quoted(FOLDER)} and trashed = false and {quoted(parent)} in parents and name = {quoted(name)}"
        found = [folder for folder in _oldest_first(await self._looking.search(terms)) if folder.name == name]
        return found[0].id if found else ""

    async def _make(self, path: str, parent: str, name: str) -> str:
        folder_id = self._promised.get(path) or await self._ids.take()
        self._promised[path] = folder_id
        said = {"id": folder_id, "name": name, "mimeType": FOLDER, "parents": [parent], "appProperties": {KEY: key_of(self._root, path)}}
        request = Request(
            route="files.create",
            method="POST",
            path="/drive/v3/files",
            query={"fields": "id", **self._looking.everywhere},
            kind=CallKind.TRANSFER,
            body=lambda: [json.dumps(said).encode()],
        )
        try:
            await self._api.call(request)
        except InUseError:
            pass  # an earlier call made it, whose answer was lost
        except (BadCallError, NotThereError):
            self.forget()  # the folder above it is gone, or the promise does not hold
            raise
        self._promised.pop(path, None)
        return folder_id


def _ancestors(path: str) -> Iterable[str]:
    """``/a``, ``/a/b``, … up to the path itself."""
    found = ""
    for part in path.strip("/").split("/"):
        found += f"/{part}"
        yield found


def _oldest_first(folders: Iterable[DriveFile]) -> list[DriveFile]:
    return sorted(folders, key=lambda folder: (folder.created_time, folder.id))
