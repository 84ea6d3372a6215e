"""The part of the port that keeping and erasing need: for how long, what may go, and what is left of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

from archiver.lifecycle import DeliveryState
from archiver.model import Connection, Customer, Kind, LaneId, Millis, Receipt

__all__ = ["CustomerChange", "Erasable", "ErasingDatabase"]


class CustomerChange(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes other about a customer; None leaves it as it is.

    Attributes:
        weight: The share when room is scarce.
        path_template: How paths of new items are made.
        hold: Why nothing may be erased; empty ends the hold.
        keep_days: For so many days nothing may be erased.
        erase_days: After so many days it is erased by itself; 0 never.
    """

    weight: int | None = None
    path_template: str | None = None
    hold: str | None = None
    keep_days: int | None = None
    erase_days: int | None = None


class Erasable(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery of an item that became known before some moment.

    Attributes:
        delivery_id: Which.
        lane: Where it went.
        item_id: Of what.
        state: Only what has ended may be erased.
        discovered_at: When the item became known.
        receipt: The proof, with the path of the file; None if there is no file.
    """

    delivery_id: int
    lane: LaneId
    item_id: int
    state: DeliveryState
    discovered_at: Millis
    receipt: Receipt | None


class ErasingDatabase(Protocol):
    """Keeping and erasing. Each method is one transaction."""

    async def change_customer(self, name: str, change: CustomerChange) -> Customer:
        """Changes a customer.

        Raises:
            ConfigError: There is no such customer, or a value cannot be.
        """
        ...

    async def route(self, connection_id: int, kinds: Collection[Kind]) -> Connection:
        """Says which kinds of items go to a destination from now on; empty for all.

        Raises:
            ConfigError: There is no such destination.
        """
        ...

    async def erasable(self, customer_id: int, *, before: Millis, after: int = 0, limit: int = 500) -> Sequence[Erasable]:
        """A page of a customer's deliveries that are not erased, by id; those of items which became known before a moment.

        Args:
            customer_id: Whose.
            before: The moment; the first delivery of a later item ends the page and all after it.
            after: The id of the last one of the page before.
            limit: At most this many.
        """
        ...

    async def erase(self, customer_id: int, delivery_ids: Collection[int], *, reason: str, now: Millis) -> int:
        """Forgets deliveries, and of their items everything personal, once no delivery of an item is left.

        What stays is a tombstone: the numbers, the hash of the receipt (so that the audit log can still be held against it), when and why.
        The item's id stays too, so that its source cannot bring it back.

        Returns:
            How many were erased; those that wait, or are erased already, are left alone.
        """
        ...

    async def remove_customer(self, customer_id: int, *, reason: str, now: Millis, limit: int = 5000) -> int:
        """Removes a customer bit by bit: first the deliveries, with a tombstone each, then all the rest. Nobody may serve it.

        What stays are numbers, which are not given a second time, and the ids of its items.

        Returns:
            How many deliveries were removed; after 0 the customer is gone and the name is free.
        """
        ...
