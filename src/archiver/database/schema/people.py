"""Who looks and acts: users, their sessions, keys and invitations; and the audit log of what was done."""

from __future__ import annotations

import sqlalchemy as sa

from archiver.database.audit import GENESIS, SETTLED
from archiver.database.people import Rank
from archiver.database.schema.columns import Id, Time, metadata, one_of
from archiver.database.texts import Words

__all__ = ["DEEDS", "api_keys", "audit", "sessions", "user_invitations", "users"]

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("rank", sa.Text, nullable=False),
    sa.Column("password", sa.Text, nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("seen_at", Time, nullable=False),
    one_of("rank", Rank),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("user_id", Id, sa.ForeignKey("users.id"), nullable=False, index=True),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("seen_at", Time, nullable=False),
    sa.Column("expires_at", Time, nullable=False),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("rank", sa.Text, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("expires_at", Time, nullable=False),
    sa.Column("used_at", Time, nullable=False),
    one_of("rank", Rank),
)

user_invitations = sa.Table(
    "user_invitations",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("user", sa.Text, nullable=False),
    sa.Column("rank", sa.Text, nullable=False),
    sa.Column("expires_at", Time, nullable=False),
    one_of("rank", Rank),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("number", Id, primary_key=True, autoincrement=False),
    sa.Column("at", Time, nullable=False),
    sa.Column("actor", Words, nullable=False),
    sa.Column("action", Words, nullable=False),
    sa.Column("subject", Words, nullable=False),
    sa.Column("result", Words, nullable=False),
    sa.Column("origin", Words, nullable=False),
    sa.Column("detail", Words, nullable=False),
    sa.Column("previous", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
)
DEEDS = sa.text(f"action <> '{SETTLED}'")
"""What was done, without the batches of deliveries: a few lines among very many, and nothing that settles writes to their index."""
sa.Index("audit_deeds", audit.c.number, sqlite_where=DEEDS, postgresql_where=DEEDS)

# Only appended to, whoever writes: a line that was changed would break the chain, but what it had said would be lost.
_REFUSED = "BEGIN SELECT RAISE(ABORT, 'lines are only appended to the audit log'); END"
_MISFITS = f"""NEW.number IS NOT (SELECT coalesce(max(number), 0) + 1 FROM audit)
    OR NEW.previous IS NOT coalesce((SELECT hash FROM audit ORDER BY number DESC LIMIT 1), '{GENESIS}')"""  # noqa: S608  made of constants
for _name, _when in (("changes", "UPDATE ON audit"), ("losses", "DELETE ON audit"), ("misfits", f"INSERT ON audit WHEN {_MISFITS}")):
    _guard = sa.DDL(f"CREATE TRIGGER audit_{_name} BEFORE {_when} {_REFUSED}")  # type: ignore[no-untyped-call]  # SQLAlchemy's omission
    sa.event.listen(audit, "after_create", _guard.execute_if(dialect="sqlite"))
