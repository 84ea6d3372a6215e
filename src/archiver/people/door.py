"""The door: lets people and programs in, and keeps everybody else out. Knows nothing of HTTP."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from archiver.database.people import ApiKey, People, Rank, User, UserInvitation, UserSession, check_user_name
from archiver.errors import ConfigError, RefusedError, TooOftenError
from archiver.model import Millis
from archiver.people.passwords import Passwords, check_password
from archiver.people.patience import Guesses
from genstage.clock import Clock

__all__ = ["IDLE_SECONDS", "LONGEST_SECONDS", "Door", "Entered", "Means", "Who", "digest_of"]

IDLE_SECONDS = 30 * 60
"""A session that nobody uses for so long is over."""
LONGEST_SECONDS = 12 * 3600
"""A session is over after so long in any case."""
_LINK_SECONDS = 24 * 3600
_KEY_PREFIX = "arc"
_DAY = 24 * 3600


class Means(StrEnum):
    """With what somebody came in."""

    SESSION = "session"
    KEY = "key"


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who has come in.

    Attributes:
        name: The user's name, or the key's.
        rank: What they may do.
        means: With what they came.
        digest: Of the session or key; tells it from others and opens nothing.
        user_id: The user's number; 0 for a key.
    """

    name: str
    rank: Rank
    means: Means
    digest: str
    user_id: int = 0


class Entered(msgspec.Struct, frozen=True, kw_only=True):
    """A session that has just begun.

    Attributes:
        token: What the browser keeps; nobody else has it.
        user: Who.
    """

    token: str
    user: User

    def __repr__(self) -> str:
        return f"Entered(user={self.user!r})"


class Door:
    """Logs in and out, makes and checks keys and links.

    Args:
        people: Where they are kept.
        clock: Time.
    """

    def __init__(self, people: People, clock: Clock) -> None:
        self._people = people
        self._clock = clock
        self._passwords = Passwords()
        self._guesses = Guesses()

    # -- sessions -------------------------------------------------------------------------------------------------------------------

    async def log_in(self, name: str, password: str, *, origin: str) -> Entered:
        """Begins a session.

        Raises:
            RefusedError: Name or password is wrong; which of them is not told, and both take the same time.
            TooOftenError: There were too many tries.
        """
        wait = self._guesses.wait(self._clock.time(), name, origin)
        if wait > 0:
            raise TooOftenError("there were too many tries", retry_after=wait)
        user = await self._people.user(name)
        if not await self._passwords.matches("" if user is None else user.password, password) or user is None:
            raise RefusedError("the name or the password is wrong")
        self._guesses.succeeded(name, origin)
        return await self._begin(user, origin)

    async def _begin(self, user: User, origin: str) -> Entered:
        token, now = secrets.token_urlsafe(32), self._now()
        session = UserSession(
            digest=digest_of(token), user_id=user.id, origin=origin, created_at=now, seen_at=now, expires_at=now + LONGEST_SECONDS * 1000
        )
        await self._people.add_user_session(session)
        return Entered(token=token, user=user)

    async def whose_session(self, token: str, *, touch: bool = True) -> Who | None:
        """Who is behind a cookie; None if the session is over or never was. Only with ``touch`` does it count as used."""
        found = await self._people.user_session(digest_of(token), now=self._now(), idle=IDLE_SECONDS * 1000, touch=touch)
        if found is None:
            return None
        user, session = found
        return Who(name=user.name, rank=user.rank, means=Means.SESSION, digest=session.digest, user_id=user.id)

    async def log_out(self, who: Who) -> None:
        """Ends the session that somebody came in with."""
        await self._people.end_user_sessions(digest=who.digest)

    async def sessions(self, user_id: int | None = None) -> Sequence[UserSession]:
        """Sessions of one user, or of all."""
        return await self._people.user_sessions(user_id)

    async def end_all_sessions(self) -> int:
        """Everybody must log in again. Returns how many sessions there were."""
        return await self._people.end_user_sessions()

    # -- users ----------------------------------------------------------------------------------------------------------------------

    async def users(self) -> Sequence[User]:
        """All users, by name."""
        return await self._people.users()

    async def change_password(self, who: Who, old: str, new: str, *, origin: str) -> Entered:
        """Gives the user another password, ends all their sessions and begins a new one.

        Raises:
            ConfigError: The new password cannot be.
            RefusedError: The old one is wrong.
        """
        check_password(new, who.name)
        user = (await self.log_in(who.name, old, origin=origin)).user
        await self._people.change_user(user.name, password=await self._passwords.hash(new))
        return await self._begin(user, origin)

    async def change_rank(self, name: str, rank: Rank) -> None:
        """Lets a user do more or less from now on; their sessions end.

        Raises:
            ConfigError: There is no such user, or no admin would be left.
        """
        await self._keep_an_admin(name, rank)
        await self._people.change_user(name, rank=rank)

    async def remove_user(self, name: str) -> None:
        """Removes a user. Raises ConfigError if there is none of that name, or no admin would be left."""
        await self._keep_an_admin(name, Rank.VIEWER)
        await self._people.remove_user(name)

    async def _keep_an_admin(self, name: str, rank: Rank) -> None:
        users = {user.name: user for user in await self._people.users()}
        if name not in users:
            raise ConfigError(f"there is no user {name}")
        if rank is not Rank.ADMIN and not any(user.rank is Rank.ADMIN and user.name != name for user in users.values()):
            raise ConfigError("somebody must be admin", hint="Make another user admin first.")

    # -- links ----------------------------------------------------------------------------------------------------------------------

    async def first_link(self) -> str | None:
        """The token of a link with which the first user is made; None if there are users. It can be used once, for a day."""
        return None if await self._people.users() else await self.invite(Rank.ADMIN)

    async def invite(self, rank: Rank, *, user: str = "") -> str:
        """The token of a link that lets somebody in once, within a day: an existing user, or whoever comes, who then chooses a name."""
        token = secrets.token_urlsafe(32)
        expires_at = self._now() + _LINK_SECONDS * 1000
        await self._people.invite_user(UserInvitation(digest=digest_of(token), user=user, rank=rank, expires_at=expires_at))
        return token

    async def invitation(self, token: str) -> UserInvitation | None:
        """What a link is good for; looking does not use it up. None if it was used or is over."""
        return await self._people.user_invitation(digest_of(token), now=self._now())

    async def accept(self, token: str, name: str, password: str, *, origin: str) -> Entered:
        """Uses a link up.

        Args:
            token: The link's.
            name: The new user's name; not looked at if the link is an existing user's.
            password: The new user's password, or an existing user's new one; of an existing user it may be empty, and stays as it is.
            origin: From where.

        Raises:
            RefusedError: The link was used, or is over.
            ConfigError: The name or the password cannot be; the link can still be used.
        """
        invitation = await self.invitation(token)
        if invitation is None:
            raise RefusedError("this link was used already, or its time is over")
        name = invitation.user or name
        if password or not invitation.user:
            check_password(password, name)
        check_user_name(name)
        kept = await self._passwords.hash(password) if password else None
        if not invitation.user and await self._people.user(name) is not None:
            raise ConfigError(f"there is a user {name} already", hint="Choose another name.")
        if not await self._people.withdraw_user_invitation(invitation.digest):
            raise RefusedError("this link was used already, or its time is over")
        user = await self._people.user(name) if invitation.user else None
        if user is None:
            if invitation.user:
                raise RefusedError("the user of this link was removed")
            user = await self._people.add_user(name, invitation.rank, kept or "", now=self._now())
        elif kept is not None:
            await self._people.change_user(name, password=kept)
        return await self._begin(user, origin)

    async def known(self, name: str, rank: Rank) -> str:
        """The token of a link for a user who needs no password, such as the one of the demo; made if there is none of that name."""
        if await self._people.user(name) is None:
            await self._people.add_user(name, rank, "", now=self._now())
        return await self.invite(rank, user=name)

    # -- keys -----------------------------------------------------------------------------------------------------------------------

    async def keys(self) -> Sequence[ApiKey]:
        """All keys, the newest first."""
        return await self._people.api_keys()

    async def add_key(self, name: str, rank: Rank, *, by: Who, days: int = 365) -> str:
        """A new key; it is shown now and never again.

        Raises:
            ConfigError: It has no name, would never end, or might do more than who makes it.
        """
        if not 1 <= len(name) <= 100 or not name.isprintable():
            raise ConfigError("a key has a name of 1 to 100 characters", hint="Say what it is for.")
        if not 1 <= days <= 3650:
            raise ConfigError("a key lasts 1 to 3650 days")
        if not by.rank.permits(rank):
            raise ConfigError("a key cannot do more than who makes it")
        key_id, now = secrets.token_hex(4), self._now()
        text = f"{_KEY_PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"
        key = ApiKey(
            id=key_id,
            digest=digest_of(text),
            name=name,
            rank=rank,
            created_by=by.name,
            created_at=now,
            expires_at=now + days * _DAY * 1000,
        )
        await self._people.add_api_key(key)
        return text

    async def whose_key(self, text: str) -> Who | None:
        """What is behind a key; None if there is no such one, or it is over."""
        prefix, _, rest = text.partition("_")
        key_id = rest.partition("_")[0]
        if prefix != _KEY_PREFIX or not key_id.isalnum() or not key_id.isascii():
            return None
        key = await self._people.api_key(key_id, now=self._now())
        if key is None or not hmac.compare_digest(key.digest, digest_of(text)):
            return None
        return Who(name=key.name, rank=key.rank, means=Means.KEY, digest=key.digest)

    async def revoke_key(self, key_id: str) -> bool:
        """Forgets a key. Returns whether there was one."""
        return await self._people.revoke_api_key(key_id)

    def _now(self) -> Millis:
        return int(self._clock.wall() * 1000)


def digest_of(token: str) -> str:
    """What is kept of a token: it has 256 random bits, so one round of SHA-256 is as good as any number."""
    return hashlib.sha256(token.encode()).hexdigest()
