"""Customers with things to deliver, for the tests of the kit and of the engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from archiver.database.port import Birth, Database, Settled, Want
from archiver.lifecycle import DeliveryState
from archiver.model import Connection, Customer, Delivery, Discovery, Kind, LaneId, Receipt, Role

__all__ = ["LATER", "NOW", "World", "archived", "discovery", "due", "numbers", "settled", "world"]

NOW = 1_000_000
"""When the tests happen."""
LATER = NOW + 60_000
"""When what was put off is ready again."""


class World(msgspec.Struct, frozen=True):
    """A customer with a source and some destinations."""

    customer: Customer
    source: Connection
    lanes: tuple[LaneId, ...]

    @property
    def epochs(self) -> dict[int, int]:
        """The epoch under which the customer is owned."""
        return {self.customer.id: self.customer.epoch}

    def births(self, count: int, *, first: int = 0, priority: int = 0, **changes: Any) -> list[Birth]:
        """Births of ``count`` items for every lane."""
        return [
            Birth(discovery(number, **changes), [(lane, f"/sms/{number}.txt", priority) for lane in self.lanes])
            for number in range(first, first + count)
        ]


async def world(database: Database, name: str = "airline", *, lanes: int = 1) -> World:
    """Adds a customer with its connections."""
    customer = await database.add_customer(name, path_template="{kind}/{external_id}")
    source = await database.add_connection(customer.id, Role.SOURCE, "memory", {}, {})
    added = [await database.add_connection(customer.id, Role.DESTINATION, "memory", {}, {}) for _ in range(lanes)]
    return World(customer, source, tuple(connection.id for connection in added))


def discovery(number: int, **changes: Any) -> Discovery:
    """A small SMS."""
    found = Discovery(
        kind=Kind.SMS, external_id=f"{number}", occurred_at=number, locator=f"sms/{number}", media_type="text/plain", size=160
    )
    return msgspec.structs.replace(found, **changes)


def settled(delivery: Delivery, state: DeliveryState, **changes: Any) -> Settled:
    """What becomes of a delivery; it was put off until `LATER` if it goes on waiting."""
    changes = {"ready_at": LATER, "attempt": delivery.attempt + 1, "reason": "TransientError", "detail": "503", **changes}
    return Settled(
        delivery_id=delivery.id,
        lane=delivery.lane,
        customer_id=delivery.customer_id,
        kind=delivery.item.kind,
        size=160,
        state=state,
        **changes,
    )


def archived(delivery: Delivery) -> Settled:
    """A delivery that was archived."""
    receipt = Receipt(
        path=delivery.path,
        remote_id="id:1",
        revision="r1",
        size=160,
        sha256="ab",
        remote_hash="dropbox:cd",
        archived_at=NOW,
        recovered=True,
    )
    return settled(delivery, DeliveryState.ARCHIVED, attempt=0, reason="", detail="", receipt=receipt)


async def due(database: Database, lane: LaneId, limit: int = 1000, now: int = NOW) -> Sequence[Delivery]:
    """The due deliveries of one lane."""
    return (await database.waiting({lane: Want(limit)}, now)).get(lane, [])


async def numbers(database: Database, lane: LaneId) -> Mapping[str, int]:
    """The lane's counters that are numbers of deliveries."""
    (found,) = [counters for counters in await database.counters() if counters.lane == lane]
    return {state.value: getattr(found, state.value) for state in DeliveryState}
