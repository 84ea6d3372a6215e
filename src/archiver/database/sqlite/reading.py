"""The hot reads: which lanes have work, and the next deliveries of each. They write nothing, and each is one step of SQLite.

Rows come as one JSON text, whose arrays msgspec decodes straight into `Delivery` (an array-like struct with a nested `Item`): the order of
the columns below is the order of their fields.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from functools import cache

import msgspec

from archiver.database.port import Place, Want
from archiver.model import Delivery, LaneId, Millis

__all__ = ["HEADS", "READY_LANES", "decode_deliveries", "decode_ready_lanes", "read_ready_lanes", "read_waiting", "waiting_statement"]

LANES_PER_STEP = 16
_BEGINNING: Place = (-1, -1, -1)
"""Before every delivery: priorities, times and ids are never negative."""
_LAST = 2**31 - 1
"""No priority is higher."""

HEADS = """
head (id, lane, priority, ready_at) AS (
    SELECT * FROM (
        SELECT id, lane, priority, ready_at FROM deliveries INDEXED BY deliveries_waiting
        WHERE state = 'waiting' ORDER BY lane, priority, ready_at, id LIMIT 1
    )
    UNION ALL
    SELECT found.id, found.lane, found.priority, found.ready_at
    FROM head CROSS JOIN deliveries AS found ON found.id = (
        SELECT next.id FROM deliveries AS next INDEXED BY deliveries_waiting
        WHERE next.state = 'waiting' AND (next.lane, next.priority) >= (+head.lane, head.priority + 1)
        ORDER BY next.lane, next.priority, next.ready_at, next.id LIMIT 1
    )
)
"""
"""The first waiting delivery of every lane and priority: a scan that skips through the index, one seek per pair."""

READY_LANES = f"""
WITH RECURSIVE {HEADS}
SELECT json_group_array(json_array(lane, ready_at)) FROM (
    SELECT head.lane AS lane, min(head.ready_at) AS ready_at
    FROM head CROSS JOIN connections ON connections.id = head.lane CROSS JOIN customers ON customers.id = connections.customer_id
    WHERE customers.state = 'active' GROUP BY head.lane
)
"""  # noqa: S608  made of constants

# One lane's part. ``level`` is the priorities from the cursor's on, each with the place after which to read; CROSS JOIN keeps SQLite in
# their order, and within each the index is read in its own order from that place to ``now``. So nothing is sorted, nothing that waits
# for a later try is stepped over, and LIMIT ends the scan. Parameters: priority, ready_at, id, lane, last, lane, now, limit.
_LANE = """(
    WITH RECURSIVE level (priority, ready_at, id) AS (
        VALUES (?, ?, ?)
        UNION ALL
        SELECT (
            SELECT next.priority FROM deliveries AS next INDEXED BY deliveries_waiting
            WHERE next.lane = ? AND next.state = 'waiting' AND next.priority > level.priority AND next.priority <= ?
            ORDER BY next.priority LIMIT 1
        ), -1, -1
        FROM level WHERE level.priority IS NOT NULL
    )
    SELECT CAST(json_group_array(json_array(
        d.id, d.lane, d.customer_id, d.path, d.priority, d.ready_at, d.attempt, json(d.session),
        json_array(i.id, i.source_id, i.kind, i.external_id, i.locator, i.media_type, i.size, i.sha256, i.occurred_at,
                   i.discovered_at),
        d.state
    )) AS BLOB)
    FROM (
        SELECT found.* FROM level CROSS JOIN deliveries AS found INDEXED BY deliveries_waiting
        WHERE found.lane = ? AND found.state = 'waiting' AND found.priority = level.priority AND found.ready_at <= ?
          AND (found.ready_at, found.id) > (+level.ready_at, +level.id)
        LIMIT ?
    ) AS d CROSS JOIN items AS i ON i.id = d.item_id
)"""

_deliveries = msgspec.json.Decoder(list[Delivery])
_pairs = msgspec.json.Decoder(list[tuple[int, int]])


@cache
def waiting_statement(lanes: int) -> str:
    """The read for so many lanes: one row with a column per lane."""
    return f"SELECT {', '.join([_LANE] * lanes)}"


def read_waiting(raw: sqlite3.Connection, wants: Sequence[tuple[LaneId, Want]], now: Millis) -> list[bytes]:
    """The due deliveries of lanes as JSON, in the order of ``wants``, which is at most `LANES_PER_STEP` long if it shall be one step."""
    texts: list[bytes] = []
    for start in range(0, len(wants), LANES_PER_STEP):
        part = wants[start : start + LANES_PER_STEP]
        parameters: list[int] = []
        for lane, want in part:
            parameters += [*(want.after or _BEGINNING), lane, _LAST if want.last is None else want.last, lane, now, want.limit]
        texts += raw.execute(waiting_statement(len(part)), parameters).fetchone()
    return texts


def decode_deliveries(wants: Sequence[tuple[LaneId, Want]], texts: Sequence[bytes]) -> dict[LaneId, list[Delivery]]:
    """What `read_waiting` read, as values; lanes without any are left out."""
    decoded = ((lane, _deliveries.decode(text)) for (lane, _), text in zip(wants, texts, strict=True))
    return {lane: deliveries for lane, deliveries in decoded if deliveries}


def read_ready_lanes(raw: sqlite3.Connection) -> str:
    """Lanes of active customers with their earliest ``ready_at``, as JSON."""
    (text,) = raw.execute(READY_LANES).fetchone()
    return str(text)


def decode_ready_lanes(text: str) -> Mapping[LaneId, Millis]:
    """What `read_ready_lanes` read, as a mapping."""
    return dict(_pairs.decode(text))
