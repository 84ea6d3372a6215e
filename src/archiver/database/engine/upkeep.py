"""Whom somebody must be told of, and whose leave must be renewed, in SQLAlchemy Core."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol

import sqlalchemy as sa

from archiver.database.engine.customers import connection_of
from archiver.database.engine.handles import Handled
from archiver.database.engine.ids import chosen
from archiver.database.port import Channel, Notice
from archiver.database.schema import connections, customers, notices
from archiver.model import Connection, ConnectionState, Millis, Role

__all__ = ["KeepsUp"]

# Spelled out, so that the index of the few connections that are not active is seen to fit.
_PARKED = sa.text("connections.state <> 'active'")
_NEEDS = (ConnectionState.RECONNECT_NEEDED.value, ConnectionState.QUOTA_FULL.value, ConnectionState.MISCONFIGURED.value)


# Skips through the index from one adapter to the next.
_IN_USE = sa.text(
    """
    WITH RECURSIVE used (adapter) AS (
        SELECT min(adapter) FROM connections
        UNION ALL
        SELECT (SELECT min(adapter) FROM connections WHERE connections.adapter > used.adapter) FROM used WHERE used.adapter IS NOT NULL
    )
    SELECT adapter FROM used WHERE adapter IS NOT NULL
    """
)


class _Timed(Handled, Protocol):
    """A database that knows the time."""

    def _now(self) -> Millis: ...


class KeepsUp:
    """`archiver.database.upkeep.UpkeepDatabase` for an engine."""

    async def untold(self: Handled, channel: Channel, *, now: Millis, quiet: Millis, limit: int) -> Sequence[Notice]:
        """Connections that need somebody, and of which this channel has not told."""
        return await self._looker.core(_untold, channel, now, quiet, limit)

    async def note_told(self: Handled, channel: Channel, notices: Sequence[Notice], *, now: Millis) -> None:
        """People were told of these."""
        await self._writer.core(_note_told, channel, notices, now)

    async def note_failed(self: Handled, channel: Channel, notices: Sequence[Notice], *, again_at: Millis) -> None:
        """Nobody could be told of these."""
        await self._writer.core(_note_failed, channel, notices, again_at)

    async def claim_renewal(self: _Timed, connection_id: int, *, seconds: float) -> bool:
        """Makes the caller the one that renews a connection's leave."""
        return await self._writer.core(_claim, connection_id, self._now(), seconds)

    async def adapters_in_use(self: Handled) -> Sequence[str]:
        """The names of all adapters that any connection has."""
        return await self._looker.core(_adapters)

    async def stale(self: Handled, adapters: Collection[str], *, before: Millis, limit: int) -> Sequence[Connection]:
        """Connections whose leave was renewed last before a moment."""
        return await self._looker.core(_stale, adapters, before, limit) if adapters else ()

    async def note_renewed(self: Handled, connection_ids: Collection[int], *, at: Millis) -> None:
        """The leave of these was renewed."""
        if connection_ids:
            await self._writer.core(_note_renewed, connection_ids, at)


def _untold(core: sa.Connection, channel: Channel, now: Millis, quiet: Millis, limit: int) -> list[Notice]:
    told = sa.and_(notices.c.connection_id == connections.c.id, notices.c.channel == channel.value)
    other = notices.c.state != connections.c.state
    anew = sa.and_(notices.c.since != connections.c.state_since, notices.c.told_at <= now - quiet)
    query = (
        sa.select(connections, customers.c.name, sa.func.coalesce(notices.c.tries, 0).label("tries"))
        .join(customers, customers.c.id == connections.c.customer_id)
        .outerjoin(notices, told)
        .where(_PARKED, connections.c.state.in_(_NEEDS))
        .where(sa.or_(notices.c.connection_id.is_(None), sa.and_(notices.c.again_at <= now, sa.or_(other, anew))))
        .order_by(connections.c.state_since, connections.c.id)
        .limit(limit)
    )
    return [
        Notice(
            connection_id=row.id,
            customer=row.name,
            role=Role(row.role),
            adapter=row.adapter,
            account=row.account,
            state=ConnectionState(row.state),
            reason=row.reason,
            since=row.state_since,
            tries=row.tries,
        )
        for row in core.execute(query)
    ]


def _note_told(core: sa.Connection, channel: Channel, told: Sequence[Notice], now: Millis) -> None:
    for notice in told:
        _put(core, channel, notice, {"state": notice.state.value, "since": notice.since, "told_at": now, "tries": 0, "again_at": 0})


def _note_failed(core: sa.Connection, channel: Channel, failed: Sequence[Notice], again_at: Millis) -> None:
    for notice in failed:
        _put(core, channel, notice, {"tries": notice.tries + 1, "again_at": again_at})


def _put(core: sa.Connection, channel: Channel, notice: Notice, values: dict[str, Any]) -> None:
    """Only one process tells, so nobody comes between the two statements."""
    mine = sa.and_(notices.c.connection_id == notice.connection_id, notices.c.channel == channel.value)
    if not core.execute(notices.update().where(mine).values(values)).rowcount:
        first = {"connection_id": notice.connection_id, "channel": channel.value, "state": "", "since": 0, "told_at": 0}
        core.execute(notices.insert().values(first | values))


def _adapters(core: sa.Connection) -> list[str]:
    return list(core.execute(_IN_USE).scalars())


def _claim(core: sa.Connection, connection_id: int, now: Millis, seconds: float) -> bool:
    free = sa.true() if not seconds else connections.c.renewing_until <= now
    until = now + int(seconds * 1000) if seconds else 0
    return core.execute(connections.update().where(connections.c.id == connection_id, free).values(renewing_until=until)).rowcount > 0


def _stale(core: sa.Connection, adapters: Collection[str], before: Millis, limit: int) -> list[Connection]:
    found: list[tuple[Millis, Connection]] = []
    for adapter in sorted(adapters):  # one after the other, each the head of an index
        query = (
            sa.select(connections)
            .where(connections.c.adapter == adapter, connections.c.renewed_at < before)
            .where(connections.c.state != ConnectionState.RECONNECT_NEEDED.value)
            .order_by(connections.c.renewed_at, connections.c.id)
            .limit(limit)
        )
        found += [(row.renewed_at, connection_of(row)) for row in core.execute(query)]
    return [connection for _, connection in sorted(found, key=lambda pair: (pair[0], pair[1].id))[:limit]]


def _note_renewed(core: sa.Connection, connection_ids: Collection[int], at: Millis) -> None:
    core.execute(connections.update().where(connections.c.id.in_(chosen(core, sorted(connection_ids)))).values(renewed_at=at))
