"""Users, sessions, keys and invitations, in SQLAlchemy Core: the same for every engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from archiver.database.people import ApiKey, Rank, User, UserInvitation, UserSession, check_user_name
from archiver.database.schema import api_keys, sessions, user_invitations, users
from archiver.errors import ConfigError
from archiver.model import Millis

__all__ = [
    "add_key",
    "add_session",
    "add_user",
    "all_users",
    "change_user",
    "end_sessions",
    "find_invitation",
    "find_key",
    "find_session",
    "find_sessions",
    "find_user",
    "invite",
    "list_keys",
    "remove_user",
    "revoke_key",
    "touch",
    "withdraw",
]

_TOUCH_MILLIS = 60_000
_T = TypeVar("_T")

Touched = tuple[_T | None, bool]
"""What was found, and whether its use is worth noting."""


def add_user(core: sa.Connection, user: User) -> User:
    """Adds a user; the ``id`` is ignored."""
    check_user_name(user.name)
    if find_user(core, user.name) is not None:
        raise ConfigError(f"there is a user {user.name} already", hint="Choose another name.")
    row = _row(user)
    del row["id"]
    added = core.execute(users.insert().values(row)).inserted_primary_key
    assert added is not None  # noqa: S101  one row was inserted
    return msgspec.structs.replace(user, id=added[0])


def all_users(core: sa.Connection) -> list[User]:
    """All users, by name."""
    return [_user(row) for row in core.execute(sa.select(users).order_by(users.c.name))]


def find_user(core: sa.Connection, name: str) -> User | None:
    """A user, or None."""
    row = core.execute(sa.select(users).where(users.c.name == name)).first()
    return None if row is None else _user(row)


def change_user(core: sa.Connection, name: str, rank: Rank | None, password: str | None) -> bool:
    """Changes what is given, and ends the user's sessions."""
    user = find_user(core, name)
    if user is None:
        return False
    values = {} if rank is None else {"rank": rank.value}
    values |= {} if password is None else {"password": password}
    core.execute(users.update().where(users.c.id == user.id).values(values))
    core.execute(sessions.delete().where(sessions.c.user_id == user.id))
    return True


def remove_user(core: sa.Connection, name: str) -> bool:
    """Removes a user with everything that lets them in."""
    user = find_user(core, name)
    if user is None:
        return False
    core.execute(sessions.delete().where(sessions.c.user_id == user.id))
    core.execute(user_invitations.delete().where(user_invitations.c.user == name))
    core.execute(users.delete().where(users.c.id == user.id))
    return True


def invite(core: sa.Connection, invitation: UserInvitation) -> None:
    """Keeps an invitation, in the place of any other for the same user."""
    if invitation.user:
        core.execute(user_invitations.delete().where(user_invitations.c.user == invitation.user))
    core.execute(user_invitations.insert().values(_row(invitation)))


def find_invitation(core: sa.Connection, digest: str, now: Millis) -> UserInvitation | None:
    """An invitation that can still be used."""
    row = core.execute(sa.select(user_invitations).where(user_invitations.c.digest == digest, user_invitations.c.expires_at > now)).first()
    return None if row is None else UserInvitation(digest=row.digest, user=row.user, rank=Rank(row.rank), expires_at=row.expires_at)


def withdraw(core: sa.Connection, digest: str) -> bool:
    """Uses an invitation up."""
    return core.execute(user_invitations.delete().where(user_invitations.c.digest == digest)).rowcount > 0


def add_session(core: sa.Connection, session: UserSession) -> None:
    """Keeps a session, and forgets those that are over."""
    core.execute(sessions.delete().where(sessions.c.expires_at <= session.created_at))
    core.execute(sessions.insert().values(_row(session)))


def find_session(core: sa.Connection, digest: str, now: Millis, idle: Millis) -> Touched[tuple[User, UserSession]]:
    """A session that is not over, with its user."""
    wanted = (sessions.c.digest == digest, sessions.c.expires_at > now, sessions.c.seen_at > now - idle)
    row = core.execute(sa.select(sessions).where(*wanted)).first()
    if row is None:
        return None, False
    user = core.execute(sa.select(users).where(users.c.id == row.user_id)).one()
    return (_user(user), _session(row)), row.seen_at < now - _TOUCH_MILLIS


def find_sessions(core: sa.Connection, user_id: int | None) -> list[UserSession]:
    """Sessions, the one that was used last first."""
    query = sa.select(sessions).order_by(sessions.c.seen_at.desc(), sessions.c.digest)
    return [_session(row) for row in core.execute(query if user_id is None else query.where(sessions.c.user_id == user_id))]


def end_sessions(core: sa.Connection, digest: str | None, user_id: int | None) -> int:
    """Ends one session, those of one user, or all."""
    statement = sessions.delete()
    if digest is not None:
        statement = statement.where(sessions.c.digest == digest)
    if user_id is not None:
        statement = statement.where(sessions.c.user_id == user_id)
    return core.execute(statement).rowcount


def add_key(core: sa.Connection, key: ApiKey) -> None:
    """Keeps a key."""
    core.execute(api_keys.insert().values(_row(key)))


def list_keys(core: sa.Connection) -> list[ApiKey]:
    """All keys, the newest first."""
    return [_key(row) for row in core.execute(sa.select(api_keys).order_by(api_keys.c.created_at.desc(), api_keys.c.id))]


def find_key(core: sa.Connection, key_id: str, now: Millis) -> Touched[ApiKey]:
    """A key that has not expired."""
    row = core.execute(sa.select(api_keys).where(api_keys.c.id == key_id, api_keys.c.expires_at > now)).first()
    return (None, False) if row is None else (_key(row), row.used_at < now - _TOUCH_MILLIS)


def revoke_key(core: sa.Connection, key_id: str) -> bool:
    """Forgets a key."""
    return core.execute(api_keys.delete().where(api_keys.c.id == key_id)).rowcount > 0


def touch(core: sa.Connection, now: Millis, session: UserSession | None = None, key: ApiKey | None = None) -> None:
    """Notes that a session, with its user, or a key was used."""
    if session is not None:
        core.execute(sessions.update().where(sessions.c.digest == session.digest).values(seen_at=now))
        core.execute(users.update().where(users.c.id == session.user_id).values(seen_at=now))
    if key is not None:
        core.execute(api_keys.update().where(api_keys.c.id == key.id).values(used_at=now))


def _row(value: msgspec.Struct) -> dict[str, Any]:
    row = msgspec.structs.asdict(value)
    return row | {name: str(field) for name, field in row.items() if isinstance(field, Rank)}


def _user(row: sa.Row[Any]) -> User:
    return _made(User, row)


def _session(row: sa.Row[Any]) -> UserSession:
    return _made(UserSession, row)


def _key(row: sa.Row[Any]) -> ApiKey:
    return _made(ApiKey, row)


def _made(kind: Callable[..., _T], row: sa.Row[Any]) -> _T:
    fields = dict(row._mapping)  # noqa: SLF001  SQLAlchemy's public name for a row as a mapping
    return kind(**fields | ({"rank": Rank(fields["rank"])} if "rank" in fields else {}))
