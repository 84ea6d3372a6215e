"""Whether everything that a customer's sources have is archived, and if not, what is missing and why.

In: the Database's counters by kind, the passes over the sources, the lanes' states. Out: a `Report`; the judgement in it is pure.

| word | means |
|---|---|
| found | the items that passes over the sources brought |
| claimed | what a source says that it has, where it can count |
| missing | found and not archived, or claimed and not found |

A source is *read through* if its last pass came to its end; one that was cut short proves nothing, however much it brought.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from archiver.database.completeness import Failure, KindCounters, Pass
from archiver.database.port import Database
from archiver.model import Connection, ConnectionState, Customer, CustomerState, Kind, LaneId, Millis, Role

__all__ = ["STALE", "KindReport", "LaneReport", "Report", "SourceReport", "Verdict", "judge", "report"]

_AMONG = 1000
"""Of the head of a lane's queue, and of what failed, so much is looked at: a report costs the same however much there is."""
_REASONS = 3
STALE: Millis = 26 * 3_600_000
"""A complete pass that is older proves nothing about today; some sources take a day for one."""


class Verdict(StrEnum):
    """What a report comes to."""

    COMPLETE = "complete"
    """Everything that the sources have is archived."""
    UNDER_WAY = "under way"
    """Nothing is lost, and what is not archived yet will be without anybody's help."""
    MISSING = "missing"
    """Something is lost, needs a person, or cannot be known."""


class KindReport(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of one lane.

    Attributes:
        kind: Which.
        found: Items that passes brought.
        archived: Of these, by state.
        waiting: Of these, by state.
        rejected: Of these, by state.
        gone: Of these, by state.
        archived_bytes: Sum of sizes.
        purge_at: When the source will purge the first of what waits; None if it will not.
        reasons: Why items are missing, the most frequent first.
    """

    kind: Kind
    found: int
    archived: int
    waiting: int
    rejected: int
    gone: int
    archived_bytes: int
    purge_at: Millis | None = None
    reasons: Sequence[str] = ()

    @property
    def missing(self) -> int:
        """Found, and not archived."""
        return self.found - self.archived


class LaneReport(msgspec.Struct, frozen=True, kw_only=True):
    """One destination.

    Attributes:
        lane: Which.
        adapter: Of what sort.
        state: The connection's.
        reason: Why it is not active.
        oldest_waiting_at: When the oldest of what waits was discovered.
        kinds: By kind.
    """

    lane: LaneId
    adapter: str
    state: ConnectionState
    reason: str
    oldest_waiting_at: Millis | None
    kinds: Sequence[KindReport]


class SourceReport(msgspec.Struct, frozen=True, kw_only=True):
    """One source.

    Attributes:
        source: Which.
        adapter: Of what sort.
        state: The connection's.
        reason: Why it is not active.
        complete_at: When the last pass ended that came to its end; 0 if none ever did.
        troubled_since: Since when none does; 0 if the last one did.
        trouble: Why.
        claimed: How many items of each kind it says that it has.
    """

    source: int
    adapter: str
    state: ConnectionState
    reason: str
    complete_at: Millis
    troubled_since: Millis
    trouble: str
    claimed: Mapping[Kind, int]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What is there of a customer, what is missing and why.

    Attributes:
        customer: Whose.
        at: When it was made.
        verdict: What it comes to.
        why: What speaks against completeness, in words for a person; the gravest first.
        sources: Where items are born.
        lanes: Where they go.
    """

    customer: str
    at: Millis
    verdict: Verdict
    why: Sequence[str]
    sources: Sequence[SourceReport]
    lanes: Sequence[LaneReport]


async def report(database: Database, customer: Customer, *, now: Millis) -> Report:
    """Makes the report of a customer; costs lanes and kinds, not items."""
    connections = await database.connections(customer_id=customer.id)
    lanes = [connection for connection in connections if connection.role is Role.DESTINATION]
    counters = await database.kind_counters(customer.id)
    failures = await database.failures(customer.id, among=_AMONG)
    oldest = await database.oldest_waiting()
    passes = {one.source_id: one for one in await database.passes(customer.id)}
    sources = [_source(connection, passes.get(connection.id)) for connection in connections if connection.role is Role.SOURCE]
    made = []
    for lane in lanes:
        purges = await database.soonest_purges(lane.id, among=_AMONG)
        made.append(
            LaneReport(
                lane=lane.id,
                adapter=lane.adapter,
                state=lane.state,
                reason=lane.reason,
                oldest_waiting_at=oldest.get(lane.id),
                kinds=[_kind(one, purges.get(one.kind), failures) for one in counters if one.lane == lane.id],
            )
        )
    verdict, why = judge(sources, made, paused=customer.state is CustomerState.PAUSED, now=now)
    return Report(customer=customer.name, at=now, verdict=verdict, why=why, sources=sources, lanes=made)


def judge(sources: Sequence[SourceReport], lanes: Sequence[LaneReport], *, paused: bool, now: Millis) -> tuple[Verdict, list[str]]:
    """What a report comes to, and why. Pure."""
    missing = [why for source in sources for why in _unproven(source, now)]
    missing += _unfound(sources, lanes)
    later = []
    if not sources:
        missing.append("there is no source")
    if not lanes:
        missing.append("there is no destination")
    for lane in lanes:
        waiting = sum(kind.waiting for kind in lane.kinds)
        for kind in lane.kinds:
            missing += _lost(lane, kind, now)
        if waiting and (paused or lane.state is not ConnectionState.ACTIVE):
            stands = "the customer is paused" if paused else f"it is {lane.state}: {lane.reason}".rstrip(": ")
            missing.append(f"{lane.adapter}: {waiting:,} wait and will not go on by themselves, since {stands}")
        elif waiting:
            later.append(f"{lane.adapter}: {waiting:,} wait")
    return (Verdict.MISSING if missing else Verdict.UNDER_WAY if later else Verdict.COMPLETE), missing + later


def _unproven(source: SourceReport, now: Millis) -> Iterable[str]:
    """Why a source's passes prove nothing."""
    if source.state is not ConnectionState.ACTIVE:
        yield f"{source.adapter} waits for a person: {source.state}: {source.reason}".rstrip(": ")
    if source.troubled_since:
        yield f"{source.adapter} cannot be read through since {_moment(source.troubled_since)}: {source.trouble}"
    if not source.complete_at:
        yield f"{source.adapter} was never read through to its end"
    elif now - source.complete_at > STALE:
        yield f"{source.adapter} was last read through to its end at {_moment(source.complete_at)}"


def _unfound(sources: Sequence[SourceReport], lanes: Sequence[LaneReport]) -> Iterable[str]:
    """What sources say that they have, and no pass has brought."""
    claimed = Counter[Kind]()
    for source in sources:
        claimed.update(source.claimed)
    for kind, count in sorted(claimed.items()):
        found = max((one.found for lane in lanes for one in lane.kinds if one.kind is kind), default=0)
        if count > found:
            yield f"{kind}: the source says that it has {count:,}, and {found:,} were found"


def _lost(lane: LaneReport, kind: KindReport, now: Millis) -> Iterable[str]:
    because = f" ({'; '.join(kind.reasons)})" if kind.reasons else ""
    if kind.gone:
        yield f"{lane.adapter}: {kind.gone:,} {kind.kind} were gone at the source before they were archived{because}"
    if kind.rejected:
        yield f"{lane.adapter}: {kind.rejected:,} {kind.kind} were rejected and need a person{because}"
    if kind.purge_at is not None and kind.purge_at <= now:
        yield f"{lane.adapter}: {kind.kind} wait that the source was to purge at {_moment(kind.purge_at)}"


def _source(connection: Connection, last: Pass | None) -> SourceReport:
    last = last or Pass(source_id=connection.id)
    return SourceReport(
        source=connection.id,
        adapter=connection.adapter,
        state=connection.state,
        reason=connection.reason,
        complete_at=last.complete_at,
        troubled_since=last.troubled_since,
        trouble=last.trouble,
        claimed=last.claimed,
    )


def _kind(counters: KindCounters, purge_at: Millis | None, failures: Sequence[Failure]) -> KindReport:
    c = counters
    reasons = [f"{one.reason}: {one.detail}" for one in failures if (one.lane, one.kind) == (c.lane, c.kind)]
    return KindReport(
        kind=c.kind,
        found=c.waiting + c.archived + c.rejected + c.gone,
        archived=c.archived,
        waiting=c.waiting,
        rejected=c.rejected,
        gone=c.gone,
        archived_bytes=c.archived_bytes,
        purge_at=purge_at if c.waiting else None,
        reasons=reasons[:_REASONS],
    )


def _moment(moment: Millis) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
