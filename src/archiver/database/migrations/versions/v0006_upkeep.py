"""Upkeep: of which connections people were told, and when the leave of each was renewed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Adds a column with its index, and a table."""
    op.add_column("connections", sa.Column("renewed_at", sa.BigInteger, nullable=False, server_default="0"))
    op.create_index("connections_renewed", "connections", ["adapter", "renewed_at", "id"])
    op.create_table(
        "notices",
        sa.Column("connection_id", _ID, sa.ForeignKey("connections.id"), primary_key=True, autoincrement=False),
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("told_at", sa.BigInteger, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("again_at", sa.BigInteger, nullable=False),
        sa.CheckConstraint("channel IN ('webhook', 'mail')", name="channel"),
    )
