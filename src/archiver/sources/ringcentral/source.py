"""The source itself: the methods of the port."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from archiver.errors import ArchiverError
from archiver.model import Item
from archiver.oauth import Credentials
from archiver.sources.inline import is_inline, unpack
from archiver.sources.port import Context, Page, Room
from archiver.sources.replies import read_each
from archiver.sources.ringcentral.api import Api, Budgets
from archiver.sources.ringcentral.contents import ROUTES, Contents
from archiver.sources.ringcentral.rounds import Rounds
from archiver.sources.ringcentral.settings import RingCentralSettings

__all__ = ["RingCentralSource"]

_CHUNK_BYTES = 1024 * 1024


class RingCentralSource:
    """One RingCentral account, through one user of it.

    Args:
        context: Clock, HTTP session, where secrets are kept.
        settings: What is fetched from where.
        credentials: What the account was connected with.
        budgets: The process's.

    Attributes:
        on_news: See `archiver.sources.port.Told`.
    """

    def __init__(self, context: Context, settings: RingCentralSettings, credentials: Credentials, budgets: Budgets) -> None:
        self._settings = settings
        api = Api(context, settings.base_url, credentials, budgets)
        self._api = api
        self._contents = Contents(api, context.clock)
        self.on_news: Callable[[], None] = lambda: None
        self._rounds = Rounds(api, self._contents, settings, context.clock, hooks=context.hooks, on_news=self._told)

    def __repr__(self) -> str:
        return f"RingCentralSource({self._settings.base_url!r})"

    def _told(self) -> None:
        self.on_news()

    def discover(self, cursor: str) -> AsyncGenerator[Page, None]:
        """Passes over the call log and every message store, then what changes; see `Source.discover`."""
        return self._rounds.pages(cursor)

    async def read_many(self, items: Sequence[Item]) -> Sequence[bytes | ArchiverError]:
        """Whole items, one after the other: what counts is calls a minute; see `Source.read_many`."""
        return await read_each(self, items)

    async def stream(self, item: Item, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """The bytes from ``offset`` on; see `Source.stream`."""
        if is_inline(item.locator):
            data = unpack(item.locator)
            for start in range(offset, len(data), _CHUNK_BYTES):
                yield data[start : start + _CHUNK_BYTES]
            return
        async with aclosing(self._contents.stream(item, offset)) as chunks:
            async for chunk in chunks:
                yield chunk

    def room(self, budget: int, *, wanted: bool) -> Room:
        """What the limits leave for recordings and for attachments; see `archiver.sources.port.Paced.room`."""
        route = ROUTES.get(budget)
        if route is None:
            return Room(items=0, again_in=math.inf)
        items, wait = self._api.room(route, wanted=wanted)
        return Room(items=items, again_in=wait)

    async def close(self) -> None:
        """Ends every watch; the HTTP session is the process's. See `Source.close`."""
        self._rounds.close()
