"""Claims: who renews a connection's leave, so that two processes do not at one time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0011"
down_revision: str | None = "0010"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Adds a column."""
    op.add_column("connections", sa.Column("renewing_until", sa.BigInteger, nullable=False, server_default="0"))
