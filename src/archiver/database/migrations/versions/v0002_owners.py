"""Owners: which worker serves a customer, the workers themselves, and the journal of uploads that began after a death."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Adds three columns and two tables; on PostgreSQL the id to the order of what waits, and how the tables are kept."""
    op.add_column("customers", sa.Column("owner", sa.Text, nullable=False, server_default=""))
    op.add_column("customers", sa.Column("served_at", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("customers", sa.Column("has_source", sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute("UPDATE customers SET has_source = true WHERE id IN (SELECT customer_id FROM connections WHERE role = 'source')")
    owned = sa.text("owner <> ''")
    op.create_index("customers_owned", "customers", ["owner"], sqlite_where=owned, postgresql_where=owned)
    op.create_table(
        "workers",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("entered_at", sa.BigInteger, nullable=False),
        sa.Column("alive_until", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "journal",
        sa.Column("delivery_id", _ID, sa.ForeignKey("deliveries.id"), primary_key=True, autoincrement=False),
        sa.Column("customer_id", _ID, sa.ForeignKey("customers.id"), nullable=False),
        sa.Column("deaths", sa.Integer, nullable=False),
        sa.Column("running", sa.Boolean, nullable=False),
    )
    op.create_index("journal_customer_id", "journal", ["customer_id"])
    if op.get_bind().dialect.name == "postgresql":
        _postgresql()


def _postgresql() -> None:
    # SQLite ends every index with the row's id by itself.
    op.drop_index("deliveries_waiting", "deliveries")
    waiting = sa.text("state = 'waiting'")
    op.create_index("deliveries_queue", "deliveries", ["lane", "priority", "ready_at", "id"], postgresql_where=waiting)
    wanted = sa.text("state = 'active' AND has_source")
    op.create_index("customers_wanted", "customers", ["owner", "served_at", "id"], postgresql_where=wanted)
    # Rows that change often leave room on their page, so that a change need not touch the indexes; and what is dead is cleared away
    # after some thousand rows, not after a fifth of a table of millions.
    for table, fillfactor in (("deliveries", 90), ("customers", 80), ("connections", 70), ("lane_counters", 50), ("workers", 50)):
        op.execute(f"ALTER TABLE {table} SET (fillfactor = {fillfactor})")
    for table in ("deliveries", "customers", "lane_counters", "journal", "workers"):
        op.execute(
            f"ALTER TABLE {table} SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,"
            " autovacuum_analyze_scale_factor = 0.02)"
        )
