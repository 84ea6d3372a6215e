"""`archiver.database.people.People` for every engine."""

from __future__ import annotations

from collections.abc import Sequence

from archiver.database.engine import people
from archiver.database.engine.handles import Handled
from archiver.database.people import ApiKey, Rank, User, UserInvitation, UserSession
from archiver.model import Millis

__all__ = ["KeepsPeople"]


class KeepsPeople:
    """Users, sessions, keys and invitations."""

    async def add_user(self: Handled, name: str, rank: Rank, password: str, *, now: Millis) -> User:
        """Adds a user."""
        return await self._writer.core(people.add_user, User(id=0, name=name, rank=rank, password=password, created_at=now))

    async def users(self: Handled) -> Sequence[User]:
        """All users, by name."""
        return await self._looker.core(people.all_users)

    async def user(self: Handled, name: str) -> User | None:
        """A user, or None."""
        return await self._looker.core(people.find_user, name)

    async def change_user(self: Handled, name: str, *, rank: Rank | None = None, password: str | None = None) -> bool:
        """Changes what is given, and ends the user's sessions."""
        return await self._writer.core(people.change_user, name, rank, password)

    async def remove_user(self: Handled, name: str) -> bool:
        """Removes a user with everything that lets them in."""
        return await self._writer.core(people.remove_user, name)

    async def invite_user(self: Handled, invitation: UserInvitation) -> None:
        """Keeps an invitation."""
        await self._writer.core(people.invite, invitation)

    async def user_invitation(self: Handled, digest: str, *, now: Millis) -> UserInvitation | None:
        """An invitation that can still be used."""
        return await self._looker.core(people.find_invitation, digest, now)

    async def withdraw_user_invitation(self: Handled, digest: str) -> bool:
        """Uses an invitation up."""
        return await self._writer.core(people.withdraw, digest)

    async def add_user_session(self: Handled, session: UserSession) -> None:
        """Keeps a session, and forgets those that are over."""
        await self._writer.core(people.add_session, session)

    async def user_session(self: Handled, digest: str, *, now: Millis, idle: Millis, touch: bool = True) -> tuple[User, UserSession] | None:
        """A session that is not over, with its user."""
        found, worth_noting = await self._looker.core(people.find_session, digest, now, idle)
        if found is not None and worth_noting and touch:
            await self._writer.core(people.touch, now, session=found[1])
        return found

    async def user_sessions(self: Handled, user_id: int | None = None) -> Sequence[UserSession]:
        """Sessions, the one that was used last first."""
        return await self._looker.core(people.find_sessions, user_id)

    async def end_user_sessions(self: Handled, *, digest: str | None = None, user_id: int | None = None) -> int:
        """Ends one session, those of one user, or all."""
        return await self._writer.core(people.end_sessions, digest, user_id)

    async def add_api_key(self: Handled, key: ApiKey) -> None:
        """Keeps a key."""
        await self._writer.core(people.add_key, key)

    async def api_keys(self: Handled) -> Sequence[ApiKey]:
        """All keys, the newest first."""
        return await self._looker.core(people.list_keys)

    async def api_key(self: Handled, id: str, *, now: Millis) -> ApiKey | None:  # noqa: A002  as in the port
        """A key that has not expired."""
        found, worth_noting = await self._looker.core(people.find_key, id, now)
        if found is not None and worth_noting:
            await self._writer.core(people.touch, now, key=found)
        return found

    async def revoke_api_key(self: Handled, id: str) -> bool:  # noqa: A002  as in the port
        """Forgets a key."""
        return await self._writer.core(people.revoke_key, id)
