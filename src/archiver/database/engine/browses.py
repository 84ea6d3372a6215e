"""`archiver.database.browsing.Browsing` for every engine, but for how items are found by their words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec
import sqlalchemy as sa

from archiver.database.browsing import Cause, CustomerRow, Found, ItemDetail, Query
from archiver.database.engine import browsing
from archiver.database.engine.handles import Handled

__all__ = ["Browses", "Finder"]


class Finder(Protocol):
    """How an engine finds items by their words."""

    find: browsing.FindItems

    def behind(self, core: sa.Connection) -> int:
        """How many of the newest items it does not know yet."""
        ...

    def learn(self, core: sa.Connection, limit: int) -> int:
        """Gets to know some more of them; how many."""
        ...


class _Finds(Handled, Protocol):
    @property
    def _finder(self) -> Finder: ...


class Browses:
    """Lists for people."""

    async def customers_page(
        self: Handled,
        *,
        text: str = "",
        which: Literal["all", "needing", "paused"] = "all",
        after: str = "",
        exactly: str | None = None,
        limit: int = 50,
    ) -> Sequence[CustomerRow]:
        """Customers by name."""
        return await self._looker.core(browsing.customers_page, browsing.Customers(text, which, after, exactly, limit))

    async def causes(self: Handled) -> Sequence[Cause]:
        """Why deliveries need a person."""
        return await self._looker.core(browsing.causes)

    async def item_detail(self: Handled, delivery: int) -> ItemDetail | None:
        """One delivery with its item."""
        return await self._looker.core(browsing.item_detail, delivery)

    async def search(self: _Finds, query: Query, *, before: int = 0, limit: int = 50) -> Found:
        """Items that fit."""
        found = await self._looker.core(browsing.search, self._finder.find, query, before, limit)
        return msgspec.structs.replace(found, behind=await self._looker.core(self._finder.behind))

    async def learn(self: _Finds, limit: int) -> int:
        """Lets `search` know some more items."""
        return await self._writer.core(self._finder.learn, limit)
