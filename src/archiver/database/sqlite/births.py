"""Birth: items, deliveries and the source's cursor in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from archiver.database.port import FORESIGHT, Birth, Births
from archiver.database.sqlite.many import ManyRows
from archiver.model import Connection, Millis

__all__ = ["BirthRows", "add_births"]

_ITEMS = ManyRows(
    "kind, external_id, part, occurred_at, purge_at, locator, media_type, size, sha256, direction, sender, recipient, owner, metadata",
    """
    INSERT INTO items (kind, external_id, part, occurred_at, purge_at, locator, media_type, size, sha256,
                       direction, sender, recipient, owner, metadata, source_id, discovered_at)
    SELECT given.*, ?1, ?2 FROM :given WHERE given.kind IS NOT NULL
    ON CONFLICT (source_id, kind, external_id, part) DO NOTHING
    """,
)

# A file that grew between its discovery and now. What has been archived somewhere stays what it was.
_CONTENT = "kind, external_id, part, locator, media_type, size, sha256"
_CHANGED = """
    given.kind IS NOT NULL
    AND items.source_id = ?1 AND items.kind = given.kind AND items.external_id = given.external_id AND items.part = given.part
    AND (items.locator <> given.locator OR items.media_type <> given.media_type
         OR items.size IS NOT given.size OR items.sha256 IS NOT given.sha256)
    AND items.erased_at = 0
    AND NOT EXISTS (SELECT 1 FROM deliveries AS done WHERE done.item_id = items.id AND done.state = 'archived')
    """

_REFRESH = ManyRows(
    _CONTENT,
    f"""
    UPDATE items SET locator = given.locator, media_type = given.media_type, size = given.size, sha256 = given.sha256
    FROM :given WHERE {_CHANGED}
    """,  # noqa: S608  made of constants
)

# Parts of the old content are not parts of the new.
_SESSIONS = ManyRows(
    _CONTENT,
    f"""
    UPDATE deliveries SET session = NULL
    WHERE session IS NOT NULL AND item_id IN (SELECT items.id FROM :given CROSS JOIN items WHERE {_CHANGED})
    """,  # noqa: S608  made of constants
)

_DELIVERIES = ManyRows(
    "kind, external_id, part, lane, path, priority",
    """
    INSERT INTO deliveries (item_id, lane, customer_id, state, priority, ready_at, attempt, path, reason, detail)
    SELECT items.id, given.lane, ?2, 'waiting', given.priority, coalesce(max(0, min(?3, items.purge_at - ?4)), ?3), 0, given.path, '', ''
    FROM :given CROSS JOIN items
    WHERE given.kind IS NOT NULL AND items.source_id = ?1 AND items.kind = given.kind AND items.external_id = given.external_id
      AND items.erased_at = 0
      AND items.part = given.part
    ON CONFLICT (item_id, lane) DO NOTHING
    """,
)


class BirthRows(msgspec.Struct, frozen=True):
    """A batch of births as rows, made on the event loop so that the database's thread runs no Python.

    Attributes:
        source: Where the items were found.
        now: When.
        cursor: None leaves the cursor as it is.
        items: For `_ITEMS`.
        deliveries: For `_DELIVERIES`.
    """

    source: Connection
    now: Millis
    cursor: str | None
    items: list[tuple[Any, ...]]
    deliveries: list[tuple[Any, ...]]

    @classmethod
    def of(cls, source: Connection, births: Sequence[Birth], now: Millis, cursor: str | None) -> BirthRows:
        """Makes the rows."""
        items: list[tuple[Any, ...]] = []
        deliveries: list[tuple[Any, ...]] = []
        for birth in births:
            d = birth.discovery
            key = (d.kind.value, d.external_id, d.part)
            content = (d.occurred_at, d.purge_at, d.locator, d.media_type, d.size, d.sha256)
            words = (d.direction, d.sender, d.recipient, d.owner, msgspec.json.encode(d.metadata).decode() if d.metadata else "{}")
            items.append(key + content + words)
            deliveries.extend((*key, *where) for where in birth.deliveries)
        return cls(source, now, cursor, items, deliveries)


def add_births(raw: sqlite3.Connection, rows: BirthRows) -> Births:
    """Writes everything, in the caller's transaction."""
    source = rows.source
    (before,) = raw.execute("SELECT coalesce(max(id), 0) FROM deliveries").fetchone()
    new = _ITEMS.execute(raw, rows.items, source.id, rows.now)
    if new < len(rows.items):
        contents = [(*row[:3], *row[5:9]) for row in rows.items]
        _SESSIONS.execute(raw, contents, source.id)
        _REFRESH.execute(raw, contents, source.id)
    lanes: frozenset[int] = frozenset()
    if _DELIVERIES.execute(raw, rows.deliveries, source.id, source.customer_id, rows.now, FORESIGHT):
        lanes = _count(raw, before)
    if rows.cursor is not None:
        raw.execute(
            """INSERT INTO cursors (source_id, value, updated_at) VALUES (?, ?, ?)
               ON CONFLICT (source_id) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at""",
            (source.id, rows.cursor, rows.now),
        )
    return Births(items=new, lanes=lanes)


def _count(raw: sqlite3.Connection, before: int) -> frozenset[int]:
    """Adds the deliveries with ids above ``before``, which are this transaction's, to the counters; their lanes."""
    (counts,) = raw.execute(
        """SELECT json_group_array(json_array(lane, kind, born)) FROM (
               SELECT lane, kind, count(*) AS born FROM deliveries CROSS JOIN items ON items.id = deliveries.item_id
               WHERE deliveries.id > ? GROUP BY lane, kind
           )""",
        (before,),
    ).fetchone()
    raw.execute(
        """UPDATE lane_counters SET waiting = waiting + given.born FROM (
               SELECT json_extract(value, '$[0]') AS lane, sum(json_extract(value, '$[2]')) AS born FROM json_each(?) GROUP BY 1
           ) AS given WHERE lane_counters.lane = given.lane""",
        (counts,),
    )
    raw.execute(
        """INSERT INTO kind_counters (lane, kind, waiting, archived, rejected, gone, archived_bytes)
           SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), 0, 0, 0, 0
           FROM json_each(?) WHERE true
           ON CONFLICT (lane, kind) DO UPDATE SET waiting = waiting + excluded.waiting""",
        (counts,),
    )
    return frozenset(lane for lane, _, _ in msgspec.json.decode(counts, type=list[tuple[int, str, int]]))
