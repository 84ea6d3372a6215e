"""What people look at: counters, pages of deliveries; and what they may do to a delivery: try it again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from archiver.database.port import DeliveryRow, LaneCounters
from archiver.database.schema import connections, customers, deliveries, items, lane_counters, receipts
from archiver.database.sqlite.many import chosen
from archiver.database.sqlite.reading import HEADS
from archiver.lifecycle import DeliveryState
from archiver.model import ConnectionState, CustomerState, Kind, Millis, Receipt

__all__ = ["OLDEST", "page", "read_counters", "retry"]

# Deliveries that were never put off stand in ``deliveries_waiting`` by their birth: the first of each lane and priority is the oldest.
# The others stand in ``deliveries_deferred`` by their item. So the oldest of a lane is one of a few heads; nothing is scanned.
OLDEST = f"""
WITH RECURSIVE {HEADS},
deferred (lane, item_id) AS (
    SELECT * FROM (
        SELECT lane, item_id FROM deliveries INDEXED BY deliveries_deferred
        WHERE state = 'waiting' AND reason <> '' ORDER BY lane, item_id LIMIT 1
    )
    UNION ALL
    SELECT found.lane, found.item_id
    FROM deferred CROSS JOIN deliveries AS found ON found.id = (
        SELECT next.id FROM deliveries AS next INDEXED BY deliveries_deferred
        WHERE next.state = 'waiting' AND next.reason <> '' AND next.lane > deferred.lane
        ORDER BY next.lane, next.item_id LIMIT 1
    )
),
oldest (lane, item_id) AS (
    SELECT head.lane, deliveries.item_id FROM head CROSS JOIN deliveries ON deliveries.id = head.id
    UNION ALL
    SELECT lane, item_id FROM deferred
)
SELECT oldest.lane, min(items.discovered_at) FROM oldest CROSS JOIN items ON items.id = oldest.item_id GROUP BY oldest.lane
"""  # noqa: S608  made of constants

# Spelled out, not bound: SQLite uses a partial index only where it can see its condition in the statement.
_IS_FAILED = sa.text("deliveries.state IN ('rejected', 'gone')")
_FAILED = (DeliveryState.REJECTED, DeliveryState.GONE)


def read_counters(core: sa.Connection) -> list[LaneCounters]:
    """Every lane's numbers, by customer's name and lane."""
    oldest = {row[0]: row[1] for row in core.exec_driver_sql(OLDEST)}
    query = (
        sa.select(lane_counters, customers.c.name, connections.c.adapter, connections.c.state, connections.c.reason)
        .add_columns(connections.c.throttled_until, customers.c.state.label("customer_state"))
        .join(connections, connections.c.id == lane_counters.c.lane)
        .join(customers, customers.c.id == connections.c.customer_id)
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
    proof = [column.label(f"receipt_{column.name}") for column in receipts.c]
    query = (
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
        .where(deliveries.c.id > after)
        .order_by(deliveries.c.id)
        .limit(limit)
    )
    if state is not None:
        query = query.where(deliveries.c.state == state.value)
    if state in _FAILED:
        query = query.where(_IS_FAILED)
    if customer is not None:
        owner = sa.select(customers.c.id).where(customers.c.name == customer).scalar_subquery()
        # The sum hides the column from the planner: the few that failed are found by their own index, not among all of a customer's.
        column = deliveries.c.customer_id + 0 if state in _FAILED else deliveries.c.customer_id
        query = query.where(column == owner)
    return [_row(row) for row in core.execute(query)]


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
        which.append(deliveries.c.id.in_(chosen(ids)))
    count = sa.func.count().label("moved")
    moves = core.execute(
        sa.select(deliveries.c.lane, deliveries.c.state, count).where(*which).group_by(deliveries.c.lane, deliveries.c.state)
    ).all()
    if not moves:
        return 0
    core.execute(deliveries.update().where(*which).values(state=DeliveryState.WAITING.value, ready_at=now, attempt=0, session=None))
    for move in moves:
        old = lane_counters.c[move.state]
        core.execute(
            lane_counters.update()
            .where(lane_counters.c.lane == move.lane)
            .values({lane_counters.c.waiting: lane_counters.c.waiting + move.moved, old: old - move.moved})
        )
    return sum(move.moved for move in moves)


def _row(row: sa.Row[Any]) -> DeliveryRow:
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
        receipt=None if row.receipt_delivery_id is None else _receipt(row),
    )


def _receipt(row: sa.Row[Any]) -> Receipt:
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
