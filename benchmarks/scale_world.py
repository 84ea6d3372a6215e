"""Databases with very many customers, for ``benchmarks.scale``: written with a few statements, since births would take minutes."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import psycopg

from archiver.database.sqlite import SqliteDatabase
from archiver.naming import DEFAULT_TEMPLATE

__all__ = ["AIRLINE", "build_postgres", "build_sqlite", "fill_postgres", "put_off", "settle_quiet"]

AIRLINE = 1
"""The number of the customer that has nearly everything, and of its destination: its lane."""

# Customer n has destination n and, with the highest numbers, a source n + customers. Numbers begin at 1.
_CUSTOMERS = """
INSERT INTO customers (id, name, state, weight, epoch, path_template, created_at, has_source)
SELECT n, 'c' || n, 'active', 1, 0, '{template}', 0, true FROM ({numbers}) AS numbers
"""
_DESTINATIONS = """
INSERT INTO connections (id, customer_id, role, adapter, options, secrets, state, reason, state_since, throttled_until, pace)
SELECT n, n, 'destination', 'sink', '{{}}', {empty_map}, 'active', '', 0, 0, {nothing} FROM ({numbers}) AS numbers
"""
_SOURCES = """
INSERT INTO connections (id, customer_id, role, adapter, options, secrets, state, reason, state_since, throttled_until, pace)
SELECT n + {customers}, n, 'source', 'none', '{{}}', {empty_map}, 'active', '', 0, 0, {nothing} FROM ({numbers}) AS numbers
"""
# The airline has the items up to ``airline``; the others have the rest in turn.
_ITEMS = """
INSERT INTO items (id, source_id, kind, external_id, part, occurred_at, discovered_at, locator, media_type, size, direction, sender,
                   recipient, owner, metadata)
SELECT n, {customers} + {owner}, 'sms', 'i' || n, '', 1767225600000 + n, {now}, 'sms/' || n, 'text/plain', 1000, 'inbound', '+15550100567',
       '+15550100234', '135', '{{}}' FROM ({numbers}) AS numbers
"""
_DELIVERIES = """
INSERT INTO deliveries (id, item_id, lane, customer_id, state, priority, ready_at, attempt, path, reason, detail)
SELECT n, n, {owner}, {owner}, 'waiting', 0, {now}, 0, '/2026/i' || n || '.txt', '', '' FROM ({numbers}) AS numbers
"""
_COUNTERS = """
INSERT INTO lane_counters (lane, waiting, archived, rejected, gone, archived_bytes)
SELECT c.id, coalesce(found.waiting, 0), 0, 0, 0, 0 FROM customers AS c
LEFT JOIN (SELECT lane, count(*) AS waiting FROM deliveries GROUP BY lane) AS found ON found.lane = c.id
"""


def _statements(customers: int, items: int, airline: int, now: int, dialect: dict[str, str]) -> list[str]:
    numbers = dialect["numbers"]
    owner = f"CASE WHEN n <= {airline} THEN {AIRLINE} ELSE 2 + (n - {airline}) % {max(1, customers - 1)} END"
    words = {
        "template": DEFAULT_TEMPLATE,
        "customers": customers,
        "owner": owner,
        "now": now,
        "empty_map": dialect["empty_map"],
        "nothing": dialect["nothing"],
    }
    of_customers = [text.format(numbers=numbers.format(count=customers), **words) for text in (_CUSTOMERS, _DESTINATIONS, _SOURCES)]
    of_items = [text.format(numbers=numbers.format(count=items), **words) for text in (_ITEMS, _DELIVERIES)] if items else []
    return [*of_customers, *of_items, _COUNTERS]  # what is born later is counted by the Database itself


def build_sqlite(path: Path, *, customers: int, items: int, airline: int, now: int) -> None:
    """Makes a database in which the airline has ``airline`` of the items and the other customers the rest, all of them due."""

    async def migrate() -> None:
        database = SqliteDatabase(path)
        await database.open()
        await database.close()

    asyncio.run(migrate())
    recursive = "WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted LIMIT {count}) SELECT n FROM counted"
    dialect = {"numbers": recursive, "empty_map": "x'80'", "nothing": "x''"}
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA synchronous = OFF")
        for statement in _statements(customers, items, airline, now, dialect):
            raw.execute(statement)
        raw.execute("PRAGMA optimize")
    raw.close()


_POSTGRES = {"numbers": "SELECT n FROM generate_series(1, {count}) AS n", "empty_map": r"'\x80'::bytea", "nothing": "''::bytea"}


def build_postgres(address: str, *, customers: int, now: int) -> None:
    """The same customers, with nothing waiting yet, in an empty PostgreSQL database that has the newest schema."""
    with psycopg.connect(address) as raw:
        for statement in _statements(customers, 0, 0, now, _POSTGRES):
            raw.execute(statement)
        for table in ("customers", "connections"):
            raw.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")  # noqa: S608
    with psycopg.connect(address, autocommit=True) as raw:
        raw.execute("VACUUM ANALYZE")


def fill_postgres(address: str, *, customers: int, items: int, now: int) -> None:
    """Gives each of the customers its part of so many items, all of them due, in one moment."""
    with psycopg.connect(address) as raw:
        for statement in _statements(customers, items, 0, now, _POSTGRES)[-3:-1]:
            raw.execute(statement)
        raw.execute(
            "UPDATE lane_counters SET waiting = n FROM (SELECT lane, count(*) AS n FROM deliveries GROUP BY lane) AS found "
            "WHERE found.lane = lane_counters.lane"
        )
        for table in ("items", "deliveries"):
            raw.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")  # noqa: S608


def put_off(path: Path, until: int) -> None:
    """Lets everything in a SQLite database wait for a later try, so that a process which serves it has nothing to do."""
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE deliveries SET ready_at = ? WHERE state = 'waiting'", (until,))
    raw.close()


def settle_quiet(path: Path) -> None:
    """Lets only the airline have a backlog: what waits of the others counts as lost at the source."""
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE deliveries SET state = 'gone', reason = 'SourceGoneError' WHERE state = 'waiting' AND lane <> ?", (AIRLINE,))
    raw.close()
