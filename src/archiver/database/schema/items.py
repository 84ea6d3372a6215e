"""What is archived: items, their deliveries and receipts, the numbers of them, and what is left of those that were erased."""

from __future__ import annotations

import sqlalchemy as sa

from archiver.database.schema.columns import Id, Size, Time, metadata, one_of
from archiver.database.texts import Words
from archiver.lifecycle import DeliveryState
from archiver.model import Kind

__all__ = ["deliveries", "items", "journal", "kind_counters", "lane_counters", "receipts", "tombstones"]

items = sa.Table(
    "items",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("source_id", Id, sa.ForeignKey("connections.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("external_id", Words, nullable=False),
    sa.Column("part", Words, nullable=False),
    sa.Column("occurred_at", Time, nullable=False),
    sa.Column("discovered_at", Time, nullable=False),
    sa.Column("purge_at", Time),
    sa.Column("locator", Words, nullable=False),
    sa.Column("media_type", Words, nullable=False),
    sa.Column("size", Size),
    sa.Column("sha256", sa.Text),
    sa.Column("direction", Words, nullable=False),
    sa.Column("sender", Words, nullable=False),
    sa.Column("recipient", Words, nullable=False),
    sa.Column("owner", Words, nullable=False),
    sa.Column("metadata", Words, nullable=False),
    # When everything personal of it was forgotten: no source brings it back. 0 while it is there.
    sa.Column("erased_at", Time, nullable=False, server_default="0"),
    sa.UniqueConstraint("source_id", "kind", "external_id", "part"),
    one_of("kind", Kind),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("item_id", Id, sa.ForeignKey("items.id"), nullable=False),
    sa.Column("lane", Id, sa.ForeignKey("connections.id"), nullable=False),
    sa.Column("customer_id", Id, sa.ForeignKey("customers.id"), nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("ready_at", Time, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("path", Words, nullable=False),
    sa.Column("session", sa.Text),
    sa.Column("reason", Words, nullable=False),
    sa.Column("detail", Words, nullable=False),
    # The item first: then births append at the right edge of the index, and an item's deliveries are found.
    sa.UniqueConstraint("item_id", "lane"),
    one_of("state", DeliveryState),
    sa.CheckConstraint("priority >= 0", name="priority"),
    sa.CheckConstraint("ready_at >= 0", name="ready_at"),
)
_WAITING = sa.text("state = 'waiting'")
_DEFERRED = sa.text("state = 'waiting' AND reason <> ''")
_FAILED = sa.text("state IN ('rejected', 'gone')")
# The id is the last part of the order. SQLite ends every index with the row's id by itself, and compares (ready_at, id) through an index
# only if it is not named again; PostgreSQL needs it named, and two engines' indexes need two names.
_waiting_order = (deliveries.c.lane, deliveries.c.priority, deliveries.c.ready_at)
sa.Index("deliveries_waiting", *_waiting_order, sqlite_where=_WAITING).ddl_if(dialect="sqlite")
sa.Index("deliveries_queue", *_waiting_order, deliveries.c.id, postgresql_where=_WAITING).ddl_if(dialect="postgresql")
sa.Index("deliveries_deferred", deliveries.c.lane, deliveries.c.item_id, sqlite_where=_DEFERRED, postgresql_where=_DEFERRED)
sa.Index("deliveries_causes", deliveries.c.state, deliveries.c.reason, sqlite_where=_FAILED, postgresql_where=_FAILED)
sa.Index("deliveries_failed", deliveries.c.state, sqlite_where=_FAILED, postgresql_where=_FAILED)
sa.Index("deliveries_customer", deliveries.c.customer_id, deliveries.c.id)

# The words by which items are found. On SQLite a full-text table, with what takes out of it what is taken out of the items; PostgreSQL's is
# a table with another type of column, which only the migrations know.
_FORGET = "BEGIN DELETE FROM items_words WHERE rowid = -OLD.id; END"
for _statement in (
    "CREATE VIRTUAL TABLE items_words USING fts5(words, detail = 'none', tokenize = 'unicode61 remove_diacritics 2')",
    f"CREATE TRIGGER items_words_lost AFTER DELETE ON items {_FORGET}",
    f"CREATE TRIGGER items_words_erased AFTER UPDATE OF sender, recipient, owner ON items {_FORGET}",
):
    _ddl = sa.DDL(_statement)  # type: ignore[no-untyped-call]  # SQLAlchemy's omission
    sa.event.listen(items, "after_create", _ddl.execute_if(dialect="sqlite"))

receipts = sa.Table(
    "receipts",
    metadata,
    sa.Column("delivery_id", Id, primary_key=True, autoincrement=False),
    # PostgreSQL would look each delivery up again, for a fifth of what settling costs; there the very statement that archives a delivery
    # writes its receipt, and nothing else does.
    sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"]).ddl_if(dialect="sqlite"),
    sa.Column("path", Words, nullable=False),
    sa.Column("remote_id", Words, nullable=False),
    sa.Column("revision", Words, nullable=False),
    sa.Column("size", Size, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("remote_hash", Words, nullable=False),
    sa.Column("archived_at", Time, nullable=False),
    sa.Column("recovered", sa.Boolean, nullable=False),
)

# What is left of a delivery that was erased. It hangs on nothing: it stays when its customer goes.
tombstones = sa.Table(
    "tombstones",
    metadata,
    sa.Column("delivery_id", Id, primary_key=True, autoincrement=False),
    sa.Column("customer_id", Id, nullable=False),
    sa.Column("receipt_hash", sa.Text, nullable=False),
    sa.Column("erased_at", Time, nullable=False),
    sa.Column("reason", Words, nullable=False),
)

lane_counters = sa.Table(
    "lane_counters",
    metadata,
    sa.Column("lane", Id, sa.ForeignKey("connections.id"), primary_key=True, autoincrement=False),
    sa.Column("waiting", sa.BigInteger, nullable=False),
    sa.Column("archived", sa.BigInteger, nullable=False),
    sa.Column("rejected", sa.BigInteger, nullable=False),
    sa.Column("gone", sa.BigInteger, nullable=False),
    sa.Column("archived_bytes", Size, nullable=False),
)

kind_counters = sa.Table(
    "kind_counters",
    metadata,
    sa.Column("lane", Id, sa.ForeignKey("connections.id"), primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("waiting", sa.BigInteger, nullable=False),
    sa.Column("archived", sa.BigInteger, nullable=False),
    sa.Column("rejected", sa.BigInteger, nullable=False),
    sa.Column("gone", sa.BigInteger, nullable=False),
    sa.Column("archived_bytes", Size, nullable=False),
)

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("delivery_id", Id, sa.ForeignKey("deliveries.id"), primary_key=True, autoincrement=False),
    sa.Column("customer_id", Id, sa.ForeignKey("customers.id"), nullable=False, index=True),
    sa.Column("deaths", sa.Integer, nullable=False),
    # Whether its upload has begun and not ended: only those can have been the cause of a death.
    sa.Column("running", sa.Boolean, nullable=False),
)
