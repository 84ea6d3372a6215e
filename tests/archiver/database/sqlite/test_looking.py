"""What people look at is found through indexes, whatever has been archived."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from archiver.database.engine import looking
from archiver.database.sqlite import SqliteDatabase
from archiver.lifecycle import DeliveryState


def plans(core: sa.Connection, customer: str | None, state: DeliveryState | None) -> list[str]:
    """What SQLite does for a page and for a retry."""
    seen: list[tuple[str, tuple[object, ...]]] = []

    def remember(_core: object, _cursor: object, statement: str, parameters: tuple[object, ...], *_rest: object) -> None:
        seen.append((statement, parameters))

    sa.event.listen(core, "before_cursor_execute", remember)
    looking.page(core, customer, state, 0, 10)
    looking.retry(core, customer, "TransientError", None, 5)
    sa.event.remove(core, "before_cursor_execute", remember)
    return [row[3] for statement, parameters in seen for row in core.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]


@pytest.mark.parametrize(
    ("customer", "state", "index"),
    [
        (None, None, "INTEGER PRIMARY KEY (rowid>?)"),
        ("klm", None, "INDEX deliveries_customer (customer_id=? AND id>?)"),
        ("klm", DeliveryState.ARCHIVED, "INDEX deliveries_customer (customer_id=? AND id>?)"),
        (None, DeliveryState.REJECTED, "INDEX deliveries_failed (state=? AND rowid>?)"),
        ("klm", DeliveryState.GONE, "INDEX deliveries_failed (state=? AND rowid>?)"),
    ],
)
async def test_each_page_has_its_index(database: SqliteDatabase, customer: str | None, state: DeliveryState | None, index: str) -> None:
    """No page is sorted, no table is scanned; what failed is found among what failed."""
    found = await database._writer.core(plans, customer, state)
    assert f"SEARCH deliveries USING {index}" in found
    assert "SEARCH deliveries USING INDEX deliveries_causes (state=? AND reason=?)" in found, "for the retry"
    assert not any("SCAN deliveries" in line or "FOR ORDER BY" in line for line in found)
