"""The tables, for every engine: what the migrations build and what the queries may rely on.

Times are milliseconds since the epoch, sizes bytes; JSON is text; the CHECK constraints have the words of the enums.

* A delivery is in a hot index only while it waits: settling it takes it out, and finished rows cost nothing ever after.
* ``deliveries_deferred`` holds only what was put off at least once, so that it costs a first try nothing; with it the oldest waiting
  delivery of a lane is found by looking at the heads of two indexes.
* ``deliveries_customer`` serves the pages that people look at. Its columns never change: settling does not touch it.
* ``audit`` is guarded by triggers: no line is ever changed or deleted, and a new one fits at the end. PostgreSQL's are in their migration.
"""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa

from archiver.database.audit import GENESIS
from archiver.database.people import Rank
from archiver.database.port import Channel, Step
from archiver.database.texts import Words
from archiver.lifecycle import DeliveryState
from archiver.model import ConnectionState, CustomerState, Kind, Role

__all__ = [
    "HEAD",
    "api_keys",
    "audit",
    "connections",
    "cursors",
    "customers",
    "deliveries",
    "invitations",
    "items",
    "journal",
    "kind_counters",
    "lane_counters",
    "metadata",
    "notices",
    "passes",
    "receipts",
    "sessions",
    "tombstones",
    "user_invitations",
    "users",
    "workers",
]

HEAD = "0012"
"""The newest revision of ``archiver.database.migrations``; kept here so that opening an up-to-date database need not load Alembic."""

metadata = sa.MetaData(
    naming_convention={
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "%(column_0_label)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)

# SQLite numbers rows by itself only where the type is spelled INTEGER.
_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Time = sa.BigInteger
_Size = sa.BigInteger


def _one_of(column: str, words: type[StrEnum]) -> sa.CheckConstraint:
    """The constraint that ``column`` holds one of the enum's words."""
    listed = ", ".join(f"'{word.value}'" for word in words)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)


customers = sa.Table(
    "customers",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("weight", sa.Integer, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("path_template", Words, nullable=False),
    sa.Column("created_at", _Time, nullable=False),
    # Which worker serves it, empty if none does; and when it was taken. Not used where one process serves everything.
    sa.Column("owner", sa.Text, nullable=False, server_default=""),
    sa.Column("served_at", _Time, nullable=False, server_default="0"),
    # Whether it has anything to serve: what waits came from a source, and a source is there to be watched.
    sa.Column("has_source", sa.Boolean, nullable=False, server_default=sa.false()),
    # Why nothing may be erased, for how long it may not be, and after how long it is by itself; empty and 0 for not at all.
    sa.Column("hold", Words, nullable=False, server_default=""),
    sa.Column("keep_days", sa.Integer, nullable=False, server_default="0"),
    sa.Column("erase_days", sa.Integer, nullable=False, server_default="0"),
    # When it was removed: what is left then are numbers, which must not be given a second time. 0 while it is there.
    sa.Column("removed_at", _Time, nullable=False, server_default="0"),
    _one_of("state", CustomerState),
    sa.CheckConstraint("weight >= 1", name="weight"),
)
_OWNED = sa.text("owner <> ''")
sa.Index("customers_owned", customers.c.owner, sqlite_where=_OWNED, postgresql_where=_OWNED)
# Whose turn it is, per owner: those of nobody and those of a dead worker are taken from its head.
_WANTED = sa.text("state = 'active' AND has_source")
_turn = (customers.c.owner, customers.c.served_at, customers.c.id)
sa.Index("customers_wanted", *_turn, postgresql_where=_WANTED).ddl_if(dialect="postgresql")

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("entered_at", _Time, nullable=False),
    sa.Column("alive_until", _Time, nullable=False),
)

connections = sa.Table(
    "connections",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("customer_id", _Id, sa.ForeignKey("customers.id"), nullable=False, index=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("adapter", sa.Text, nullable=False),
    sa.Column("options", sa.Text, nullable=False),
    sa.Column("secrets", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", Words, nullable=False),
    sa.Column("state_since", _Time, nullable=False),
    sa.Column("throttled_until", _Time, nullable=False),
    sa.Column("pace", sa.LargeBinary, nullable=False),
    # Whom it belongs to, for people; and which kinds of items go there, with commas between, empty for all.
    sa.Column("account", Words, nullable=False, server_default=""),
    sa.Column("kinds", sa.Text, nullable=False, server_default=""),
    # When the leave to use the account was renewed last, for those that end if nobody does.
    sa.Column("renewed_at", _Time, nullable=False, server_default="0"),
    # Until when somebody has claimed to renew it, so that two do not at one time.
    sa.Column("renewing_until", _Time, nullable=False, server_default="0"),
    _one_of("role", Role),
    _one_of("state", ConnectionState),
)
sa.Index("connections_renewed", connections.c.adapter, connections.c.renewed_at, connections.c.id)
# The few that need somebody, among a hundred thousand that do not.
_PARKED = sa.text("state <> 'active'")
sa.Index("connections_parked", connections.c.state, connections.c.id, sqlite_where=_PARKED, postgresql_where=_PARKED)

invitations = sa.Table(
    "invitations",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("customer_id", _Id, sa.ForeignKey("customers.id"), nullable=False, index=True),
    sa.Column("connection_id", _Id, sa.ForeignKey("connections.id")),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("adapter", sa.Text, nullable=False),
    sa.Column("options", Words, nullable=False),
    sa.Column("secrets", sa.LargeBinary, nullable=False),
    sa.Column("kinds", sa.Text, nullable=False),
    # Only hashes: who reads the database can neither use a link nor answer for a browser.
    sa.Column("link_hash", sa.Text, nullable=False, unique=True),
    sa.Column("state_hash", sa.Text, nullable=False),
    sa.Column("state_until", _Time, nullable=False),
    sa.Column("browser_hash", sa.Text, nullable=False),
    sa.Column("redirect_uri", Words, nullable=False),
    sa.Column("account", Words, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("created_at", _Time, nullable=False),
    sa.Column("expires_at", _Time, nullable=False),
    _one_of("role", Role),
    _one_of("step", Step),
)
_ASKED = sa.text("state_hash <> ''")
sa.Index("invitations_asked", invitations.c.state_hash, unique=True, sqlite_where=_ASKED, postgresql_where=_ASKED)

_NEEDY = sa.text("state <> 'active'")
sa.Index("connections_needy", connections.c.state_since, connections.c.id, sqlite_where=_NEEDY, postgresql_where=_NEEDY)

notices = sa.Table(
    "notices",
    metadata,
    sa.Column("connection_id", _Id, sa.ForeignKey("connections.id"), primary_key=True, autoincrement=False),
    sa.Column("channel", sa.Text, primary_key=True),
    # Of what people were told last; nothing yet if the state is empty.
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("since", _Time, nullable=False),
    sa.Column("told_at", _Time, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("again_at", _Time, nullable=False),
    _one_of("channel", Channel),
)

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("source_id", _Id, sa.ForeignKey("connections.id"), primary_key=True, autoincrement=False),
    sa.Column("value", Words, nullable=False),
    sa.Column("updated_at", _Time, nullable=False),
)

items = sa.Table(
    "items",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("source_id", _Id, sa.ForeignKey("connections.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("external_id", Words, nullable=False),
    sa.Column("part", Words, nullable=False),
    sa.Column("occurred_at", _Time, nullable=False),
    sa.Column("discovered_at", _Time, nullable=False),
    sa.Column("purge_at", _Time),
    sa.Column("locator", Words, nullable=False),
    sa.Column("media_type", Words, nullable=False),
    sa.Column("size", _Size),
    sa.Column("sha256", sa.Text),
    sa.Column("direction", Words, nullable=False),
    sa.Column("sender", Words, nullable=False),
    sa.Column("recipient", Words, nullable=False),
    sa.Column("owner", Words, nullable=False),
    sa.Column("metadata", Words, nullable=False),
    # When everything personal of it was forgotten: no source brings it back. 0 while it is there.
    sa.Column("erased_at", _Time, nullable=False, server_default="0"),
    sa.UniqueConstraint("source_id", "kind", "external_id", "part"),
    _one_of("kind", Kind),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("item_id", _Id, sa.ForeignKey("items.id"), nullable=False),
    sa.Column("lane", _Id, sa.ForeignKey("connections.id"), nullable=False),
    sa.Column("customer_id", _Id, sa.ForeignKey("customers.id"), nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("ready_at", _Time, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("path", Words, nullable=False),
    sa.Column("session", sa.Text),
    sa.Column("reason", Words, nullable=False),
    sa.Column("detail", Words, nullable=False),
    # The item first: then births append at the right edge of the index, and an item's deliveries are found.
    sa.UniqueConstraint("item_id", "lane"),
    _one_of("state", DeliveryState),
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
    sa.Column("delivery_id", _Id, sa.ForeignKey("deliveries.id"), primary_key=True, autoincrement=False),
    sa.Column("path", Words, nullable=False),
    sa.Column("remote_id", Words, nullable=False),
    sa.Column("revision", Words, nullable=False),
    sa.Column("size", _Size, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("remote_hash", Words, nullable=False),
    sa.Column("archived_at", _Time, nullable=False),
    sa.Column("recovered", sa.Boolean, nullable=False),
)

# What is left of a delivery that was erased. It hangs on nothing: it stays when its customer goes.
tombstones = sa.Table(
    "tombstones",
    metadata,
    sa.Column("delivery_id", _Id, primary_key=True, autoincrement=False),
    sa.Column("customer_id", _Id, nullable=False),
    sa.Column("receipt_hash", sa.Text, nullable=False),
    sa.Column("erased_at", _Time, nullable=False),
    sa.Column("reason", Words, nullable=False),
)

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("rank", sa.Text, nullable=False),
    sa.Column("password", sa.Text, nullable=False),
    sa.Column("created_at", _Time, nullable=False),
    sa.Column("seen_at", _Time, nullable=False),
    _one_of("rank", Rank),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("user_id", _Id, sa.ForeignKey("users.id"), nullable=False, index=True),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("created_at", _Time, nullable=False),
    sa.Column("seen_at", _Time, nullable=False),
    sa.Column("expires_at", _Time, nullable=False),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("rank", sa.Text, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created_at", _Time, nullable=False),
    sa.Column("expires_at", _Time, nullable=False),
    sa.Column("used_at", _Time, nullable=False),
    _one_of("rank", Rank),
)

user_invitations = sa.Table(
    "user_invitations",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("user", sa.Text, nullable=False),
    sa.Column("rank", sa.Text, nullable=False),
    sa.Column("expires_at", _Time, nullable=False),
    _one_of("rank", Rank),
)

lane_counters = sa.Table(
    "lane_counters",
    metadata,
    sa.Column("lane", _Id, sa.ForeignKey("connections.id"), primary_key=True, autoincrement=False),
    sa.Column("waiting", sa.BigInteger, nullable=False),
    sa.Column("archived", sa.BigInteger, nullable=False),
    sa.Column("rejected", sa.BigInteger, nullable=False),
    sa.Column("gone", sa.BigInteger, nullable=False),
    sa.Column("archived_bytes", _Size, nullable=False),
)

kind_counters = sa.Table(
    "kind_counters",
    metadata,
    sa.Column("lane", _Id, sa.ForeignKey("connections.id"), primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("waiting", sa.BigInteger, nullable=False),
    sa.Column("archived", sa.BigInteger, nullable=False),
    sa.Column("rejected", sa.BigInteger, nullable=False),
    sa.Column("gone", sa.BigInteger, nullable=False),
    sa.Column("archived_bytes", _Size, nullable=False),
)

passes = sa.Table(
    "passes",
    metadata,
    sa.Column("source_id", _Id, sa.ForeignKey("connections.id"), primary_key=True, autoincrement=False),
    # When the last pass ended that came to its end, and since when and why none does; 0 if none did, or all do.
    sa.Column("complete_at", _Time, nullable=False),
    sa.Column("troubled_since", _Time, nullable=False),
    sa.Column("trouble", Words, nullable=False),
    # What the source says that it has, by kind, as JSON; empty if it cannot count.
    sa.Column("claimed", Words, nullable=False),
)

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("delivery_id", _Id, sa.ForeignKey("deliveries.id"), primary_key=True, autoincrement=False),
    sa.Column("customer_id", _Id, sa.ForeignKey("customers.id"), nullable=False, index=True),
    sa.Column("deaths", sa.Integer, nullable=False),
    # Whether its upload has begun and not ended: only those can have been the cause of a death.
    sa.Column("running", sa.Boolean, nullable=False),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("number", _Id, primary_key=True, autoincrement=False),
    sa.Column("at", _Time, nullable=False),
    sa.Column("actor", Words, nullable=False),
    sa.Column("action", Words, nullable=False),
    sa.Column("subject", Words, nullable=False),
    sa.Column("result", Words, nullable=False),
    sa.Column("origin", Words, nullable=False),
    sa.Column("detail", Words, nullable=False),
    sa.Column("previous", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
)
# Only appended to, whoever writes: a line that was changed would break the chain, but what it had said would be lost.
_REFUSED = "BEGIN SELECT RAISE(ABORT, 'lines are only appended to the audit log'); END"
_MISFITS = f"""NEW.number IS NOT (SELECT coalesce(max(number), 0) + 1 FROM audit)
    OR NEW.previous IS NOT coalesce((SELECT hash FROM audit ORDER BY number DESC LIMIT 1), '{GENESIS}')"""  # noqa: S608  made of constants
for _name, _when in (("changes", "UPDATE ON audit"), ("losses", "DELETE ON audit"), ("misfits", f"INSERT ON audit WHEN {_MISFITS}")):
    _guard = sa.DDL(f"CREATE TRIGGER audit_{_name} BEFORE {_when} {_REFUSED}")  # type: ignore[no-untyped-call]  # SQLAlchemy's omission
    sa.event.listen(audit, "after_create", _guard.execute_if(dialect="sqlite"))
