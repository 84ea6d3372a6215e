"""Deeds: the lines of the audit log that people and the service wrote, found among those of very many batches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0014"
down_revision: str | None = "0013"
branch_labels: str | None = None
depends_on: str | None = None

_DEEDS = "action <> 'deliveries settle'"


def upgrade() -> None:
    """Makes an index."""
    op.create_index("audit_deeds", "audit", ["number"], sqlite_where=sa.text(_DEEDS), postgresql_where=sa.text(_DEEDS))
