"""What people look through, as commands, console and programs ask it (``archiver.looking``): customers, items, causes, the archive.

In: names, numbers, questions. Out: frozen values of the database's port. Nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from archiver.database.browsing import Cause, CustomerRow, Found, ItemDetail, Query
from archiver.database.port import Database, DeliveryRow
from archiver.errors import ConfigError
from archiver.lifecycle import DeliveryState
from archiver.model import Connection

__all__ = ["Looking"]


class Looking:
    """Looks, and changes nothing.

    Args:
        database: Open.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def customers(
        self, *, text: str = "", which: Literal["all", "needing", "paused"] = "all", after: str = "", limit: int = 50
    ) -> Sequence[CustomerRow]:
        """A page of customers by name."""
        return await self._database.customers_page(text=text, which=which, after=after, limit=limit)

    async def customer(self, name: str) -> tuple[CustomerRow, Sequence[Connection]]:
        """A customer with its connections. Raises ConfigError if there is none of that name."""
        for row in await self._database.customers_page(exactly=name):
            return row, await self._database.connections(customer_id=row.customer.id)
        raise ConfigError(f"there is no customer {name}", hint="The list of customers shows them.")

    async def exists(self, name: str) -> bool:
        """Whether there is a customer of that name."""
        return bool(await self._database.customers_page(exactly=name))

    async def deliveries(
        self, *, customer: str | None = None, state: DeliveryState | None = None, after: int = 0, limit: int = 50
    ) -> Sequence[DeliveryRow]:
        """A page of deliveries by number."""
        return await self._database.deliveries(customer=customer, state=state, after=after, limit=limit)

    async def item(self, delivery: int) -> ItemDetail:
        """One delivery with its item. Raises ConfigError if there is no such one."""
        found = await self._database.item_detail(delivery)
        if found is None:
            raise ConfigError(f"there is no delivery {delivery}")
        return found

    async def causes(self) -> Sequence[Cause]:
        """Why deliveries need a person, the most frequent first."""
        return await self._database.causes()

    async def search(self, query: Query, *, before: int = 0, limit: int = 50) -> Found:
        """Items that fit, the newest first."""
        return await self._database.search(query, before=before, limit=limit)
