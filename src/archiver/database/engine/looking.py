"""What people look at: counters, pages of deliveries; and what they may do to a delivery: try it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from archiver.database.engine.ids import chosen
from archiver.database.port import DeliveryRow, LaneCounters
from archiver.database.schema import connections, customers, deliveries, items, kind_counters, lane_counters, receipts
from archiver.lifecycle import DeliveryState
from archiver.model import ConnectionState, CustomerState, Kind, LaneId, Millis, Receipt

__all__ = ["delivery_row", "delivery_rows", "page", "read_counters", "receipt_of", "retry"]

_AT_ONCE = 10_000  # deliveries that are tried again, per statement

# Spelled out, not bound: an engine uses a partial index only where it can see its condition in the statement.
_IS_FAILED = sa.text("deliveries.state IN ('rejected', 'gone')")
_FAILED = (DeliveryState.REJECTED, DeliveryState.GONE)


def read_counters(core: sa.Connection, oldest: Mapping[LaneId, Millis], *which: sa.ColumnElement[bool]) -> list[LaneCounters]:
    """Every lane's numbers, or those of some, by customer's name and lane.

    Args:
        core: A connection.
        oldest: When the oldest waiting item of each lane was discovered; how that is found without a scan is the engine's matter.
        *which: Only of these lanes.
    """
    query = (
        sa.select(lane_counters, customers.c.name, connections.c.adapter, connections.c.state, connections.c.reason)
        .add_columns(connections.c.throttled_until, customers.c.state.label("customer_state"))
        .join(connections, connections.c.id == lane_counters.c.lane)
        .join(customers, customers.c.id == connections.c.customer_id)
        .where(*which)
        .order_by(customers.c.name, lane_counters.c.lane)
    )
    return [
        LaneCounters(
            lane=row.lane,
            customer=row.name,
            paused=row.customer_state == CustomerState.PAUSED,
            adapter=row.adapter,
            state=ConnectionState(row.state),
            reason=row.reason,
            throttled_until=row.throttled_until,
            waiting=row.waiting,
            archived=row.archived,
            rejected=row.rejected,
            gone=row.gone,
            archived_bytes=row.archived_bytes,
            oldest_waiting_at=oldest.get(row.lane),
        )
        for row in core.execute(query)
    ]


def page(core: sa.Connection, customer: str | None, state: DeliveryState | None, after: int, limit: int) -> list[DeliveryRow]:
    """A page of deliveries by id."""
    query = delivery_rows().where(deliveries.c.id > after).order_by(deliveries.c.id).limit(limit)
    if state is not None:
        query = query.where(deliveries.c.state == state.value)
    if state in _FAILED:
        query = query.where(_IS_FAILED)
    if customer is not None:
        owner = sa.select(customers.c.id).where(customers.c.name == customer).scalar_subquery()
        # The sum hides the column from the planner: the few that failed are found by their own index, not among all of a customer's.
        column = deliveries.c.customer_id + 0 if state in _FAILED else deliveries.c.customer_id
        query = query.where(column == owner)
    return [delivery_row(row) for row in core.execute(query)]


def delivery_rows() -> sa.Select[Any]:
    """Everything that `delivery_row` needs of each delivery."""
    proof = [column.label(f"receipt_{column.name}") for column in receipts.c]
    return (
        sa.select(
            deliveries,
            customers.c.name,
            items.c.kind,
            items.c.external_id,
            items.c.size,
            items.c.occurred_at,
            items.c.discovered_at,
            *proof,
        )
        .join(items, items.c.id == deliveries.c.item_id)
        .join(customers, customers.c.id == deliveries.c.customer_id)
        .outerjoin(receipts, receipts.c.delivery_id == deliveries.c.id)
    )


def retry(core: sa.Connection, customer: str | None, reason: str | None, ids: Sequence[int] | None, now: Millis) -> int:
    """Rejected and gone deliveries become waiting again with no tries charged; how many.

    The reason stays with the delivery until its next outcome, so that a person sees why it is tried again.
    """
    which: list[sa.ColumnElement[bool] | sa.TextClause] = [_IS_FAILED]
    if customer is not None:
        which.append(deliveries.c.customer_id.in_(sa.select(customers.c.id).where(customers.c.name == customer)))
    if reason is not None:
        which.append(deliveries.c.reason == reason)
    if ids is not None:
        which.append(deliveries.c.id.in_(chosen(core, ids)))
    moved: Counter[tuple[LaneId, str, str]] = Counter()
    # First locked and read, then written: what is counted is exactly what is changed, whatever others settle meanwhile.
    kind = sa.select(items.c.kind).where(items.c.id == deliveries.c.item_id).scalar_subquery().label("kind")
    failed = sa.select(deliveries.c.id, deliveries.c.lane, deliveries.c.state, kind).where(*which).limit(_AT_ONCE).with_for_update()
    while rows := core.execute(failed).all():
        moved.update((row.lane, row.state, row.kind) for row in rows)
        these = deliveries.c.id.in_(chosen(core, [row.id for row in rows]))
        core.execute(deliveries.update().where(these).values(state=DeliveryState.WAITING.value, ready_at=now, attempt=0, session=None))
    for (lane, state, of_kind), count in sorted(moved.items()):  # by lane, as everybody does who writes several lanes' counters
        for table, which_row in (
            (lane_counters, lane_counters.c.lane == lane),
            (kind_counters, sa.and_(kind_counters.c.lane == lane, kind_counters.c.kind == of_kind)),
        ):
            moves = {table.c.waiting: table.c.waiting + count, table.c[state]: table.c[state] - count}
            core.execute(table.update().where(which_row).values(moves))
    return moved.total()


def delivery_row(row: sa.Row[Any]) -> DeliveryRow:
    """A delivery as a person sees it."""
    return DeliveryRow(
        id=row.id,
        customer=row.name,
        lane=row.lane,
        kind=Kind(row.kind),
        external_id=row.external_id,
        path=row.path,
        state=DeliveryState(row.state),
        attempt=row.attempt,
        ready_at=row.ready_at,
        reason=row.reason,
        detail=row.detail,
        size=row.size,
        occurred_at=row.occurred_at,
        discovered_at=row.discovered_at,
        receipt=None if row.receipt_delivery_id is None else receipt_of(row),
    )


def receipt_of(row: sa.Row[Any]) -> Receipt:
    """A receipt, of columns that are labelled ``receipt_…``."""
    return Receipt(
        path=row.receipt_path,
        remote_id=row.receipt_remote_id,
        revision=row.receipt_revision,
        size=row.receipt_size,
        sha256=row.receipt_sha256,
        remote_hash=row.receipt_remote_hash,
        archived_at=row.receipt_archived_at,
        recovered=row.receipt_recovered,
    )
