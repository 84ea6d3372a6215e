"""Completeness: counters by kind, and when each source was last passed over to its end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Adds two tables, and counts what there is once."""
    op.create_table(
        "kind_counters",
        sa.Column("lane", _ID, sa.ForeignKey("connections.id"), primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, primary_key=True),
        *[sa.Column(name, sa.BigInteger, nullable=False) for name in ("waiting", "archived", "rejected", "gone", "archived_bytes")],
    )
    op.create_table(
        "passes",
        sa.Column("source_id", _ID, sa.ForeignKey("connections.id"), primary_key=True, autoincrement=False),
        sa.Column("complete_at", sa.BigInteger, nullable=False),
        sa.Column("troubled_since", sa.BigInteger, nullable=False),
        sa.Column("trouble", sa.Text, nullable=False),
        sa.Column("claimed", sa.Text, nullable=False),
    )
    states = ", ".join(f"sum(CASE WHEN state = '{state}' THEN 1 ELSE 0 END)" for state in ("waiting", "archived", "rejected", "gone"))
    op.execute(
        "INSERT INTO kind_counters (lane, kind, waiting, archived, rejected, gone, archived_bytes)"  # noqa: S608  made of constants
        f" SELECT lane, kind, {states}, coalesce(sum(CASE WHEN state = 'archived' THEN receipts.size END), 0)"
        " FROM deliveries JOIN items ON items.id = deliveries.item_id LEFT JOIN receipts ON receipts.delivery_id = deliveries.id"
        " GROUP BY lane, kind"
    )
