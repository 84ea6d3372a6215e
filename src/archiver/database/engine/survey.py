"""What people see at one glance, in SQLAlchemy Core: the same for every engine."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from archiver.database.engine.ids import chosen
from archiver.database.engine.looking import read_counters
from archiver.database.port import LaneCounters, Totals
from archiver.database.schema import connections, customers, lane_counters
from archiver.model import ConnectionState, CustomerState, LaneId, Millis, Role

__all__ = ["counters_of", "needing", "totals"]

_IS_LANE = connections.c.role == Role.DESTINATION.value
# Spelled out, not bound: an engine uses a partial index only where it can see its condition in the statement.
_NEEDS = sa.text("connections.state <> 'active'")


def totals(core: sa.Connection, now: Millis) -> Totals:
    """The sums over every lane."""
    count = sa.func.count
    sums = core.execute(sa.select(count(), *(sa.func.sum(lane_counters.c[name]) for name in _SUMMED)).select_from(lane_counters)).one()
    throttled = sa.select(count()).where(connections.c.throttled_until > now, _IS_LANE)
    states = sa.select(connections.c.state, count()).where(_NEEDS, _IS_LANE).group_by(connections.c.state)
    there = customers.c.removed_at == 0
    paused = sa.select(count()).where(customers.c.state == CustomerState.PAUSED.value, there)
    return Totals(
        customers=core.execute(sa.select(count()).select_from(customers).where(there)).scalar_one(),
        paused=core.execute(paused).scalar_one(),
        lanes=sums[0],
        throttled=core.execute(throttled).scalar_one(),
        states={ConnectionState(state): number for state, number in core.execute(states)},
        **{name: int(value or 0) for name, value in zip(_SUMMED, sums[1:], strict=True)},
    )


_SUMMED = ("waiting", "archived", "rejected", "gone", "archived_bytes")


def counters_of(core: sa.Connection, lanes: Sequence[LaneId]) -> list[LaneCounters]:
    """These lanes' numbers."""
    return read_counters(core, {}, lane_counters.c.lane.in_(chosen(core, lanes)))


def needing(core: sa.Connection, limit: int) -> list[LaneId]:
    """Lanes that are not active, those that have been so for longest first."""
    query = sa.select(connections.c.id).where(_NEEDS, _IS_LANE).order_by(connections.c.state_since, connections.c.id).limit(limit)
    return list(core.execute(query).scalars())
