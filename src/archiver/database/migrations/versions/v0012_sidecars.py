"""Sidecars: one more kind of item."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0012"
down_revision: str | None = "0011"
branch_labels: str | None = None
depends_on: str | None = None

_BEFORE = "kind IN ('recording', 'voicemail', 'sms', 'fax', 'call_log', 'manifest')"
_AFTER = "kind IN ('recording', 'voicemail', 'sms', 'fax', 'call_log', 'manifest', 'sidecar')"


def upgrade() -> None:
    """Lets an item be a sidecar; no row is read or written for it."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE items DROP CONSTRAINT ck_items_kind")
        op.execute(f"ALTER TABLE items ADD CONSTRAINT ck_items_kind CHECK ({_AFTER}) NOT VALID")
    else:
        _sqlite(op.get_bind())


def _sqlite(core: sa.Connection) -> None:
    """Changes the constraint's text, as https://www.sqlite.org/lang_altertable.html says: other tables refer to this one, and it is big."""
    version = core.exec_driver_sql("PRAGMA schema_version").scalar_one()
    core.exec_driver_sql("PRAGMA writable_schema = ON")
    changed = core.execute(
        sa.text("UPDATE sqlite_master SET sql = replace(sql, :before, :after) WHERE type = 'table' AND name = 'items'"),
        {"before": _BEFORE, "after": _AFTER},
    )
    assert changed.rowcount == 1  # noqa: S101  the table is there since the first revision
    core.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    core.exec_driver_sql("PRAGMA writable_schema = OFF")
