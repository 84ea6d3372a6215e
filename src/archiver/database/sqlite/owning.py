"""Who served this file last, and the journal by which an item that kills its process is found out.

One process serves the file, and the lock beside it says which. So a row of ``workers`` that its process did not take away itself is that
of a process which died: whoever comes next finds it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from archiver.database.port import POISON_DEATHS, POISON_DETAIL, Start, Worker
from archiver.errors import PoisonError
from archiver.failpoints import failpoint
from archiver.model import Millis

__all__ = ["clear_journal", "enter", "leave", "suspects", "write_journal"]

_WRITE = """
INSERT INTO journal (delivery_id, customer_id, deaths, running)
SELECT json_extract(given.value, '$[0]'), json_extract(given.value, '$[1]'), 0, 1 FROM json_each(?) AS given WHERE true
ON CONFLICT (delivery_id) DO UPDATE SET running = 1
"""
_SUSPECTS = """
SELECT json_group_array(json_array(delivery_id, deaths)) FROM json_each(?) AS given
CROSS JOIN journal ON journal.customer_id = given.value WHERE deaths > 0
"""
_ENDED = "DELETE FROM journal WHERE delivery_id IN (SELECT value FROM json_each(?))"
_GIVEN_BACK = (
    "DELETE FROM journal WHERE deaths = 0 AND delivery_id IN (SELECT value FROM json_each(?))",
    "UPDATE journal SET running = 0 WHERE delivery_id IN (SELECT value FROM json_each(?))",
)

# Its upload ended, and was settled, and the process died before the line went: nobody died of it.
_FORGET_SETTLED = """
DELETE FROM journal WHERE (SELECT state FROM deliveries WHERE deliveries.id = journal.delivery_id) <> 'waiting'
"""
_COUNT = "UPDATE journal SET deaths = deaths + 1, running = 0 WHERE running"
_POISON = "SELECT json_group_array(delivery_id) FROM journal WHERE deaths >= ?"
_COUNTERS = """
UPDATE lane_counters SET waiting = waiting - given.poison, rejected = rejected + given.poison
FROM (
    SELECT lane, count(*) AS poison FROM json_each(?) AS chosen CROSS JOIN deliveries ON deliveries.id = chosen.value GROUP BY lane
) AS given
WHERE lane_counters.lane = given.lane
"""
_KINDS = """
UPDATE kind_counters SET waiting = waiting - given.poison, rejected = rejected + given.poison
FROM (
    SELECT lane, kind, count(*) AS poison
    FROM json_each(?) AS chosen CROSS JOIN deliveries ON deliveries.id = chosen.value CROSS JOIN items ON items.id = deliveries.item_id
    GROUP BY lane, kind
) AS given
WHERE kind_counters.lane = given.lane AND kind_counters.kind = given.kind
"""
_REJECT = """
UPDATE deliveries SET state = 'rejected', reason = ?, detail = ?, session = NULL WHERE id IN (SELECT value FROM json_each(?))
"""


def enter(raw: sqlite3.Connection, worker: Worker, now: Millis) -> bool:
    """Notes that a worker serves, and counts the journal of the one that died before it; in the caller's transaction.

    Returns:
        Whether it must be careful.
    """
    died = raw.execute("DELETE FROM workers WHERE id <> ?", (worker.id,)).rowcount > 0
    raw.execute(
        "INSERT INTO workers (id, host, pid, entered_at, alive_until) VALUES (?, ?, ?, ?, 0) ON CONFLICT (id) DO NOTHING",
        (worker.id, worker.host, worker.pid, now),
    )
    raw.execute(_FORGET_SETTLED)
    if died:
        raw.execute(_COUNT)
        _reject_poison(raw)
    (left,) = raw.execute("SELECT EXISTS (SELECT 1 FROM journal WHERE deaths > 0)").fetchone()
    failpoint("own.unwritten")
    return died or bool(left)


def leave(raw: sqlite3.Connection, worker: Worker) -> None:
    """Forgets a worker that ends by itself; in the caller's transaction. What an older death made suspect stays so."""
    if raw.execute("DELETE FROM workers WHERE id = ?", (worker.id,)).rowcount:
        raw.execute("DELETE FROM journal WHERE deaths = 0")
        raw.execute("UPDATE journal SET running = 0 WHERE running")


def write_journal(raw: sqlite3.Connection, starts: Sequence[Start]) -> None:
    """Notes what runs from now on."""
    raw.execute(_WRITE, (_json([(start.delivery_id, start.customer_id) for start in starts]),))


def suspects(raw: sqlite3.Connection, customer_ids: Collection[int]) -> Mapping[int, int]:
    """What ran when a process died: id → how many deaths."""
    (text,) = raw.execute(_SUSPECTS, (_json(list(customer_ids)),)).fetchone()
    return dict(msgspec.json.decode(text, type=list[tuple[int, int]]))


def clear_journal(raw: sqlite3.Connection, ended: Iterable[int], given_back: Iterable[int]) -> None:
    """Notes what runs no more; in the caller's transaction."""
    raw.execute(_ENDED, (_json(list(ended)),))
    back = _json(list(given_back))
    for statement in _GIVEN_BACK:
        raw.execute(statement, (back,))


def _reject_poison(raw: sqlite3.Connection) -> None:
    (poison,) = raw.execute(_POISON, (POISON_DEATHS,)).fetchone()
    if poison != "[]":
        raw.execute(_COUNTERS, (poison,))
        raw.execute(_KINDS, (poison,))
        raw.execute(_REJECT, (PoisonError.__name__, POISON_DETAIL, poison))
        raw.execute(_ENDED, (poison,))


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
