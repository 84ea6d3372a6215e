"""Lists for people, in SQLAlchemy Core: the same for every engine, but for how items are found by their words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from archiver.database.browsing import MOST_COUNTED, Cause, CustomerRow, Found, FoundItem, ItemDetail, Query
from archiver.database.engine.customers import customer_of
from archiver.database.engine.looking import delivery_row, delivery_rows, read_counters
from archiver.database.engine.words import Term, terms_of
from archiver.database.port import LaneCounters
from archiver.database.schema import connections, customers, deliveries, items, receipts
from archiver.lifecycle import DeliveryState
from archiver.model import CustomerState, Kind, Role

__all__ = ["Customers", "FindItems", "causes", "customers_page", "item_detail", "search"]

_MOST_REASONS = 40
_FAILED = {
    DeliveryState.REJECTED: sa.text("deliveries.state = 'rejected'"),
    DeliveryState.GONE: sa.text("deliveries.state = 'gone'"),
}
_NEEDS = sa.text("connections.state <> 'active'")
_ROUNDS = 8  # of looking on, where a question cannot be put in words alone

FindItems = Callable[[sa.Connection, Sequence[Sequence[Term]], int, int], Sequence[int]]
"""Numbers of items that have these words, below a number (0 for none), the newest first, so many at most."""


class Customers(NamedTuple):
    """Which customers are asked for; see `archiver.database.browsing.Browsing.customers_page`."""

    text: str
    which: str
    after: str
    exactly: str | None
    limit: int


def customers_page(core: sa.Connection, asked: Customers) -> list[CustomerRow]:
    """Customers by name, with their lanes' numbers."""
    query = (
        sa.select(customers)
        .where(customers.c.name > asked.after, customers.c.removed_at == 0)
        .order_by(customers.c.name)
        .limit(asked.limit)
    )
    if asked.exactly is not None:
        query = query.where(customers.c.name == asked.exactly)
    if asked.text:
        query = query.where(customers.c.name.contains(asked.text.lower(), autoescape=True))
    if asked.which == "needing":
        query = query.where(customers.c.id.in_(sa.select(connections.c.customer_id).where(_NEEDS)))
    elif asked.which == "paused":
        query = query.where(customers.c.state == CustomerState.PAUSED.value)
    found = [customer_of(row) for row in core.execute(query)]
    lanes: dict[str, list[LaneCounters]] = {customer.name: [] for customer in found}
    for row in read_counters(core, {}, customers.c.id.in_([customer.id for customer in found])):
        lanes[row.customer].append(row)
    return [CustomerRow(customer=customer, lanes=lanes[customer.name]) for customer in found]


def causes(core: sa.Connection) -> list[Cause]:
    """Why deliveries need a person; each reason is found by a step through an index, and counted only so far."""
    found: list[Cause] = []
    for state in (DeliveryState.REJECTED, DeliveryState.GONE):
        reason: str | None = None
        while len(found) < _MOST_REASONS:
            query = sa.select(sa.func.min(deliveries.c.reason)).where(_FAILED[state])
            if reason is not None:
                query = query.where(deliveries.c.reason > reason)
            reason = core.execute(query).scalar_one_or_none()
            if reason is None:
                break
            found.append(_cause(core, state, reason))
    return sorted(found, key=lambda cause: (-cause.count, cause.reason))


def _cause(core: sa.Connection, state: DeliveryState, reason: str) -> Cause:
    these = (_FAILED[state], deliveries.c.reason == reason)
    some = sa.select(deliveries.c.id).where(*these).limit(MOST_COUNTED + 1).subquery()
    count = core.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
    example = core.execute(
        sa.select(deliveries.c.id, deliveries.c.detail, customers.c.name)
        .join(customers, customers.c.id == deliveries.c.customer_id)
        .where(*these)
        .limit(1)
    ).one()
    return Cause(
        state=state,
        reason=reason,
        count=min(count, MOST_COUNTED),
        more=count > MOST_COUNTED,
        example=example.detail,
        delivery=example.id,
        customer=example.name,
    )


def item_detail(core: sa.Connection, delivery: int) -> ItemDetail | None:
    """One delivery with its item."""
    wanted = delivery_rows().where(deliveries.c.id == delivery).add_columns(connections.c.adapter, *_ITEM)
    row = core.execute(wanted.join(connections, connections.c.id == deliveries.c.lane)).first()
    if row is None:
        return None
    others = sa.select(deliveries.c.id).where(deliveries.c.item_id == row.item_id, deliveries.c.id != delivery).order_by(deliveries.c.id)
    return ItemDetail(
        row=delivery_row(row),
        adapter=row.adapter,
        item=row.item_id,
        part=row.part,
        media_type=row.media_type,
        direction=row.direction,
        sender=row.sender,
        recipient=row.recipient,
        owner=row.owner,
        purge_at=row.purge_at,
        metadata=msgspec.json.decode(row.metadata or "{}", type=dict[str, Any]),
        others=list(core.execute(others).scalars()),
    )


_ITEM = (
    items.c.part,
    items.c.media_type,
    items.c.direction,
    items.c.sender,
    items.c.recipient,
    items.c.owner,
    items.c.purge_at,
    items.c.metadata,
)


def search(core: sa.Connection, find: FindItems, query: Query, before: int, limit: int) -> Found:
    """Items that fit, the newest first."""
    sources: Sequence[int] = ()
    if query.customer:
        owner = sa.select(customers.c.id).where(customers.c.name == query.customer).scalar_subquery()
        mine = sa.select(connections.c.id).where(connections.c.customer_id == owner, connections.c.role == Role.SOURCE.value)
        sources = list(core.execute(mine).scalars())
    terms = _sharp(core, find, terms_of(query, sources))
    found: list[FoundItem] = []
    for _ in range(_ROUNDS):
        numbers = find(core, terms, before, limit + 1)
        fitting = [item for item in _found(core, numbers) if _fits(item, query)]
        found += fitting
        before = numbers[-1] if numbers else 0
        if len(numbers) <= limit:
            before = 0
            break
        if len(found) > limit:
            break
    more = found[limit:]
    return Found(items=found[:limit], before=found[limit - 1].item if more else before)


def _sharp(core: sa.Connection, find: FindItems, terms: list[list[Term]]) -> list[list[Term]]:
    """Where whole words are found nobody meant the beginnings of others, of which there may be very many."""
    whole = [[(word, False) for word, _ in either] for either in terms]
    return whole if whole != terms and find(core, whole, 0, 1) else terms


def _fits(item: FoundItem, query: Query) -> bool:
    return (query.since is None or item.occurred_at >= query.since) and (query.until is None or item.occurred_at < query.until)


def _found(core: sa.Connection, numbers: Sequence[int]) -> list[FoundItem]:
    query = (
        sa.select(items, deliveries.c.id.label("delivery"), deliveries.c.state, deliveries.c.path, customers.c.name)
        .add_columns(receipts.c.archived_at, receipts.c.path.label("archived_path"))
        .join(deliveries, deliveries.c.item_id == items.c.id)
        .join(customers, customers.c.id == deliveries.c.customer_id)
        .outerjoin(receipts, receipts.c.delivery_id == deliveries.c.id)
        .where(items.c.id.in_(list(numbers)))
        .order_by(items.c.id.desc(), deliveries.c.id)
    )
    found: dict[int, FoundItem] = {}
    for row in core.execute(query):
        if row.id not in found:
            found[row.id] = FoundItem(
                item=row.id,
                customer=row.name,
                kind=Kind(row.kind),
                occurred_at=row.occurred_at,
                direction=row.direction,
                sender=row.sender,
                recipient=row.recipient,
                owner=row.owner,
                size=row.size,
                delivery=row.delivery,
                state=DeliveryState(row.state),
                path=row.archived_path or row.path,
                archived_at=row.archived_at,
            )
    return list(found.values())
