"""The id of each folder: one creation however many want it, and what has the name already is used."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import msgspec

from archiver.destinations.box.api import Api, Request
from archiver.destinations.box.errors import NotThereError, TakenError
from archiver.destinations.box.wire import Folder, ancestors
from archiver.destinations.port import CallKind
from archiver.errors import ConflictError

__all__ = ["Folders"]

_KNOWN_MOST = 5_000


class Folders:
    """Finds folders by making them: Box refuses a second one of a name, and tells the id of the first.

    Args:
        api: Makes the calls.
        root: The id that everything is below.
    """

    def __init__(self, api: Api, root: str) -> None:
        self._api = api
        self._root = root
        self._known: OrderedDict[str, str] = OrderedDict()
        self._one = asyncio.Lock()

    async def find(self, path: str) -> str:
        """The id of a folder, which is made if it is not there.

        Args:
            path: Such as ``/Archive/2026``; empty for the root.

        Raises:
            ConflictError: A file stands in the way.
            ArchiverError: A call was refused.
        """
        if not path:
            return self._root
        found = self._known.get(path)
        if found is not None:
            self._known.move_to_end(path)
            return found
        async with self._one:
            folder_id = self._root
            for one in ancestors(path):
                folder_id = self._known.get(one) or await self._make(one, folder_id)
            return folder_id

    def forget(self) -> None:
        """One of them is not there any more: none is trusted."""
        self._known.clear()

    async def _make(self, path: str, parent: str) -> str:
        said = {"name": path.rpartition("/")[2], "parent": {"id": parent}}
        request = Request(
            route="folders.create",
            method="POST",
            path="/folders?fields=id",
            kind=CallKind.TRANSFER,
            body=lambda: [msgspec.json.encode(said)],
        )
        try:
            folder: Folder = await self._api.ask(request, Folder)
        except TakenError as error:
            if error.rival is None:
                raise
            if not error.rival.is_folder:
                raise ConflictError("Box: a file stands where a folder belongs", hint="Move it away, then retry.") from None
            folder = Folder(error.rival.id)
        except NotThereError:
            self.forget()  # the folder above it is gone
            raise
        self._known[path] = folder.id
        if len(self._known) > _KNOWN_MOST:
            self._known.popitem(last=False)
        return folder.id
