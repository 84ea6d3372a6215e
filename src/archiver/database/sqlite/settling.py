"""Settling: new states, receipts and counters of many deliveries in one transaction, fenced by their customers' epochs.

The hopeful way writes everything and then compares how many rows it changed; if one is missing, all is taken back and the careful way
first asks which deliveries may be written. Hardly ever is one missing, so hardly ever is anything asked.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from archiver.database.audit import GENESIS, Line, drafted, settled_entry
from archiver.database.port import Settled
from archiver.database.sqlite.many import ManyRows
from archiver.failpoints import failpoint
from archiver.lifecycle import DeliveryState
from archiver.model import Millis, Session

__all__ = ["NotAllWrittenError", "Settling", "save_sessions", "session_rows", "settle_careful", "settle_hopeful"]

_RECEIPTS = ManyRows(
    "delivery_id, path, remote_id, revision, size, sha256, remote_hash, archived_at, recovered",
    "INSERT INTO receipts SELECT * FROM :given WHERE given.delivery_id IS NOT NULL",
)

# Nearly everything: only ids change hands. (A flat list of numbers is the one JSON that SQLite reads faster than a VALUES list.)
_ARCHIVED = """
    UPDATE deliveries SET state = 'archived', session = NULL, reason = '', detail = ''
    WHERE id IN (SELECT value FROM json_each(?)) AND state = 'waiting'
    """

_OTHERS = ManyRows(
    "id, state, ready_at, attempt, reason, detail, session",
    """
    UPDATE deliveries SET state = given.state, ready_at = given.ready_at, attempt = given.attempt,
                          reason = given.reason, detail = given.detail, session = given.session
    FROM :given WHERE given.id IS NOT NULL AND deliveries.id = given.id AND deliveries.state = 'waiting'
    """,
)

_COUNTERS = ManyRows(
    "lane, archived, rejected, gone, archived_bytes",
    """
    UPDATE lane_counters SET waiting = lane_counters.waiting - given.archived - given.rejected - given.gone,
        archived = lane_counters.archived + given.archived, rejected = lane_counters.rejected + given.rejected,
        gone = lane_counters.gone + given.gone, archived_bytes = lane_counters.archived_bytes + given.archived_bytes
    FROM :given WHERE given.lane IS NOT NULL AND lane_counters.lane = given.lane
    """,
)

_KINDS = ManyRows(
    "lane, kind, archived, rejected, gone, archived_bytes",
    """
    UPDATE kind_counters SET waiting = kind_counters.waiting - given.archived - given.rejected - given.gone,
        archived = kind_counters.archived + given.archived, rejected = kind_counters.rejected + given.rejected,
        gone = kind_counters.gone + given.gone, archived_bytes = kind_counters.archived_bytes + given.archived_bytes
    FROM :given WHERE given.lane IS NOT NULL AND kind_counters.lane = given.lane AND kind_counters.kind = given.kind
    """,
)

_OWNED = """
    SELECT count(*) FROM json_each(?) AS given CROSS JOIN customers
    ON customers.id = json_extract(given.value, '$[0]') AND customers.epoch = json_extract(given.value, '$[1]')
    """

_WRITABLE = """
    SELECT json_group_array(deliveries.id) FROM json_each(?1) AS given
    CROSS JOIN deliveries ON deliveries.id = given.value AND deliveries.state = 'waiting'
    CROSS JOIN customers ON customers.id = deliveries.customer_id
    WHERE (customers.id, customers.epoch) IN (
        SELECT json_extract(owned.value, '$[0]'), json_extract(owned.value, '$[1]') FROM json_each(?2) AS owned
    )
    """

_SESSIONS = ManyRows(
    "id, session",
    """
    UPDATE deliveries SET session = given.session FROM :given
    WHERE deliveries.id = given.id AND deliveries.state = 'waiting' AND EXISTS (
        SELECT 1 FROM customers WHERE customers.id = deliveries.customer_id AND (customers.id, customers.epoch) IN (
            SELECT json_extract(owned.value, '$[0]'), json_extract(owned.value, '$[1]') FROM json_each(?1) AS owned
        )
    )
    """,
)

_HEAD = "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1"
_APPEND = f"INSERT INTO audit ({', '.join(Line.__struct_fields__)}) VALUES ({', '.join('?' * len(Line.__struct_fields__))})"  # noqa: S608  constants


class NotAllWrittenError(Exception):
    """The hopeful way found a delivery that may not be written; the transaction is taken back."""


class Settling(msgspec.Struct, frozen=True):
    """A batch of settlements as rows, made on the event loop so that the database's thread runs no Python.

    Attributes:
        archived: Ids.
        receipts: Of the archived, for `_RECEIPTS`.
        others: Deferred, rejected and gone, for `_OTHERS`.
        counters: For `_COUNTERS`.
        kinds: For `_KINDS`.
        owners: Customer id and epoch of every customer concerned that has one.
        customers: How many customers are concerned.
        line: For the audit log, without its place there; None if nothing came to an end.
    """

    archived: list[int]
    receipts: list[tuple[Any, ...]]
    others: list[tuple[Any, ...]]
    counters: list[tuple[int, ...]]
    kinds: list[tuple[int | str, ...]]
    owners: list[tuple[int, int]]
    customers: int
    line: Line | None

    @classmethod
    def of(cls, settled: Collection[Settled], epochs: Mapping[int, int], now: Millis) -> Settling:
        """Makes the rows.

        Raises:
            ValueError: Something is archived without a receipt.
        """
        archived: list[int] = []
        receipts: list[tuple[Any, ...]] = []
        others: list[tuple[Any, ...]] = []
        counters: defaultdict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        customers: set[int] = set()
        for s in settled:
            customers.add(s.customer_id)
            if s.state is DeliveryState.ARCHIVED:
                r = s.receipt
                if r is None:
                    raise ValueError(f"delivery {s.delivery_id} is archived without a receipt")
                archived.append(s.delivery_id)
                receipts.append(
                    (s.delivery_id, r.path, r.remote_id, r.revision, r.size, r.sha256, r.remote_hash, r.archived_at, r.recovered)
                )
                count = counters[s.lane, s.kind.value]
                count[0] += 1
                count[3] += s.size
                continue
            session = _text(s.session) if s.session is not None and s.state is DeliveryState.WAITING else None
            others.append((s.delivery_id, s.state.value, s.ready_at, s.attempt, s.reason, s.detail, session))
            if s.state is DeliveryState.REJECTED:
                counters[s.lane, s.kind.value][1] += 1
            elif s.state is DeliveryState.GONE:
                counters[s.lane, s.kind.value][2] += 1
        owners = [(customer, epochs[customer]) for customer in customers if customer in epochs]
        entry = settled_entry(settled)
        line = None if entry is None else drafted(entry, now)
        kinds: list[tuple[int | str, ...]] = [(*key, *c) for key, c in counters.items()]
        return cls(archived, receipts, others, _summed(counters), kinds, owners, len(customers), line)


def _summed(counters: Mapping[tuple[int, str], Sequence[int]]) -> list[tuple[int, ...]]:
    """The counters of lanes from those of their kinds."""
    lanes: dict[int, tuple[int, ...]] = {}
    for (lane, _), counts in counters.items():
        lanes[lane] = tuple(map(sum, zip(lanes.get(lane, (0, 0, 0, 0)), counts, strict=True)))
    return [(lane, *counts) for lane, counts in lanes.items()]


def settle_hopeful(raw: sqlite3.Connection, batch: Settling) -> None:
    """Writes a batch, in the caller's transaction.

    Raises:
        NotAllWrittenError: A customer is owned under another epoch, or a delivery is no longer waiting.
    """
    (owned,) = raw.execute(_OWNED, (_json(batch.owners),)).fetchone()
    if owned != batch.customers:
        raise NotAllWrittenError
    _write(raw, batch)


def settle_careful(raw: sqlite3.Connection, settled: Sequence[Settled], epochs: Mapping[int, int], now: Millis) -> frozenset[int]:
    """Writes what may be written of a batch, in the caller's transaction; the ids of the rest."""
    owners = [(customer, epochs[customer]) for customer in {s.customer_id for s in settled} if customer in epochs]
    refused = _refused(raw, {s.delivery_id for s in settled}, owners)
    # A delivery that stands in the batch twice is settled once, as it was settled first.
    first = {s.delivery_id: s for s in reversed(settled) if s.delivery_id not in refused}
    _write(raw, Settling.of(first.values(), epochs, now))
    return refused


def save_sessions(raw: sqlite3.Connection, rows: Sequence[tuple[int, str]], epochs: Mapping[int, int]) -> frozenset[int]:
    """Writes where chunked uploads stand, in the caller's transaction; the ids of those that it did not write."""
    if _SESSIONS.execute(raw, rows, _json(list(epochs.items()))) == len(rows):
        return frozenset()
    return _refused(raw, [delivery for delivery, _ in rows], epochs.items())


def session_rows(sessions: Mapping[int, Session]) -> list[tuple[int, str]]:
    """Rows for `save_sessions`."""
    return [(delivery, _text(session)) for delivery, session in sessions.items()]


def _refused(raw: sqlite3.Connection, ids: Collection[int], owners: Collection[tuple[int, int]]) -> frozenset[int]:
    """Those of the deliveries that wait no more, or whose customer is not owned under the epoch given."""
    (text,) = raw.execute(_WRITABLE, (_json(list(ids)), _json(list(owners)))).fetchone()
    return frozenset(ids).difference(msgspec.json.decode(text, type=list[int]))


def _write(raw: sqlite3.Connection, batch: Settling) -> None:
    if batch.archived:
        if raw.execute(_ARCHIVED, (_json(batch.archived),)).rowcount != len(batch.archived):
            raise NotAllWrittenError
        _RECEIPTS.execute(raw, batch.receipts)
    failpoint("settle.inside")
    if batch.others and _OTHERS.execute(raw, batch.others) != len(batch.others):
        raise NotAllWrittenError
    _COUNTERS.execute(raw, batch.counters)
    _KINDS.execute(raw, batch.kinds)
    if batch.line is not None:
        line = batch.line.after(*(raw.execute(_HEAD).fetchone() or (0, GENESIS)))
        raw.execute(_APPEND, msgspec.structs.astuple(line))


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _text(session: Session) -> str:
    return _json(session)
