"""Erasing: how long what is a customer's is kept, and what is left of what was erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Adds five columns and a table."""
    op.add_column("customers", sa.Column("hold", sa.Text, nullable=False, server_default=""))
    op.add_column("customers", sa.Column("keep_days", sa.Integer, nullable=False, server_default="0"))
    op.add_column("customers", sa.Column("erase_days", sa.Integer, nullable=False, server_default="0"))
    op.add_column("customers", sa.Column("removed_at", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("items", sa.Column("erased_at", sa.BigInteger, nullable=False, server_default="0"))
    op.create_table(
        "tombstones",
        sa.Column("delivery_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("receipt_hash", sa.Text, nullable=False),
        sa.Column("erased_at", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
