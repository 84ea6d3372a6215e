"""Birth: items, deliveries and the source's cursor in one transaction.

Two processes that bear the same items at the same moment wait for each other: the second finds what the first wrote. Both go through
their items in the same order, so that neither waits for the other for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg

from archiver.database.port import FORESIGHT, Birth, Births
from archiver.database.postgres.arrays import numbers, texts
from archiver.database.postgres.handle import Raw, at_once
from archiver.database.texts import escape
from archiver.model import Connection, Millis

__all__ = ["DELIVERIES", "ITEMS", "REFRESH", "SESSIONS", "BirthRows", "add_births"]

_KEY = "kind, external_id, part"

ITEMS = """
INSERT INTO items (source_id, discovered_at, kind, external_id, part, occurred_at, purge_at, locator, media_type, size, sha256,
                   direction, sender, recipient, owner, metadata)
SELECT %(source)s, %(now)s, given.kind, given.external_id, given.part, given.occurred_at, given.purge_at, given.locator, given.media_type,
       given.size, nullif(given.sha256, ''), given.direction, given.sender, given.recipient, given.owner, given.metadata
FROM unnest(%(kind)s::text[], %(external_id)s::text[], %(part)s::text[], %(occurred_at)s::bigint[], %(purge_at)s::bigint[],
            %(locator)s::text[], %(media_type)s::text[], %(size)s::bigint[], %(sha256)s::text[], %(direction)s::text[],
            %(sender)s::text[], %(recipient)s::text[], %(owner)s::text[], %(metadata)s::text[])
     AS given (kind, external_id, part, occurred_at, purge_at, locator, media_type, size, sha256,
               direction, sender, recipient, owner, metadata)
ON CONFLICT (source_id, kind, external_id, part) DO NOTHING
"""

_CONTENT = """
unnest(%(kind)s::text[], %(external_id)s::text[], %(part)s::text[], %(locator)s::text[], %(media_type)s::text[], %(size)s::bigint[],
       %(sha256)s::text[]) AS given (kind, external_id, part, locator, media_type, size, sha256)
"""

# A file that grew between its discovery and now. What has been archived somewhere stays what it was.
_CHANGED = """
items.source_id = %(source)s AND items.kind = given.kind AND items.external_id = given.external_id AND items.part = given.part
AND (items.locator <> given.locator OR items.media_type <> given.media_type
     OR items.size IS DISTINCT FROM given.size OR items.sha256 IS DISTINCT FROM nullif(given.sha256, ''))
AND items.erased_at = 0
AND NOT EXISTS (SELECT FROM deliveries AS done WHERE done.item_id = items.id AND done.state = 'archived')
"""

# Parts of the old content are not parts of the new.
SESSIONS = f"""
UPDATE deliveries SET session = NULL
WHERE session IS NOT NULL AND item_id = ANY(ARRAY(SELECT items.id FROM {_CONTENT} JOIN items ON {_CHANGED}))
"""  # noqa: S608  made of constants

REFRESH = f"""
UPDATE items SET locator = given.locator, media_type = given.media_type, size = given.size, sha256 = nullif(given.sha256, '')
FROM {_CONTENT} WHERE {_CHANGED}
"""  # noqa: S608  made of constants

# The counters are locked by lane, as everybody does who writes several lanes' counters, and only then written.
DELIVERIES = """
WITH born AS (
    INSERT INTO deliveries (item_id, lane, customer_id, state, priority, ready_at, attempt, path, reason, detail)
    SELECT items.id, given.lane, %(customer)s, 'waiting', given.priority, greatest(0, least(%(now)s, items.purge_at - %(foresight)s)), 0,
           given.path, '', ''
    FROM unnest(%(of_kind)s::text[], %(of_external_id)s::text[], %(of_part)s::text[], %(lane)s::bigint[], %(path)s::text[],
                %(priority)s::int[]) WITH ORDINALITY AS given (kind, external_id, part, lane, path, priority, place)
    JOIN items ON items.source_id = %(source)s AND items.kind = given.kind AND items.external_id = given.external_id
              AND items.part = given.part AND items.erased_at = 0
    ORDER BY given.place
    ON CONFLICT (item_id, lane) DO NOTHING
    RETURNING lane, item_id
), of_kind AS (
    SELECT lane, kind, count(*) AS born
    FROM (SELECT lane, (SELECT kind FROM items WHERE items.id = born.item_id) AS kind FROM born) AS found GROUP BY lane, kind
), kinds AS (
    INSERT INTO kind_counters (lane, kind, waiting, archived, rejected, gone, archived_bytes)
    SELECT lane, kind, born, 0, 0, 0, 0 FROM of_kind
    ON CONFLICT (lane, kind) DO UPDATE SET waiting = kind_counters.waiting + excluded.waiting
), count AS (SELECT lane, sum(born) AS born FROM of_kind GROUP BY lane)
UPDATE lane_counters SET waiting = waiting + count.born FROM count WHERE lane_counters.lane = count.lane RETURNING lane_counters.lane
"""

_LOCK = "SELECT FROM lane_counters WHERE lane = ANY(%(lanes)s::bigint[]) ORDER BY lane FOR NO KEY UPDATE"

_CURSOR = """
INSERT INTO cursors (source_id, value, updated_at) VALUES (%s, %s, %s)
ON CONFLICT (source_id) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at
"""


class BirthRows(msgspec.Struct, frozen=True):
    """A batch of births as columns, made on the event loop so that the database's thread runs little Python.

    Attributes:
        source: Where the items were found.
        now: When.
        cursor: None leaves the cursor as it is.
        items: How many.
        values: For the statements.
    """

    source: Connection
    now: Millis
    cursor: str | None
    items: int
    values: dict[str, Any]

    @classmethod
    def of(cls, source: Connection, births: Sequence[Birth], now: Millis, cursor: str | None) -> BirthRows:
        """Makes the columns."""
        ordered = sorted(births, key=lambda birth: (birth.discovery.kind, birth.discovery.external_id, birth.discovery.part))
        found = [birth.discovery for birth in ordered]
        values: dict[str, Any] = {"source": source.id, "customer": source.customer_id, "now": now, "foresight": FORESIGHT}
        values["kind"] = texts([d.kind.value for d in found])
        for name in ("external_id", "part", "locator", "media_type", "direction", "sender", "recipient", "owner"):
            values[name] = texts([getattr(d, name) for d in found])
        for name in ("occurred_at", "purge_at", "size"):
            values[name] = numbers(getattr(d, name) for d in found)
        values["sha256"] = texts([d.sha256 or "" for d in found])
        values["metadata"] = texts([msgspec.json.encode(d.metadata).decode() if d.metadata else "{}" for d in found])
        # In the order in which the source told them: it is the order in which they will be uploaded.
        where = [(birth.discovery, *delivery) for birth in births for delivery in birth.deliveries]
        values["of_kind"] = texts([d.kind.value for d, *_ in where])
        values["of_external_id"] = texts([d.external_id for d, *_ in where])
        values["of_part"] = texts([d.part for d, *_ in where])
        values["lane"] = numbers(lane for _, lane, _, _ in where)
        values["lanes"] = numbers({lane for _, lane, _, _ in where})
        values["path"] = texts([path for _, _, path, _ in where])
        values["priority"] = numbers(priority for _, _, _, priority in where)
        return cls(source, now, cursor, len(found), values)


def add_births(raw: Raw, rows: BirthRows) -> Births:
    """Writes everything, in a transaction of its own."""
    with at_once(raw) as pipeline:
        new = 0
        born: psycopg.Cursor[Any] | None = None
        if rows.items:
            items = raw.execute(ITEMS, rows.values)
            pipeline.sync()
            new = items.rowcount
            if new < rows.items:
                raw.execute(SESSIONS, rows.values)
                raw.execute(REFRESH, rows.values)
            raw.execute(_LOCK, rows.values)
            born = raw.execute(DELIVERIES, rows.values)
        if rows.cursor is not None:
            raw.execute(_CURSOR, (rows.source.id, escape(rows.cursor), rows.now))
    return Births(items=new, lanes=frozenset(lane for (lane,) in born or ()))
