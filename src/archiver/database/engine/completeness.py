"""`archiver.database.completeness.Completeness` in SQLAlchemy Core: the same for every engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from archiver.database.completeness import Failure, KindCounters, Particulars, Pass
from archiver.database.engine.handles import Handled
from archiver.database.engine.looking import delivery_row, delivery_rows
from archiver.database.schema import connections, deliveries, items, kind_counters, passes
from archiver.lifecycle import DeliveryState
from archiver.model import Kind, LaneId, Millis

__all__ = ["KnowsCompleteness"]

_SPANS_AT_ONCE = 200
_PARTICULARS = ("part", "media_type", "direction", "sender", "recipient", "owner", "locator")

# Spelled out, not bound: an engine uses a partial index only where it can see its condition in the statement.
_WAITS = sa.text("deliveries.state = 'waiting'")
_IS_FAILED = sa.text("deliveries.state IN ('rejected', 'gone')")


class KnowsCompleteness:
    """What a person can prove of completeness."""

    async def kind_counters(self: Handled, customer_id: int) -> Sequence[KindCounters]:
        """A customer's numbers, by lane and kind."""
        return await self._looker.core(_kind_counters, customer_id)

    async def passes(self: Handled, customer_id: int) -> Sequence[Pass]:
        """How the passes over a customer's sources ended."""
        return await self._looker.core(_passes, customer_id)

    async def note_complete(self: Handled, source_id: int, *, at: Millis, claimed: Mapping[Kind, int]) -> None:
        """A pass over a source came to its end."""
        text = msgspec.json.encode(claimed).decode() if claimed else ""
        await self._writer.core(_note, source_id, {"complete_at": at, "troubled_since": 0, "trouble": "", "claimed": text})

    async def note_trouble(self: Handled, source_id: int, *, at: Millis, trouble: str) -> None:
        """A source cannot be passed over to its end."""
        await self._writer.core(_note_trouble, source_id, at, trouble)

    async def soonest_purges(self: Handled, lane: LaneId, *, among: int) -> Mapping[Kind, Millis]:
        """When the source will purge the first of what waits."""
        return await self._looker.core(_soonest_purges, lane, among)

    async def archived_in(self: Handled, customer_id: int, spans: Sequence[tuple[int, int]]) -> Sequence[Particulars]:
        """The archived deliveries of a customer with these numbers."""
        return await self._looker.core(_archived_in, customer_id, spans)

    async def failures(self: Handled, customer_id: int, *, among: int) -> Sequence[Failure]:
        """Why deliveries of a customer were rejected or are gone."""
        return await self._looker.core(_failures, customer_id, among)


def _archived_in(core: sa.Connection, customer_id: int, spans: Sequence[tuple[int, int]]) -> list[Particulars]:
    rows: list[Particulars] = []
    for start in range(0, len(spans), _SPANS_AT_ONCE):
        wanted = [deliveries.c.id.between(first, last) for first, last in spans[start : start + _SPANS_AT_ONCE]]
        query = delivery_rows().add_columns(*(items.c[name] for name in _PARTICULARS), items.c.metadata.label("more"))
        query = query.where(sa.or_(*wanted), deliveries.c.customer_id == customer_id).order_by(deliveries.c.id)
        rows += [_particulars(row) for row in core.execute(query) if row.state == DeliveryState.ARCHIVED]
    return rows


def _particulars(row: sa.Row[Any]) -> Particulars:
    return Particulars(
        row=delivery_row(row),
        part=row.part,
        media_type=row.media_type,
        direction=row.direction,
        sender=row.sender,
        recipient=row.recipient,
        owner=row.owner,
        metadata=msgspec.json.decode(row.more, type=dict[str, Any]),
        locator=row.locator,
    )


def _kind_counters(core: sa.Connection, customer_id: int) -> list[KindCounters]:
    lanes = sa.select(connections.c.id).where(connections.c.customer_id == customer_id)
    query = sa.select(kind_counters).where(kind_counters.c.lane.in_(lanes)).order_by(kind_counters.c.lane, kind_counters.c.kind)
    return [
        KindCounters(
            lane=row.lane,
            kind=Kind(row.kind),
            waiting=row.waiting,
            archived=row.archived,
            rejected=row.rejected,
            gone=row.gone,
            archived_bytes=row.archived_bytes,
        )
        for row in core.execute(query)
    ]


def _passes(core: sa.Connection, customer_id: int) -> list[Pass]:
    sources = sa.select(connections.c.id).where(connections.c.customer_id == customer_id)
    query = sa.select(passes).where(passes.c.source_id.in_(sources)).order_by(passes.c.source_id)
    return [
        Pass(
            source_id=row.source_id,
            complete_at=row.complete_at,
            troubled_since=row.troubled_since,
            trouble=row.trouble,
            claimed=msgspec.json.decode(row.claimed, type=dict[Kind, int]) if row.claimed else {},
        )
        for row in core.execute(query)
    ]


def _note(core: sa.Connection, source_id: int, values: Mapping[str, object]) -> None:
    if not core.execute(passes.update().where(passes.c.source_id == source_id).values(values)).rowcount:
        first = {"complete_at": 0, "troubled_since": 0, "trouble": "", "claimed": "", **values}
        core.execute(passes.insert().values(source_id=source_id, **first))


def _note_trouble(core: sa.Connection, source_id: int, at: Millis, trouble: str) -> None:
    since = core.execute(sa.select(passes.c.troubled_since).where(passes.c.source_id == source_id)).scalar_one_or_none()
    _note(core, source_id, {"troubled_since": since or at, "trouble": trouble})


def _soonest_purges(core: sa.Connection, lane: LaneId, among: int) -> dict[Kind, Millis]:
    """Within one level those stand first that will be purged soonest; there are few levels."""
    waiting = sa.select(deliveries).where(deliveries.c.lane == lane, _WAITS)
    soonest: dict[Kind, Millis] = {}
    level = core.execute(waiting.with_only_columns(deliveries.c.priority).order_by(deliveries.c.priority).limit(1)).scalar_one_or_none()
    while level is not None:
        head = (
            waiting.with_only_columns(deliveries.c.item_id)
            .where(deliveries.c.priority == level)
            .order_by(deliveries.c.priority, deliveries.c.ready_at)
            .limit(among)
            .subquery()
        )
        query = sa.select(items.c.kind, sa.func.min(items.c.purge_at)).join(head, head.c.item_id == items.c.id)
        for kind, purge_at in core.execute(query.where(items.c.purge_at.is_not(None)).group_by(items.c.kind)):
            soonest[Kind(kind)] = min(purge_at, soonest.get(Kind(kind), purge_at))
        after = (
            waiting.with_only_columns(deliveries.c.priority).where(deliveries.c.priority > level).order_by(deliveries.c.priority).limit(1)
        )
        level = core.execute(after).scalar_one_or_none()
    return soonest


def _failures(core: sa.Connection, customer_id: int, among: int) -> list[Failure]:
    columns = (deliveries.c.lane, items.c.kind, deliveries.c.state, deliveries.c.reason, deliveries.c.detail)
    # The sum hides the column from the planner: the few that failed are found by their own index, not among all of a customer's.
    mine = deliveries.c.customer_id + 0 == customer_id
    query = sa.select(*columns).join(items, items.c.id == deliveries.c.item_id).where(_IS_FAILED, mine).limit(among)
    counted: Counter[tuple[int, str, str, str]] = Counter()
    details: dict[tuple[int, str, str, str], str] = {}
    for lane, kind, state, reason, detail in core.execute(query):
        key = (lane, kind, state, reason)
        counted[key] += 1
        details.setdefault(key, detail)
    return [
        Failure(lane=key[0], kind=Kind(key[1]), state=DeliveryState(key[2]), reason=key[3], detail=details[key], count=count)
        for key, count in counted.most_common()
    ]
