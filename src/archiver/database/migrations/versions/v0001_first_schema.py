"""The first schema: customers, connections, cursors, items, deliveries, receipts, lane counters.

Spelled out here, not taken from ``schema``: what a revision did must not change when the schema does.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Builds everything on an empty database."""
    _customers()
    _items()
    _deliveries()
    _results()


def _customers() -> None:
    op.create_table(
        "customers",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("weight", sa.Integer, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("path_template", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.CheckConstraint("state IN ('active', 'paused')", name="state"),
        sa.CheckConstraint("weight >= 1", name="weight"),
    )
    op.create_table(
        "connections",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("customer_id", _ID, sa.ForeignKey("customers.id"), nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("adapter", sa.Text, nullable=False),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("secrets", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("state_since", sa.BigInteger, nullable=False),
        sa.Column("throttled_until", sa.BigInteger, nullable=False),
        sa.Column("pace", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("role IN ('source', 'destination')", name="role"),
        sa.CheckConstraint("state IN ('active', 'reconnect_needed', 'quota_full', 'misconfigured', 'paused')", name="state"),
    )
    op.create_index("connections_customer_id", "connections", ["customer_id"])
    op.create_table(
        "cursors",
        sa.Column("source_id", _ID, sa.ForeignKey("connections.id"), primary_key=True, autoincrement=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )


def _items() -> None:
    op.create_table(
        "items",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("source_id", _ID, sa.ForeignKey("connections.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("external_id", sa.Text, nullable=False),
        sa.Column("part", sa.Text, nullable=False),
        sa.Column("occurred_at", sa.BigInteger, nullable=False),
        sa.Column("discovered_at", sa.BigInteger, nullable=False),
        sa.Column("purge_at", sa.BigInteger),
        sa.Column("locator", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger),
        sa.Column("sha256", sa.Text),
        sa.Column("direction", sa.Text, nullable=False),
        sa.Column("sender", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.UniqueConstraint("source_id", "kind", "external_id", "part"),
        sa.CheckConstraint("kind IN ('recording', 'voicemail', 'sms', 'fax', 'call_log')", name="kind"),
    )


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("item_id", _ID, sa.ForeignKey("items.id"), nullable=False),
        sa.Column("lane", _ID, sa.ForeignKey("connections.id"), nullable=False),
        sa.Column("customer_id", _ID, sa.ForeignKey("customers.id"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("ready_at", sa.BigInteger, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("session", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.UniqueConstraint("item_id", "lane"),
        sa.CheckConstraint("state IN ('waiting', 'archived', 'rejected', 'gone')", name="state"),
        sa.CheckConstraint("priority >= 0", name="priority"),
        sa.CheckConstraint("ready_at >= 0", name="ready_at"),
    )
    partial = {
        "deliveries_waiting": (["lane", "priority", "ready_at"], "state = 'waiting'"),
        "deliveries_deferred": (["lane", "item_id"], "state = 'waiting' AND reason <> ''"),
        "deliveries_failed": (["state"], "state IN ('rejected', 'gone')"),
    }
    for name, (columns, condition) in partial.items():
        op.create_index(name, "deliveries", columns, sqlite_where=sa.text(condition), postgresql_where=sa.text(condition))
    op.create_index("deliveries_customer", "deliveries", ["customer_id", "id"])


def _results() -> None:
    op.create_table(
        "receipts",
        sa.Column("delivery_id", _ID, sa.ForeignKey("deliveries.id"), primary_key=True, autoincrement=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("remote_id", sa.Text, nullable=False),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("remote_hash", sa.Text, nullable=False),
        sa.Column("archived_at", sa.BigInteger, nullable=False),
        sa.Column("recovered", sa.Boolean, nullable=False),
    )
    op.create_table(
        "lane_counters",
        sa.Column("lane", _ID, sa.ForeignKey("connections.id"), primary_key=True, autoincrement=False),
        sa.Column("waiting", sa.BigInteger, nullable=False),
        sa.Column("archived", sa.BigInteger, nullable=False),
        sa.Column("rejected", sa.BigInteger, nullable=False),
        sa.Column("gone", sa.BigInteger, nullable=False),
        sa.Column("archived_bytes", sa.BigInteger, nullable=False),
    )
