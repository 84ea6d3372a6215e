"""A database that was empty a moment ago: the planner knows nothing of it, and the hot statements are as cheap as ever."""
# ruff: noqa: S608  made of constants

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from archiver.database.conformance.world import NOW, archived
from archiver.database.port import Want
from archiver.database.postgres import reading, settling
from archiver.database.postgres.address import Address
from archiver.database.postgres.handle import Handle, Raw
from archiver.model import Delivery, Item, Kind
from support.plans import indexes, plan, rows
from support.postgres import Server, migrate

ROWS = 50_000
FILL = [
    "SET session_replication_role = replica",
    f"""INSERT INTO items (id, source_id, kind, external_id, part, occurred_at, discovered_at, locator, media_type, size, direction, sender,
                           recipient, owner, metadata)
        SELECT n, 2, 'sms', 'x' || n, '', n, {NOW}, 'sms/' || n, 'text/plain', 160, '', '', '', '', '{{}}'
        FROM generate_series(1, {ROWS}) AS n""",
    f"""INSERT INTO deliveries (id, item_id, lane, customer_id, state, priority, ready_at, attempt, path, reason, detail)
        SELECT n, n, 1, 1, 'waiting', 0, {NOW}, 0, '/sms/' || n, '', '' FROM generate_series(1, {ROWS}) AS n""",
    "SET session_replication_role = origin",
]


@pytest.fixture
def address(postgres_server: Server) -> Iterator[str]:
    """An empty database of which the planner was told that it is empty, and which nobody analyses but a test."""
    name = "archiver_test_growing"
    postgres_server.drop(name)
    made = postgres_server.create(name)
    migrate(made)
    with psycopg.connect(made, autocommit=True) as raw:
        for table in ("items", "deliveries"):
            raw.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)".encode())
        raw.execute("VACUUM ANALYZE")
    yield made
    postgres_server.drop(name)


def batch() -> settling.Settling:
    return settling.Settling.of(
        [
            archived(Delivery(n, 1, 1, f"/sms/{n}", 0, NOW, 0, None, Item(n, 2, Kind.SMS, f"x{n}", f"sms/{n}", "text/plain", 160, None, n)))
            for n in range(1, 101)
        ],
        {1: 0},
        NOW,
    )


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
def test_what_was_never_analysed_is_read_and_settled_by_its_keys(address: str, mode: str) -> None:
    """Above all not through the queue's index: to the planner it is tiny, and it holds all that waits."""
    with psycopg.connect(address, autocommit=True) as raw:
        for statement in (*FILL, "SET jit = off"):
            raw.execute(statement.encode())
        found = plan(raw, reading.WAITING, reading.waiting_values({1: Want(100)}, NOW), mode)
        assert {"deliveries_queue", "pk_items"} <= indexes(found)
        assert rows(found) <= 400
        written = plan(raw, settling.SETTLE, batch().values, mode)
        assert "pk_deliveries" in indexes(written)
        assert "deliveries_queue" not in indexes(written)
        assert rows(written) <= 1000


async def test_a_plan_for_ever_is_made_when_there_is_something_to_plan_for(address: str) -> None:
    """Until then each is made for what is there; a plan that was made for nothing would read everything."""
    now = [0.0]
    handle = Handle(Address(address), "test", hot=True, monotonic=lambda: now[0])
    await handle.open()

    def mode(raw: Raw) -> Any:
        return raw.execute("SHOW plan_cache_mode").fetchone()

    assert await handle.run(mode) == ("force_custom_plan",)
    with psycopg.connect(address, autocommit=True) as raw:
        for statement in FILL:
            raw.execute(statement.encode())
    assert await handle.run(mode) == ("force_custom_plan",)  # looked just now
    now[0] += 1.0
    assert await handle.run(mode) == ("force_generic_plan",)
    await handle.close()
