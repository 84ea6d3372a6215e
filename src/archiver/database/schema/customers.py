"""Whom Archiver works for: customers, their connections, and what is known of both; and the workers that serve them."""

from __future__ import annotations

import sqlalchemy as sa

from archiver.database.port import Channel, Step
from archiver.database.schema.columns import Id, Time, metadata, one_of
from archiver.database.texts import Words
from archiver.model import ConnectionState, CustomerState, Role

__all__ = ["connections", "cursors", "customers", "invitations", "notices", "passes", "workers"]

customers = sa.Table(
    "customers",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("weight", sa.Integer, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("path_template", Words, nullable=False),
    sa.Column("created_at", Time, nullable=False),
    # Which worker serves it, empty if none does; and when it was taken. Not used where one process serves everything.
    sa.Column("owner", sa.Text, nullable=False, server_default=""),
    sa.Column("served_at", Time, nullable=False, server_default="0"),
    # Whether it has anything to serve: what waits came from a source, and a source is there to be watched.
    sa.Column("has_source", sa.Boolean, nullable=False, server_default=sa.false()),
    # Why nothing may be erased, for how long it may not be, and after how long it is by itself; empty and 0 for not at all.
    sa.Column("hold", Words, nullable=False, server_default=""),
    sa.Column("keep_days", sa.Integer, nullable=False, server_default="0"),
    sa.Column("erase_days", sa.Integer, nullable=False, server_default="0"),
    # When it was removed: what is left then are numbers, which must not be given a second time. 0 while it is there.
    sa.Column("removed_at", Time, nullable=False, server_default="0"),
    one_of("state", CustomerState),
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
    sa.Column("entered_at", Time, nullable=False),
    sa.Column("alive_until", Time, nullable=False),
)

connections = sa.Table(
    "connections",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("customer_id", Id, sa.ForeignKey("customers.id"), nullable=False, index=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("adapter", sa.Text, nullable=False),
    sa.Column("options", sa.Text, nullable=False),
    sa.Column("secrets", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", Words, nullable=False),
    sa.Column("state_since", Time, nullable=False),
    sa.Column("throttled_until", Time, nullable=False),
    sa.Column("pace", sa.LargeBinary, nullable=False),
    # Whom it belongs to, for people; and which kinds of items go there, with commas between, empty for all.
    sa.Column("account", Words, nullable=False, server_default=""),
    sa.Column("kinds", sa.Text, nullable=False, server_default=""),
    # When the leave to use the account was renewed last, for those that end if nobody does.
    sa.Column("renewed_at", Time, nullable=False, server_default="0"),
    # Until when somebody has claimed to renew it, so that two do not at one time.
    sa.Column("renewing_until", Time, nullable=False, server_default="0"),
    one_of("role", Role),
    one_of("state", ConnectionState),
)
sa.Index("connections_renewed", connections.c.adapter, connections.c.renewed_at, connections.c.id)
# The few that need somebody, among a hundred thousand that do not.
_PARKED = sa.text("state <> 'active'")
sa.Index("connections_parked", connections.c.state, connections.c.id, sqlite_where=_PARKED, postgresql_where=_PARKED)

invitations = sa.Table(
    "invitations",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("customer_id", Id, sa.ForeignKey("customers.id"), nullable=False, index=True),
    sa.Column("connection_id", Id, sa.ForeignKey("connections.id")),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("adapter", sa.Text, nullable=False),
    sa.Column("options", Words, nullable=False),
    sa.Column("secrets", sa.LargeBinary, nullable=False),
    sa.Column("kinds", sa.Text, nullable=False),
    # Only hashes: who reads the database can neither use a link nor answer for a browser.
    sa.Column("link_hash", sa.Text, nullable=False, unique=True),
    sa.Column("state_hash", sa.Text, nullable=False),
    sa.Column("state_until", Time, nullable=False),
    sa.Column("browser_hash", sa.Text, nullable=False),
    sa.Column("redirect_uri", Words, nullable=False),
    sa.Column("account", Words, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("expires_at", Time, nullable=False),
    one_of("role", Role),
    one_of("step", Step),
)
_ASKED = sa.text("state_hash <> ''")
sa.Index("invitations_asked", invitations.c.state_hash, unique=True, sqlite_where=_ASKED, postgresql_where=_ASKED)

_NEEDY = sa.text("state <> 'active'")
sa.Index("connections_needy", connections.c.state_since, connections.c.id, sqlite_where=_NEEDY, postgresql_where=_NEEDY)

notices = sa.Table(
    "notices",
    metadata,
    sa.Column("connection_id", Id, sa.ForeignKey("connections.id"), primary_key=True, autoincrement=False),
    sa.Column("channel", sa.Text, primary_key=True),
    # Of what people were told last; nothing yet if the state is empty.
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("since", Time, nullable=False),
    sa.Column("told_at", Time, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("again_at", Time, nullable=False),
    one_of("channel", Channel),
)

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("source_id", Id, sa.ForeignKey("connections.id"), primary_key=True, autoincrement=False),
    sa.Column("value", Words, nullable=False),
    sa.Column("updated_at", Time, nullable=False),
)

passes = sa.Table(
    "passes",
    metadata,
    sa.Column("source_id", Id, sa.ForeignKey("connections.id"), primary_key=True, autoincrement=False),
    # When the last pass ended that came to its end, and since when and why none does; 0 if none did, or all do.
    sa.Column("complete_at", Time, nullable=False),
    sa.Column("troubled_since", Time, nullable=False),
    sa.Column("trouble", Words, nullable=False),
    # What the source says that it has, by kind, as JSON; empty if it cannot count.
    sa.Column("claimed", Words, nullable=False),
)
