"""Who may look at the console and change things there: users, their sessions, keys of programs, and links that let somebody in once.

Part of the port of the Database. Of passwords, sessions, keys and links only hashes are kept; whoever reads the database cannot use them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from archiver.errors import ConfigError
from archiver.model import Millis

__all__ = ["ApiKey", "People", "Rank", "User", "UserInvitation", "UserSession", "check_user_name"]


_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


def check_user_name(name: str) -> None:
    """Raises ConfigError if nobody can be called so."""
    if not _NAME.fullmatch(name):
        message = "a user's name is 1 to 64 of a-z 0-9 . _ @ - and begins with a letter or digit"
        raise ConfigError(message, hint="Such as anna or anna@firm.de.")


class Rank(StrEnum):
    """What somebody may do; each may do what the one before may."""

    VIEWER = "viewer"
    """Looks at everything, changes nothing."""
    OPERATOR = "operator"
    """Adds customers and connects their storages, pauses and resumes them, tries items again."""
    ADMIN = "admin"
    """Lets people and programs in: users, keys, sessions."""

    def permits(self, needed: Rank) -> bool:
        """Whether this rank may do what ``needed`` may."""
        ranks = list(Rank)
        return ranks.index(self) >= ranks.index(needed)


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may log in.

    Attributes:
        id: The database's number.
        name: Unique, lower case.
        rank: What they may do.
        password: The password's hash as argon2 writes it; empty if they can come in only by a link. Never shown.
        created_at: When they were added.
        seen_at: When they were here last, to about a minute; 0 if never.
    """

    id: int
    name: str
    rank: Rank
    password: str = ""
    created_at: Millis = 0
    seen_at: Millis = 0

    def __repr__(self) -> str:
        return f"User(id={self.id}, name={self.name!r}, rank={self.rank})"


class UserSession(msgspec.Struct, frozen=True, kw_only=True):
    """A browser that somebody has logged in with.

    Attributes:
        digest: SHA-256 of the cookie's value, lower-case hex.
        user_id: Who.
        origin: The address that logged in.
        created_at: When.
        seen_at: When it was used last, to about a minute.
        expires_at: When it ends in any case.
    """

    digest: str
    user_id: int
    origin: str
    created_at: Millis
    seen_at: Millis
    expires_at: Millis


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """What a program comes in with.

    Attributes:
        id: The part of the key that is shown.
        digest: SHA-256 of the whole key, lower-case hex.
        name: What it is for, in a person's words.
        rank: What it may do.
        created_by: The name of who made it.
        created_at: When.
        expires_at: When it ends.
        used_at: When it was used last, to about a minute; 0 if never.
    """

    id: str
    digest: str
    name: str
    rank: Rank
    created_by: str
    created_at: Millis
    expires_at: Millis
    used_at: Millis = 0


class UserInvitation(msgspec.Struct, frozen=True, kw_only=True):
    """A link that lets somebody in once.

    Attributes:
        digest: SHA-256 of the link's token, lower-case hex.
        user: The name of an existing user whom it lets in; empty if whoever comes chooses a name.
        rank: Of the user that it makes.
        expires_at: When it ends, used or not.
    """

    digest: str
    user: str = ""
    rank: Rank = Rank.VIEWER
    expires_at: Millis


class People(Protocol):
    """Users, sessions, keys and invitations."""

    async def add_user(self, name: str, rank: Rank, password: str, *, now: Millis) -> User:
        """Adds a user.

        Raises:
            ConfigError: The name is taken, or is not 1-64 of ``a-z 0-9 . _ @ -`` beginning with a letter or digit.
        """
        ...

    async def users(self) -> Sequence[User]:
        """All users, by name."""
        ...

    async def user(self, name: str) -> User | None:
        """A user with the password's hash; None if there is none of that name."""
        ...

    async def change_user(self, name: str, *, rank: Rank | None = None, password: str | None = None) -> bool:
        """Changes what is given, and ends the user's sessions. Returns whether there is such a user."""
        ...

    async def remove_user(self, name: str) -> bool:
        """Removes a user with all sessions and invitations. Returns whether there was one."""
        ...

    async def invite_user(self, invitation: UserInvitation) -> None:
        """Keeps an invitation, in the place of any other for the same user; one that makes a user replaces none."""
        ...

    async def user_invitation(self, digest: str, *, now: Millis) -> UserInvitation | None:
        """An invitation that can still be used; looking does not use it up."""
        ...

    async def withdraw_user_invitation(self, digest: str) -> bool:
        """Uses an invitation up. Returns False if that was done before: whoever gets True, and nobody else, may come in with it."""
        ...

    async def add_user_session(self, session: UserSession) -> None:
        """Keeps a session; those of everybody that are over are forgotten."""
        ...

    async def user_session(self, digest: str, *, now: Millis, idle: Millis, touch: bool = True) -> tuple[User, UserSession] | None:
        """A session that is not over, with its user.

        Args:
            digest: Which.
            now: The time.
            idle: A session that was not used for so long is over.
            touch: Notes that it was used, at most once a minute.
        """
        ...

    async def user_sessions(self, user_id: int | None = None) -> Sequence[UserSession]:
        """Sessions, of one user or of all, the one that was used last first."""
        ...

    async def end_user_sessions(self, *, digest: str | None = None, user_id: int | None = None) -> int:
        """Ends one session, those of one user, or all. Returns how many there were."""
        ...

    async def add_api_key(self, key: ApiKey) -> None:
        """Keeps a key."""
        ...

    async def api_keys(self) -> Sequence[ApiKey]:
        """All keys, the newest first."""
        ...

    async def api_key(self, id: str, *, now: Millis) -> ApiKey | None:  # noqa: A002  a key's number is called so everywhere
        """A key that has not expired; notes that it was used, at most once a minute."""
        ...

    async def revoke_api_key(self, id: str) -> bool:  # noqa: A002  as above
        """Forgets a key. Returns whether there was one."""
        ...
