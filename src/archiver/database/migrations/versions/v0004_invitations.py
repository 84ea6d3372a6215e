"""Invitations: leave to connect a storage, once; whom a connection belongs to, and which kinds of items go there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Adds two columns, a table, and an index of the connections that need somebody."""
    op.add_column("connections", sa.Column("account", sa.Text, nullable=False, server_default=""))
    op.add_column("connections", sa.Column("kinds", sa.Text, nullable=False, server_default=""))
    parked = sa.text("state <> 'active'")
    op.create_index("connections_parked", "connections", ["state", "id"], sqlite_where=parked, postgresql_where=parked)
    op.create_table(
        "invitations",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("customer_id", _ID, sa.ForeignKey("customers.id"), nullable=False),
        sa.Column("connection_id", _ID, sa.ForeignKey("connections.id")),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("adapter", sa.Text, nullable=False),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("secrets", sa.LargeBinary, nullable=False),
        sa.Column("kinds", sa.Text, nullable=False),
        sa.Column("link_hash", sa.Text, nullable=False, unique=True),
        sa.Column("state_hash", sa.Text, nullable=False),
        sa.Column("state_until", sa.BigInteger, nullable=False),
        sa.Column("browser_hash", sa.Text, nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.CheckConstraint("role IN ('source', 'destination')", name="role"),
        sa.CheckConstraint("step IN ('offered', 'asked', 'linked', 'done')", name="step"),
    )
    op.create_index("invitations_customer_id", "invitations", ["customer_id"])
    asked = sa.text("state_hash <> ''")
    op.create_index("invitations_asked", "invitations", ["state_hash"], unique=True, sqlite_where=asked, postgresql_where=asked)
