"""Birth as rows; what it promises is in the conformance kit."""

from __future__ import annotations

import sqlite3

import pytest

from archiver.database.conformance.world import NOW, discovery, world
from archiver.database.port import Birth
from archiver.database.sqlite import SqliteDatabase
from archiver.database.sqlite.births import BirthRows, add_births
from archiver.model import Connection, Role


def test_a_birth_is_a_row_and_one_per_destination() -> None:
    """Each delivery's row begins with its item's name within the source."""
    source = Connection(id=3, customer_id=1, role=Role.SOURCE, adapter="memory")
    rows = BirthRows.of(source, [Birth(discovery(7, metadata={"a": [1]}), [(4, "/a", 0), (5, "/b", 1)])], NOW, None)
    assert [row[:3] for row in rows.items] == [("sms", "7", "")]
    assert [row[-1] for row in rows.items] == ['{"a":[1]}']
    assert rows.deliveries == [("sms", "7", "", 4, "/a", 0), ("sms", "7", "", 5, "/b", 1)]


@pytest.mark.parametrize("known", [0, 1500])
async def test_a_batch_is_a_handful_of_statements(database: SqliteDatabase, known: int) -> None:
    """However many items it has; a few more if some were known."""
    klm = await world(database)
    await database.add_births(klm.source, klm.births(known), now=NOW, cursor=None)
    seen: list[str] = []
    await database._writer.run(lambda raw: raw.set_trace_callback(seen.append))
    await database.add_births(klm.source, klm.births(1500), now=NOW, cursor="a")
    # Three lists of up to 512 rows for each of INSERT items, (UPDATE deliveries, UPDATE items,) INSERT deliveries.
    assert len(seen) <= (19 if known else 13)


async def test_no_statement_scans_a_table(database: SqliteDatabase) -> None:
    """A source that finds everything again costs a few lookups per item, however much there is."""

    def plans(raw: sqlite3.Connection) -> list[str]:
        seen: list[str] = []
        raw.set_trace_callback(seen.append)
        source = Connection(id=1, customer_id=1, role=Role.SOURCE, adapter="memory")
        add_births(raw, BirthRows.of(source, [Birth(discovery(1), [(2, "/a", 0)])] * 2, NOW, "a"))
        raw.set_trace_callback(None)
        return [row[3] for statement in seen for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}")]

    await world(database)
    found = await database._writer.transact(plans)
    assert len(found) > 10
    assert [line for line in found if line.startswith(("SCAN items", "SCAN deliveries", "SCAN lane_counters"))] == []
