"""Ids that Google has promised: what is made under one of them is made once, whatever became of the first answer."""

from __future__ import annotations

import asyncio
import re

from archiver.destinations.google_drive.api import Api, Request
from archiver.destinations.google_drive.wire import Ids
from archiver.errors import TransientError

__all__ = ["IdPool", "is_id"]

_MOST = 1000
_LEAST = 20
_ID = re.compile(r"[A-Za-z0-9_-]{8,128}")


def is_id(text: str) -> bool:
    """Whether a text can be an id of Google Drive."""
    return _ID.fullmatch(text) is not None


class IdPool:
    """Gives ids; asks for more as they are used: few at first, since an idle lane needs few.

    Args:
        api: Makes the calls.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._ids: list[str] = []
        self._next = _LEAST
        self._one = asyncio.Lock()

    async def take(self) -> str:
        """One that nobody has had.

        Raises:
            ArchiverError: Google gives none now.
        """
        if not self._ids:
            async with self._one:
                if not self._ids:
                    await self._refill()
        return self._ids.pop()

    async def _refill(self) -> None:
        query = {"count": str(self._next), "space": "drive"}
        request = Request(route="files.generateIds", method="GET", path="/drive/v3/files/generateIds", query=query)
        answer: Ids = await self._api.ask(request, Ids)
        if not answer.ids or not all(map(is_id, answer.ids)):
            raise TransientError("Google Drive gave no ids")
        self._ids = list(answer.ids)
        self._next = min(4 * self._next, _MOST)
