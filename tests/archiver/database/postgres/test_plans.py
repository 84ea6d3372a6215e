"""What the hot statements do on a million deliveries of a hundred thousand customers: through which index, and how much they read.

Each is planned twice: for its values, as the first times it runs, and for any values, as the server may do later.
"""
# ruff: noqa: S608  made of constants

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest

from archiver.database.conformance.world import LATER, NOW, archived, discovery, settled
from archiver.database.port import Birth, Want
from archiver.database.postgres import births, looking, owning, reading, settling
from archiver.lifecycle import DeliveryState
from archiver.model import Connection, Delivery, Item, Kind, Role, Session
from support.plans import Values, indexes, plan, rows
from support.postgres import Server, migrate

pytestmark = pytest.mark.timeout(240)  # filling takes ten seconds, and a minute on a machine that has other things to do

ROWS = 1_000_000
CUSTOMERS = 100_000
BUSY = 1_000  # customers with work: one in a hundred; the first of them is the airline, with 95 in a hundred of all items
SOURCE = CUSTOMERS + 1  # the airline's
BIG = {"customers", "connections", "items", "deliveries", "receipts", "lane_counters"}

FILL = [
    "SET maintenance_work_mem = '256MB'",
    "SET session_replication_role = replica",  # no foreign key is checked, row by row
    f"""INSERT INTO customers (id, name, state, weight, epoch, path_template, created_at, owner, served_at, has_source)
        SELECT n, 'c' || n, 'active', 1, 0, 'x', 0, CASE WHEN n % 2 = 0 THEN 'other' ELSE '' END, n, true
        FROM generate_series(1, {CUSTOMERS}) AS n""",
    f"""INSERT INTO connections (id, customer_id, role, adapter, options, secrets, state, reason, state_since, throttled_until, pace)
        SELECT n, 1 + (n - 1) % {CUSTOMERS}, CASE WHEN n <= {CUSTOMERS} THEN 'destination' ELSE 'source' END, 'memory', '{{}}', '\\x80',
               'active', '', 0, 0, '' FROM generate_series(1, 2 * {CUSTOMERS}) AS n""",
    f"INSERT INTO lane_counters SELECT n, 0, 0, 0, 0, 0 FROM generate_series(1, {CUSTOMERS}) AS n",
    f"""INSERT INTO items (id, source_id, kind, external_id, part, occurred_at, discovered_at, locator, media_type, size, direction, sender,
                           recipient, owner, metadata)
        SELECT n, {SOURCE}, 'sms', 'x' || n, '', n, {NOW}, 'sms/' || n, 'text/plain', 160, '', '', '', '', '{{}}'
        FROM generate_series(1, {ROWS}) AS n""",
    f"""INSERT INTO deliveries (id, item_id, lane, customer_id, state, priority, ready_at, attempt, path, reason, detail)
        SELECT n, n, whose, whose, CASE WHEN n % 3 = 0 THEN 'archived' ELSE 'waiting' END, n % 2, {NOW}, 0, '/sms/' || n, '', ''
        FROM generate_series(1, {ROWS}) AS n
        CROSS JOIN LATERAL (SELECT CASE WHEN n <= 0.95 * {ROWS} THEN 1 ELSE 1 + n % {BUSY} END AS whose) AS given""",
    f"INSERT INTO receipts SELECT n, '/sms/' || n, '', '', 160, 'ab', '', {NOW}, false FROM generate_series(3, {ROWS}, 6) AS n",
    "INSERT INTO workers VALUES ('me', 'host', 1, 0, 9000000000000), ('other', 'host', 1, 0, 9000000000000)",
    "SET session_replication_role = origin",
    f"SELECT setval(pg_get_serial_sequence('items', 'id'), {ROWS}), setval(pg_get_serial_sequence('deliveries', 'id'), {ROWS})",
]

# Indexes are built quicker when the rows are there.
INDEXES = """
SELECT 'DROP INDEX ' || indexname, indexdef FROM pg_indexes
WHERE tablename IN ('items', 'deliveries') AND indexname NOT LIKE 'pk%' AND indexname NOT LIKE 'uq%'
UNION ALL
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE contype = 'u' AND conrelid IN ('items'::regclass, 'deliveries'::regclass)
"""


@pytest.fixture(scope="module")
def raw(postgres_server: Server) -> Iterator[psycopg.Connection[Any]]:
    """A connection to the million, as the database's own are; the tests take back what they write."""
    name = "archiver_test_plans"
    postgres_server.drop(name)
    address = postgres_server.create(name)
    migrate(address)
    with psycopg.connect(address, autocommit=True) as connection:
        indexes = connection.execute(INDEXES).fetchall()
        drops, builds = [drop for drop, _ in indexes], [build for _, build in indexes]
        for statement in [*drops, *FILL, *builds, "VACUUM ANALYZE", "SET jit = off"]:
            connection.execute(statement.encode())
        yield connection
    postgres_server.drop(name)


def check(raw: psycopg.Connection[Any], statement: str, values: Values, *, wanted: set[str], most: int) -> None:
    """Both plans use these indexes, scan no big table, and look at no more than so many rows."""
    for mode in ("force_custom_plan", "force_generic_plan"):
        nodes = plan(raw, statement, values, mode)
        assert [n["Relation Name"] for n in nodes if n["Node Type"] == "Seq Scan" and n["Relation Name"] in BIG] == [], mode
        assert wanted <= indexes(nodes), mode
        assert rows(nodes) <= most, mode
        joins = [n for n in nodes if n["Node Type"] == "Nested Loop" and n.get("Rows Removed by Join Filter", 0) > 100]
        assert joins == [], "each row of one side with each of the other"


def delivery(number: int) -> Delivery:
    """The number-th delivery as it was filled in."""
    whose = 1 if number <= 0.95 * ROWS else 1 + number % BUSY
    item = Item(number, SOURCE, Kind.SMS, f"x{number}", f"sms/{number}", "text/plain", 160, None, number)
    return Delivery(number, whose, whose, f"/sms/{number}", number % 2, NOW, 0, None, item)


@pytest.mark.parametrize("wants", [{1: Want(128)}, {1: Want(128, (0, NOW, ROWS // 2))}, {lane: Want(2) for lane in range(1, 201)}])
def test_reading_costs_what_is_read(raw: psycopg.Connection[Any], wants: dict[int, Want]) -> None:
    """Deliveries through the queue from the place on, each item by its primary key."""
    most = sum(want.limit for want in wants.values())
    values = reading.waiting_values(wants, NOW)
    check(raw, reading.WAITING, values, wanted={"deliveries_queue", "pk_items"}, most=2 * most + 4 * len(wants))


def test_reading_steps_over_nothing_that_is_not_due(raw: psycopg.Connection[Any]) -> None:
    """However much of it there is."""
    check(raw, reading.WAITING, reading.waiting_values({1: Want(128)}, NOW - 1), wanted={"deliveries_queue"}, most=10)


@pytest.mark.parametrize("worker", [None, "other"])
def test_lanes_with_work_cost_a_few_seeks_each(raw: psycopg.Connection[Any], worker: str | None) -> None:
    """Not rows, and nothing for the idle."""
    check(raw, reading.READY_LANES, {"worker": worker}, wanted={"deliveries_queue", "pk_connections"}, most=5 * BUSY)


def test_the_oldest_of_each_lane_costs_a_few_seeks(raw: psycopg.Connection[Any]) -> None:
    """As `counters` asks for it."""
    check(raw, looking.OLDEST, None, wanted={"deliveries_queue", "deliveries_deferred", "pk_items"}, most=4 * BUSY)


def settling_of(numbers: Sequence[int], state: DeliveryState) -> settling.Settling:
    """So many outcomes."""
    batch = [delivery(number) for number in numbers]
    made = [archived(one) if state is DeliveryState.ARCHIVED else settled(one, state, ready_at=LATER) for one in batch]
    return settling.Settling.of(made, {one.customer_id: 0 for one in batch}, 0)


@pytest.mark.parametrize("state", [DeliveryState.ARCHIVED, DeliveryState.WAITING, DeliveryState.GONE])
@pytest.mark.parametrize("count", [1, 1000])
def test_settling_finds_each_delivery_by_its_key(raw: psycopg.Connection[Any], state: DeliveryState, count: int) -> None:
    """A thousand of five hundred customers as well as one; each row of a table is looked at once."""
    numbers = [ROWS - 3 * count + 3 * number + 2 for number in range(count)]
    batch = settling_of(numbers, state)
    wanted = {"pk_deliveries", "pk_customers", "pk_lane_counters"}
    check(raw, settling.SETTLE, batch.values, wanted=wanted, most=4 * count)
    check(raw, settling.LOCK, batch.values, wanted={"pk_lane_counters"}, most=count)


def test_sessions_find_their_deliveries_by_key(raw: psycopg.Connection[Any]) -> None:
    """At chunk boundaries, of many customers at once."""
    batch = [delivery(number) for number in range(ROWS - 3000, ROWS, 3)]
    session = Session(id="s", offset=1, started_at=1)
    values = settling.session_values(dict.fromkeys((one.id for one in batch), session), {one.customer_id: 0 for one in batch})
    check(raw, settling.SESSIONS, values, wanted={"pk_deliveries", "pk_customers"}, most=2000)


@pytest.mark.parametrize("known", [True, False])
def test_births_look_up_each_item_by_its_name(raw: psycopg.Connection[Any], *, known: bool) -> None:
    """A source that finds everything again costs a few lookups per item, however much there is."""
    source = Connection(id=SOURCE, customer_id=1, role=Role.SOURCE, adapter="memory")
    found = [discovery(0, external_id=f"x{number if known else ROWS + number}", size=5) for number in range(1, 1001)]
    values = births.BirthRows.of(source, [Birth(one, [(1, "/x", 0)]) for one in found], NOW, None).values
    check(raw, births.ITEMS, values, wanted=set(), most=0)
    check(raw, births.DELIVERIES, values, wanted={"uq_items_source_id"}, most=1100)
    for statement in (births.SESSIONS, births.REFRESH):
        check(raw, statement, values, wanted={"uq_items_source_id", "uq_deliveries_item_id"}, most=3000)


def test_taking_costs_what_is_taken(raw: psycopg.Connection[Any]) -> None:
    """Of a hundred thousand customers, half of them owned."""
    check(raw, owning.TAKE, {"me": "me", "most": 50}, wanted={"customers_wanted", "pk_customers"}, most=400)


def test_taking_from_the_dead_costs_what_is_taken(raw: psycopg.Connection[Any]) -> None:
    """However many it had."""
    with raw.transaction(force_rollback=True):
        raw.execute("UPDATE workers SET alive_until = 0 WHERE id = 'other'")
        raw.execute(owning.BURY.encode(), {"me": "me"})
        assert raw.execute("SELECT count(*) FROM workers").fetchone() == (1,)
        check(raw, owning.TAKE, {"me": "me", "most": 50}, wanted={"customers_wanted", "pk_customers"}, most=400)
