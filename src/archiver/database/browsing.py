"""What people look through: customers page by page, causes of failures, one item, and the archive by number, name, date and kind.

Part of the port of the Database. Every list pages by key, and none of them costs more the more there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from archiver.database.records import DeliveryRow, LaneCounters
from archiver.lifecycle import DeliveryState
from archiver.model import Customer, Kind, Millis

__all__ = ["MOST_COUNTED", "Browsing", "Cause", "CustomerRow", "Found", "FoundItem", "ItemDetail", "Query"]

MOST_COUNTED = 10_000
"""A cause with more failures than that is told as one with so many or more."""


class CustomerRow(msgspec.Struct, frozen=True, kw_only=True):
    """A customer in a list: with its lanes' numbers, without ``oldest_waiting_at``."""

    customer: Customer
    lanes: Sequence[LaneCounters]


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Why deliveries need a person, one reason at a time.

    Attributes:
        state: Rejected or gone.
        reason: The error's class name.
        count: How many, `MOST_COUNTED` at most.
        more: There may be more than that.
        example: What happened to one of them, for a person.
        delivery: That one.
        customer: Its customer.
    """

    state: DeliveryState
    reason: str
    count: int
    more: bool
    example: str
    delivery: int
    customer: str


class ItemDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery with its item.

    Attributes:
        row: The delivery.
        adapter: Where it goes.
        item: The item's number.
        part: Which part of the thing; empty if there is only one.
        media_type: Of its bytes.
        direction: ``inbound``, ``outbound`` or empty.
        sender: Number or name.
        recipient: Number or name.
        owner: The extension or line.
        purge_at: When the source will delete it; None if that is not known.
        metadata: What else the source knows.
        others: The item's other deliveries, by number.
    """

    row: DeliveryRow
    adapter: str
    item: int
    part: str
    media_type: str
    direction: str
    sender: str
    recipient: str
    owner: str
    purge_at: Millis | None
    metadata: Mapping[str, Any]
    others: Sequence[int]


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for; what is empty does not matter.

    Attributes:
        text: Words of numbers, names and ids; all of them must be there. If nothing has them whole, a word of three letters or more may be
            the beginning of one; and of a number of seven digits or more the last seven count.
        customer: A customer's name.
        kind: What it is.
        since: It happened then or later.
        until: It happened before.
    """

    text: str = ""
    customer: str = ""
    kind: Kind | None = None
    since: Millis | None = None
    until: Millis | None = None


class FoundItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item that was found, with one of its deliveries: the first."""

    item: int
    customer: str
    kind: Kind
    occurred_at: Millis
    direction: str
    sender: str
    recipient: str
    owner: str
    size: int | None
    delivery: int
    state: DeliveryState
    path: str
    archived_at: Millis | None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A page of what was found, the newest first.

    Attributes:
        items: The page.
        before: Where the next page begins; 0 if there is none.
        behind: How many of the newest items the search does not know yet.
    """

    items: Sequence[FoundItem]
    before: int = 0
    behind: int = 0


class Browsing(Protocol):
    """Lists for people."""

    async def customers_page(
        self,
        *,
        text: str = "",
        which: Literal["all", "needing", "paused"] = "all",
        after: str = "",
        exactly: str | None = None,
        limit: int = 50,
    ) -> Sequence[CustomerRow]:
        """Customers by name.

        Args:
            text: The name contains it.
            which: All, those with a connection that is not active, or those that are paused.
            after: Only names after this one.
            exactly: Only this one.
            limit: At most so many.
        """
        ...

    async def causes(self) -> Sequence[Cause]:
        """Why deliveries need a person, the most frequent first; some dozens at most."""
        ...

    async def item_detail(self, delivery: int) -> ItemDetail | None:
        """One delivery with its item; None if there is no such one."""
        ...

    async def search(self, query: Query, *, before: int = 0, limit: int = 50) -> Found:
        """Items that fit, the newest first; ``before`` is where the page before ended."""
        ...

    async def learn(self, limit: int) -> int:
        """Lets `search` know some more of the newest items, where the engine does not do that when they are born; how many."""
        ...
