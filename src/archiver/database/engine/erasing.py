"""Keeping and erasing, in SQLAlchemy Core."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import takewhile

import msgspec
import sqlalchemy as sa

from archiver.database.audit import receipt_hash
from archiver.database.engine.customers import connection_of, customer_of
from archiver.database.engine.handles import Handled
from archiver.database.engine.ids import chosen
from archiver.database.engine.looking import receipt_of
from archiver.database.port import CustomerChange, Erasable
from archiver.database.schema import (
    connections,
    cursors,
    customers,
    deliveries,
    invitations,
    items,
    journal,
    kind_counters,
    lane_counters,
    notices,
    passes,
    receipts,
    tombstones,
)
from archiver.errors import ConfigError
from archiver.lifecycle import DeliveryState
from archiver.model import Connection, ConnectionState, Customer, CustomerState, Kind, Millis, Role

__all__ = ["Erases"]

_PERSONAL = {"locator": "", "direction": "", "sender": "", "recipient": "", "owner": "", "metadata": "{}", "sha256": None}
_MOST_DAYS = 36_500
_NEVER = 1 << 62


class Erases:
    """`archiver.database.erasing.ErasingDatabase` for an engine."""

    async def change_customer(self: Handled, name: str, change: CustomerChange) -> Customer:
        """Changes a customer."""
        return await self._writer.core(_change_customer, name, change)

    async def route(self: Handled, connection_id: int, kinds: Collection[Kind]) -> Connection:
        """Says which kinds of items go to a destination."""
        return await self._writer.core(_route, connection_id, kinds)

    async def erasable(self: Handled, customer_id: int, *, before: Millis, after: int = 0, limit: int = 500) -> Sequence[Erasable]:
        """A page of a customer's deliveries that are not erased."""
        return await self._looker.core(_erasable, customer_id, before, after, limit)

    async def erase(self: Handled, customer_id: int, delivery_ids: Collection[int], *, reason: str, now: Millis) -> int:
        """Forgets deliveries, and what is personal of their items."""
        return await self._writer.core(_erase, customer_id, delivery_ids, reason, now) if delivery_ids else 0

    async def remove_customer(self: Handled, customer_id: int, *, reason: str, now: Millis, limit: int = 5000) -> int:
        """Removes a customer bit by bit."""
        return await self._writer.core(_remove, customer_id, reason, now, limit)


def _change_customer(core: sa.Connection, name: str, change: CustomerChange) -> Customer:
    values = {field: value for field, value in msgspec.structs.asdict(change).items() if value is not None}
    if values.get("weight", 1) < 1:
        raise ConfigError("a customer's weight is at least 1", hint="1 is everybody's share, 2 twice as much.")
    if any(not 0 <= values.get(days, 0) <= _MOST_DAYS for days in ("keep_days", "erase_days")):
        raise ConfigError(f"days are 0 to {_MOST_DAYS}")
    mine = customers.c.name == name
    if values:
        core.execute(customers.update().where(mine).values(values))
    row = core.execute(sa.select(customers).where(mine)).first()
    if row is None:
        raise ConfigError(f"there is no customer {name}", hint="`archiver customers list` shows them.")
    if 0 < row.erase_days < row.keep_days:
        raise ConfigError(
            f"what must be kept for {row.keep_days} days cannot be erased after {row.erase_days}", hint="Change both in one command."
        )
    return customer_of(row)


def _route(core: sa.Connection, connection_id: int, kinds: Collection[Kind]) -> Connection:
    mine = sa.and_(connections.c.id == connection_id, connections.c.role == Role.DESTINATION.value)
    core.execute(connections.update().where(mine).values(kinds=",".join(kinds)))
    row = core.execute(sa.select(connections).where(mine)).first()
    if row is None:
        raise ConfigError(f"there is no destination {connection_id}", hint="`archiver customers list --json` shows their numbers.")
    return connection_of(row)


def _erasable(core: sa.Connection, customer_id: int, before: Millis, after: int, limit: int) -> list[Erasable]:
    gone = sa.exists().where(tombstones.c.delivery_id == deliveries.c.id)
    proof = [column.label(f"receipt_{column.name}") for column in receipts.c]
    query = (
        sa.select(deliveries.c.id, deliveries.c.lane, deliveries.c.item_id, deliveries.c.state, items.c.discovered_at, *proof)
        .join(items, items.c.id == deliveries.c.item_id)
        .outerjoin(receipts, receipts.c.delivery_id == deliveries.c.id)
        .where(deliveries.c.customer_id == customer_id, deliveries.c.id > after, sa.not_(gone))
        .order_by(deliveries.c.id)
        .limit(limit)
    )
    return [
        Erasable(
            delivery_id=row.id,
            lane=row.lane,
            item_id=row.item_id,
            state=DeliveryState(row.state),
            discovered_at=row.discovered_at,
            receipt=None if row.receipt_delivery_id is None else receipt_of(row),
        )
        # Numbers grow with the time at which items became known: what comes after the first later one is later, and is not looked at.
        for row in takewhile(lambda row: row.discovered_at < before, core.execute(query))
    ]


def _erase(core: sa.Connection, customer_id: int, delivery_ids: Collection[int], reason: str, now: Millis) -> int:
    which = sa.and_(
        deliveries.c.customer_id == customer_id,
        deliveries.c.id.in_(chosen(core, sorted(delivery_ids))),
        deliveries.c.state != DeliveryState.WAITING.value,
        sa.not_(sa.exists().where(tombstones.c.delivery_id == deliveries.c.id)),
    )
    ended = core.execute(sa.select(deliveries.c.id, deliveries.c.item_id).where(which).order_by(deliveries.c.id)).all()
    if not ended:
        return 0
    ids = [row.id for row in ended]
    _bury(core, customer_id, ids, reason, now)
    these = chosen(core, ids)
    core.execute(receipts.delete().where(receipts.c.delivery_id.in_(these)))
    core.execute(deliveries.update().where(deliveries.c.id.in_(these)).values(path="", detail="", session=None))
    left = sa.exists().where(deliveries.c.item_id == items.c.id, sa.not_(sa.exists().where(tombstones.c.delivery_id == deliveries.c.id)))
    touched = chosen(core, sorted({row.item_id for row in ended}))
    _forget(core, sa.and_(items.c.id.in_(touched), sa.not_(left)), now)
    return len(ids)


def _forget(core: sa.Connection, which: sa.ColumnElement[bool], now: Millis) -> None:
    """Takes everything personal from items, and from what people find them by."""
    if core.dialect.name == "postgresql":  # SQLite's table of words has a trigger for it
        these = sa.select(items.c.id).where(which)
        words = sa.table("items_words", sa.column("item_id"))
        core.execute(words.delete().where(words.c.item_id.in_(these)))
    core.execute(items.update().where(which).values({**_PERSONAL, "erased_at": now}))


def _bury(core: sa.Connection, customer_id: int, ids: Sequence[int], reason: str, now: Millis) -> None:
    proof = [column.label(f"receipt_{column.name}") for column in receipts.c]
    found = core.execute(sa.select(*proof).where(receipts.c.delivery_id.in_(chosen(core, ids))))
    hashes = {row.receipt_delivery_id: receipt_hash(row.receipt_delivery_id, receipt_of(row)) for row in found}
    core.execute(
        tombstones.insert(),
        [
            {"delivery_id": one, "customer_id": customer_id, "receipt_hash": hashes.get(one, ""), "erased_at": now, "reason": reason}
            for one in ids
        ],
    )


def _remove(core: sa.Connection, customer_id: int, reason: str, now: Millis, limit: int) -> int:
    mine = deliveries.c.customer_id == customer_id
    left = sa.not_(sa.exists().where(tombstones.c.delivery_id == deliveries.c.id))
    ids = list(core.execute(sa.select(deliveries.c.id).where(mine, left).order_by(deliveries.c.id).limit(limit)).scalars())
    if ids:
        _bury(core, customer_id, ids, reason, now)
        these = chosen(core, ids)
        core.execute(receipts.delete().where(receipts.c.delivery_id.in_(these)))
        core.execute(journal.delete().where(journal.c.delivery_id.in_(these)))
        ended = sa.case((deliveries.c.state == DeliveryState.ARCHIVED.value, deliveries.c.state), else_=DeliveryState.GONE.value)
        blank = {"path": "", "detail": "", "session": None, "reason": "", "state": ended}
        core.execute(deliveries.update().where(deliveries.c.id.in_(these)).values(blank))
        return len(ids)
    _strip(core, customer_id, now)
    return 0


def _strip(core: sa.Connection, customer_id: int, now: Millis) -> None:
    """Takes everything from a customer and its connections but their numbers, which are not given a second time."""
    mine = sa.select(connections.c.id).where(connections.c.customer_id == customer_id)
    _forget(core, items.c.source_id.in_(mine), now)
    core.execute(invitations.delete().where(invitations.c.customer_id == customer_id))
    for table, column in (
        (cursors, cursors.c.source_id),
        (passes, passes.c.source_id),
        (lane_counters, lane_counters.c.lane),
        (kind_counters, kind_counters.c.lane),
        (notices, notices.c.connection_id),
    ):
        core.execute(table.delete().where(column.in_(mine)))
    # Active, so that it counts nowhere as one that needs somebody; and nobody renews it any more.
    active = {"state": ConnectionState.ACTIVE.value, "reason": "", "renewed_at": _NEVER}
    bare = {"options": "{}", "secrets": msgspec.msgpack.encode({}), "account": "", **active}
    core.execute(connections.update().where(connections.c.customer_id == customer_id).values(bare))
    # No customer can be called so, and the name is free for another one.
    gone = {"name": f"~{customer_id}", "state": CustomerState.PAUSED.value, "has_source": False, "path_template": "", "removed_at": now}
    core.execute(customers.update().where(customers.c.id == customer_id, customers.c.removed_at == 0).values(gone))
