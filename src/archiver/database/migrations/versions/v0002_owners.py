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
    """Adds two columns and two tables; on PostgreSQL the id to the order of what waits."""
    op.add_column("customers", sa.Column("owner", sa.Text, nullable=False, server_default=""))
    op.add_column("customers", sa.Column("served_at", sa.BigInteger, nullable=False, server_default="0"))
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
    )
    op.create_index("journal_customer_id", "journal", ["customer_id"])
    if op.get_bind().dialect.name == "postgresql":
        # SQLite ends every index with the row's id by itself.
        op.drop_index("deliveries_waiting", "deliveries")
        op.create_index(
            "deliveries_queue",
            "deliveries",
            ["lane", "priority", "ready_at", "id"],
            postgresql_where=sa.text("state = 'waiting'"),
        )
