"""What the hot reads cost: plans and steps on a hundred thousand rows."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archiver.database.conformance.world import NOW, World, world
from archiver.database.port import Place, Want
from archiver.database.sqlite import SqliteDatabase, reading
from archiver.database.sqlite.looking import OLDEST
from archiver.model import Delivery

ROWS = 100_000
FILL = """
WITH RECURSIVE number (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM number WHERE n < {rows})
INSERT INTO {table} SELECT {columns} FROM number
"""


def fill(raw: sqlite3.Connection, whale: World, others: list[World]) -> None:
    """A hundred thousand deliveries of one lane at one moment (an import), a few in twenty other lanes."""
    item = f"n, {whale.source.id}, 'sms', 'x' || n, '', n, {NOW}, NULL, 'sms/' || n, 'text/plain', 160, NULL, '', '', '', '', '{{}}', 0"
    raw.execute(FILL.format(rows=ROWS, table="items", columns=item))
    delivery = f"n, n, {whale.lanes[0]}, {whale.customer.id}, 'waiting', 0, {NOW}, 0, '/sms/' || n, NULL, '', ''"
    raw.execute(FILL.format(rows=ROWS, table="deliveries", columns=delivery))
    for number, small in enumerate(others, start=1):
        few = (
            f"{ROWS} + {30 * number} + n, n, {small.lanes[0]}, {small.customer.id}, 'waiting', n % 3, {NOW}, 0, '/sms/' || n, NULL, 'x', ''"
        )
        raw.execute(FILL.format(rows=30, table="deliveries", columns=few))
    raw.commit()


async def build(path: Path) -> World:
    """A file with all of them."""
    database = SqliteDatabase(path)
    await database.open()
    made = await world(database)
    others = [await world(database, f"small{number}") for number in range(20)]
    await database._writer.run(fill, made, others)
    await database.close()
    return made


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, World]:
    """The file, and the lane with a hundred thousand; the tests only read."""
    path = tmp_path_factory.mktemp("reading") / "archiver.db"
    return path, asyncio.run(build(path))


@pytest.fixture
def whale(built: tuple[Path, World]) -> World:
    """The lane with a hundred thousand."""
    return built[1]


@pytest.fixture
def raw(built: tuple[Path, World]) -> Iterator[sqlite3.Connection]:
    """A connection that counts."""
    made = sqlite3.connect(built[0])
    yield made
    made.close()


def steps(raw: sqlite3.Connection, call: Callable[[], object]) -> int:
    """How many instructions of SQLite's machine a call costs."""
    count = 0

    def one_more() -> int:
        nonlocal count
        count += 1
        return 0

    raw.set_progress_handler(one_more, 1)
    call()
    raw.set_progress_handler(None, 0)
    return count


def plan(raw: sqlite3.Connection, sql: str) -> list[str]:
    """What SQLite is going to do."""
    return [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {sql}", [1] * sql.count("?"))]


def test_reading_uses_the_index_and_sorts_nothing(raw: sqlite3.Connection) -> None:
    """The place is compared through the index, with the time as the other end."""
    found = plan(raw, reading.waiting_statement(3))
    assert (
        found.count("SEARCH found USING INDEX deliveries_waiting (lane=? AND priority=? AND (ready_at,rowid)>(?,?) AND ready_at<?)")
        == found.count("SEARCH i USING INTEGER PRIMARY KEY (rowid=?)")
        == 3
    )
    assert [line for line in found if "TEMP B-TREE" in line or line.startswith(("SCAN deliveries", "SCAN found", "SCAN items"))] == []


def test_reading_costs_what_is_read(raw: sqlite3.Connection, whale: World) -> None:
    """Not what waits, not where in it the reading stands."""

    def read(limit: int, after: Place | None = None, now: int = NOW) -> Callable[[], object]:
        return lambda: reading.read_waiting(raw, [(whale.lanes[0], Want(limit, after))], now)

    ten = steps(raw, read(10))
    assert ten < 1200
    assert steps(raw, read(100)) < 10 * ten
    assert steps(raw, read(10, (0, NOW, ROWS // 2))) < ten + 100
    assert steps(raw, read(10, (0, NOW, ROWS))) < ten
    assert steps(raw, read(10, None, NOW - 1)) < ten, "none is due"


def test_lanes_with_work_cost_a_few_seeks_each(raw: sqlite3.Connection) -> None:
    """Twenty-one lanes with up to three priorities, one of them with a hundred thousand rows."""
    found = plan(raw, reading.READY_LANES)
    assert "SEARCH next USING INDEX deliveries_waiting ((lane,priority)>(?,?))" in found
    assert len(reading.decode_ready_lanes(reading.read_ready_lanes(raw))) == 21
    assert steps(raw, lambda: reading.read_ready_lanes(raw)) < 10_000


def test_the_oldest_of_each_lane_costs_a_few_seeks(raw: sqlite3.Connection) -> None:
    """As `counters` asks for it."""
    assert steps(raw, lambda: raw.execute(OLDEST).fetchall()) < 20_000


def test_a_row_becomes_a_delivery_field_by_field(raw: sqlite3.Connection, whale: World) -> None:
    """The columns stand in the order of the fields."""
    wants = [(whale.lanes[0], Want(2))]
    found = reading.decode_deliveries(wants, reading.read_waiting(raw, wants, NOW))[whale.lanes[0]]
    assert [type(delivery) for delivery in found] == [Delivery, Delivery]
    assert (found[0].path, found[0].item.locator, found[0].item.size, found[0].ready_at) == ("/sms/1", "sms/1", 160, NOW)
