"""Settling: new states, receipts and counters of many deliveries in one transaction, fenced by their customers' epochs.

Two statements, and then the line of the audit log. The first locks the counters by lane, as everybody does who writes several lanes'
counters, so that no two transactions wait for each other. The second does everything: each of its parts is told by the one before what was
written. Deliveries are named by their ids and joined with nothing but the batch itself: whatever the planner supposes, it looks each up by
its primary key.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
import psycopg

from archiver.database.audit import Line, drafted, settled_entry
from archiver.database.port import Settled
from archiver.database.postgres.arrays import numbers, texts
from archiver.database.postgres.auditing import append_last
from archiver.database.postgres.handle import Raw, at_once
from archiver.failpoints import failpoint
from archiver.lifecycle import DeliveryState
from archiver.model import Millis, Session

__all__ = ["LOCK", "SESSIONS", "SETTLE", "Settling", "save_sessions", "session_values", "settle"]

LOCK = "SELECT FROM lane_counters WHERE lane = ANY(%(lanes)s::bigint[]) ORDER BY lane FOR NO KEY UPDATE"

# ``owned`` keeps `take` away until the end of the transaction: what is written is written by the owner. ``IS TRUE`` keeps the planner from
# making a join of a question: it is answered from a hash table, whatever it supposes of the number of rows. And it keeps it from the
# queue's index, which holds all that waits: after a night without work the planner supposes that this is nothing.
SETTLE = """
WITH owned AS MATERIALIZED (
    SELECT id FROM customers
    WHERE id = ANY(%(owners)s::bigint[]) AND ((id, epoch) IN (SELECT * FROM unnest(%(owners)s::bigint[], %(epochs)s::bigint[]))) IS TRUE
    FOR SHARE
), archived AS (
    UPDATE deliveries SET state = 'archived', session = NULL, reason = '', detail = ''
    WHERE id = ANY(%(archived)s::bigint[]) AND (state = 'waiting') IS TRUE AND (customer_id IN (SELECT id FROM owned)) IS TRUE
    RETURNING id
), others AS (
    UPDATE deliveries SET state = given.state, ready_at = given.ready_at, attempt = given.attempt, reason = given.reason,
                          detail = given.detail, session = nullif(given.session, '')
    FROM unnest(%(others)s::bigint[], %(state)s::text[], %(ready_at)s::bigint[], %(attempt)s::int[], %(reason)s::text[],
                %(detail)s::text[], %(session)s::text[]) AS given (id, state, ready_at, attempt, reason, detail, session)
    WHERE deliveries.id = given.id AND (deliveries.state = 'waiting') IS TRUE
      AND (deliveries.customer_id IN (SELECT id FROM owned)) IS TRUE
    RETURNING deliveries.id
), written AS MATERIALIZED (
    SELECT id FROM archived UNION ALL SELECT id FROM others
), proofs AS (
    INSERT INTO receipts (delivery_id, path, remote_id, revision, size, sha256, remote_hash, archived_at, recovered)
    SELECT * FROM unnest(%(archived)s::bigint[], %(path)s::text[], %(remote_id)s::text[], %(revision)s::text[], %(size)s::bigint[],
                         %(sha256)s::text[], %(remote_hash)s::text[], %(archived_at)s::bigint[], %(recovered)s::bool[])
                  AS given (id, path, remote_id, revision, size, sha256, remote_hash, archived_at, recovered)
    WHERE (given.id IN (SELECT id FROM archived)) IS TRUE
), of_kind AS (
    SELECT given.lane, given.kind, sum(given.archived) AS archived, sum(given.rejected) AS rejected, sum(given.gone) AS gone,
           sum(given.bytes) AS bytes
    FROM unnest(%(id)s::bigint[], %(lane)s::bigint[], %(kind)s::text[], %(is_archived)s::int[], %(is_rejected)s::int[], %(is_gone)s::int[],
                %(bytes)s::bigint[]) AS given (id, lane, kind, archived, rejected, gone, bytes)
    WHERE (given.id IN (SELECT id FROM written)) IS TRUE GROUP BY given.lane, given.kind
), kinds AS (
    UPDATE kind_counters SET waiting = kind_counters.waiting - of_kind.archived - of_kind.rejected - of_kind.gone,
        archived = kind_counters.archived + of_kind.archived, rejected = kind_counters.rejected + of_kind.rejected,
        gone = kind_counters.gone + of_kind.gone, archived_bytes = kind_counters.archived_bytes + of_kind.bytes
    FROM of_kind WHERE kind_counters.lane = of_kind.lane AND kind_counters.kind = of_kind.kind
), counts AS (
    SELECT lane, sum(archived) AS archived, sum(rejected) AS rejected, sum(gone) AS gone, sum(bytes) AS bytes FROM of_kind GROUP BY lane
), counted AS (
    UPDATE lane_counters SET waiting = lane_counters.waiting - counts.archived - counts.rejected - counts.gone,
        archived = lane_counters.archived + counts.archived, rejected = lane_counters.rejected + counts.rejected,
        gone = lane_counters.gone + counts.gone, archived_bytes = lane_counters.archived_bytes + counts.bytes
    FROM counts WHERE lane_counters.lane = counts.lane
)
SELECT coalesce(array_agg(id), '{}'), set_config('archiver.written', count(*)::text, true) FROM written
"""

# The answer to a commit may be lost, and the same batch be settled once more: what stands there as we would write it was written by us.
_REPEATED = """
SELECT deliveries.id FROM unnest(%(archived)s::bigint[], %(sha256)s::text[], %(revision)s::text[], %(archived_at)s::bigint[])
    AS given (id, sha256, revision, archived_at)
JOIN receipts ON receipts.delivery_id = given.id AND receipts.sha256 = given.sha256 AND receipts.revision = given.revision
             AND receipts.archived_at = given.archived_at
JOIN deliveries ON deliveries.id = given.id AND deliveries.state = 'archived'
JOIN customers ON customers.id = deliveries.customer_id
WHERE (customers.id, customers.epoch) IN (SELECT * FROM unnest(%(owners)s::bigint[], %(epochs)s::bigint[]))
UNION ALL
SELECT deliveries.id FROM unnest(%(others)s::bigint[], %(state)s::text[], %(attempt)s::int[], %(reason)s::text[], %(detail)s::text[])
    AS given (id, state, attempt, reason, detail)
JOIN deliveries ON deliveries.id = given.id AND deliveries.state = given.state AND deliveries.attempt = given.attempt
               AND deliveries.reason = given.reason AND deliveries.detail = given.detail
JOIN customers ON customers.id = deliveries.customer_id
WHERE (customers.id, customers.epoch) IN (SELECT * FROM unnest(%(owners)s::bigint[], %(epochs)s::bigint[]))
"""

SESSIONS = """
WITH owned AS MATERIALIZED (
    SELECT id FROM customers
    WHERE id = ANY(%(owners)s::bigint[]) AND ((id, epoch) IN (SELECT * FROM unnest(%(owners)s::bigint[], %(epochs)s::bigint[]))) IS TRUE
    FOR SHARE
)
UPDATE deliveries SET session = given.session FROM unnest(%(id)s::bigint[], %(session)s::text[]) AS given (id, session)
WHERE deliveries.id = given.id AND (deliveries.state = 'waiting') IS TRUE AND (deliveries.customer_id IN (SELECT id FROM owned)) IS TRUE
RETURNING deliveries.id
"""


class Settling(msgspec.Struct, frozen=True):
    """A batch of settlements as columns, made on the event loop so that the database's thread runs little Python.

    Attributes:
        batch: Each once.
        ids: All of them.
        values: For the statements.
        line: For the audit log, if all of it is written; None if nothing comes to an end.
        now: When.
    """

    batch: list[Settled]
    ids: frozenset[int]
    values: dict[str, Any]
    line: Line | None
    now: Millis

    @classmethod
    def of(cls, settled: Sequence[Settled], epochs: Mapping[int, int], now: Millis) -> Settling:
        """Makes the columns.

        Raises:
            ValueError: Something is archived without a receipt.
        """
        # A delivery that stands in the batch twice is settled once, as it was settled first.
        batch = list({s.delivery_id: s for s in reversed(settled)}.values())
        batch.reverse()
        values: dict[str, Any] = {"lanes": numbers({s.lane for s in batch})}
        values |= _owners({s.customer_id for s in batch}, epochs)
        values |= {"id": numbers(s.delivery_id for s in batch), "lane": numbers(s.lane for s in batch)}
        values["kind"] = texts([s.kind.value for s in batch])
        for state in (DeliveryState.ARCHIVED, DeliveryState.REJECTED, DeliveryState.GONE):
            values[f"is_{state.value}"] = numbers(s.state is state for s in batch)
        values["bytes"] = numbers(s.size if s.state is DeliveryState.ARCHIVED else 0 for s in batch)
        values |= _receipts([s for s in batch if s.state is DeliveryState.ARCHIVED])
        values |= _others([s for s in batch if s.state is not DeliveryState.ARCHIVED])
        return cls(batch, frozenset(s.delivery_id for s in batch), values, _line(batch, now), now)


def settle(raw: Raw, batch: Settling) -> frozenset[int]:
    """Writes what may be written of a batch, in a transaction of its own; the ids of the rest."""
    try:
        written = _settle(raw, batch, batch.line, hopeful=True)
    except psycopg.errors.NotNullViolation:  # of the line's number: it would not be true
        written = _settle(raw, batch, None, hopeful=False)
    refused = batch.ids - written
    if refused:
        refused -= {row[0] for row in raw.execute(_REPEATED, batch.values)}
    return refused


def _settle(raw: Raw, batch: Settling, line: Line | None, *, hopeful: bool) -> set[int]:
    """The ids that were written. What the audit log says must be what was written: hopefully that is the whole batch, and nothing is asked.

    Raises:
        NotNullViolation: ``hopeful``, but it was not; all of it is taken back.
    """
    with at_once(raw) as pipeline:
        raw.execute(LOCK, batch.values)
        settled = raw.execute(SETTLE, batch.values)
        failpoint("settle.inside")
        if not hopeful:
            pipeline.sync()
            written = _written(settled)
            line = _line([s for s in batch.batch if s.delivery_id in written], batch.now)
        if line is not None:
            append_last(raw, line, expected=len(batch.ids) if hopeful else None)
    return _written(settled)


def _written(settled: psycopg.Cursor[Any]) -> set[int]:
    settled.scroll(0, "absolute")
    row = settled.fetchone()
    return set() if row is None else set(row[0])


def save_sessions(raw: Raw, values: Mapping[str, Any]) -> set[int]:
    """Writes where chunked uploads stand; the ids of those that it wrote."""
    return {row[0] for row in raw.execute(SESSIONS, values)}


def session_values(sessions: Mapping[int, Session], epochs: Mapping[int, int]) -> dict[str, str]:
    """Values for `save_sessions`."""
    saved = {"id": numbers(sessions), "session": texts([_text(session) for session in sessions.values()])}
    return saved | _owners(epochs, epochs)


def _line(batch: Sequence[Settled], now: Millis) -> Line | None:
    entry = settled_entry(batch)
    return None if entry is None else drafted(entry, now)


def _owners(customers: Collection[int], epochs: Mapping[int, int]) -> dict[str, str]:
    mine = {customer: epochs[customer] for customer in sorted(customers) if customer in epochs}
    return {"owners": numbers(mine), "epochs": numbers(mine.values())}


def _receipts(archived: Sequence[Settled]) -> dict[str, str]:
    receipts = []
    for s in archived:
        if s.receipt is None:
            raise ValueError(f"delivery {s.delivery_id} is archived without a receipt")
        receipts.append(s.receipt)
    values = {"archived": numbers(s.delivery_id for s in archived)}
    for name in ("path", "remote_id", "revision", "sha256", "remote_hash"):
        values[name] = texts([getattr(receipt, name) for receipt in receipts])
    for name in ("size", "archived_at", "recovered"):
        values[name] = numbers(getattr(receipt, name) for receipt in receipts)
    return values


def _others(others: Sequence[Settled]) -> dict[str, str]:
    values = {"others": numbers(s.delivery_id for s in others), "state": texts([s.state.value for s in others])}
    for name in ("reason", "detail"):
        values[name] = texts([getattr(s, name) for s in others])
    for name in ("ready_at", "attempt"):
        values[name] = numbers(getattr(s, name) for s in others)
    kept = [s.session if s.state is DeliveryState.WAITING else None for s in others]
    values["session"] = texts(["" if session is None else _text(session) for session in kept])
    return values


def _text(session: Session) -> str:
    return msgspec.json.encode(session).decode()
