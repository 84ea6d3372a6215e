"""Users, sessions, keys and invitations."""
# ruff: noqa: S101  a kit of tests is made of asserts

from __future__ import annotations

import pytest

from archiver.database.conformance.world import NOW
from archiver.database.people import ApiKey, Rank, UserInvitation, UserSession
from archiver.database.port import Database
from archiver.errors import ConfigError

__all__ = ["PeopleConformance"]

_MINUTE = 60_000


def _session(digest: str, user_id: int, *, now: int = NOW) -> UserSession:
    return UserSession(digest=digest, user_id=user_id, origin="127.0.0.1", created_at=now, seen_at=now, expires_at=now + 100 * _MINUTE)


class PeopleConformance:
    """Who may come in, and with what."""

    async def test_users_are_added_changed_and_removed(self, database: Database) -> None:
        """By name; a name can be taken once, and its password's hash is not shown."""
        anna = await database.add_user("anna", Rank.ADMIN, "hash-of-anna", now=NOW)
        await database.add_user("ben@firm.de", Rank.VIEWER, "", now=NOW)
        assert [user.name for user in await database.users()] == ["anna", "ben@firm.de"]
        assert await database.user("anna") == anna
        assert "hash-of-anna" not in repr(anna)
        assert await database.user("eve") is None
        for name in ("anna", "Anna", "", "-x", "a" * 65):
            with pytest.raises(ConfigError):
                await database.add_user(name, Rank.VIEWER, "", now=NOW)
        assert await database.change_user("anna", rank=Rank.VIEWER, password="other")  # noqa: S106  a made-up hash
        changed = await database.user("anna")
        assert changed is not None
        assert (changed.rank, changed.password) == (Rank.VIEWER, "other")
        assert not await database.change_user("eve", rank=Rank.ADMIN)
        assert await database.remove_user("anna")
        assert not await database.remove_user("anna")

    async def test_a_session_lasts_until_it_ends(self, database: Database) -> None:
        """By its own end, by being idle, by logging out, by a change of the user; its use is noted once a minute."""
        anna = await database.add_user("anna", Rank.ADMIN, "", now=NOW)
        await database.add_user_session(_session("one", anna.id))
        await database.add_user_session(_session("two", anna.id))
        found = await database.user_session("one", now=NOW + 2 * _MINUTE, idle=30 * _MINUTE)
        assert found is not None
        assert found[0].name == "anna"
        assert [(s.digest, s.seen_at) for s in await database.user_sessions(anna.id)] == [("one", NOW + 2 * _MINUTE), ("two", NOW)]
        seen = await database.user("anna")
        assert seen is not None
        assert seen.seen_at == NOW + 2 * _MINUTE
        assert await database.user_session("two", now=NOW + 31 * _MINUTE, idle=30 * _MINUTE) is None
        assert await database.user_session("one", now=NOW + 101 * _MINUTE, idle=200 * _MINUTE) is None
        assert await database.end_user_sessions(digest="one") == 1
        assert await database.user_session("one", now=NOW, idle=_MINUTE) is None
        await database.change_user("anna", rank=Rank.VIEWER)
        assert list(await database.user_sessions()) == []
        await database.add_user_session(_session("three", anna.id))
        await database.add_user_session(_session("four", anna.id, now=NOW + 200 * _MINUTE))
        assert [s.digest for s in await database.user_sessions()] == ["four"], "what is over is forgotten"
        assert await database.end_user_sessions(user_id=anna.id) == 1

    async def test_an_invitation_lets_one_in(self, database: Database) -> None:
        """Once, until its end; one for a user replaces the one before."""
        await database.invite_user(UserInvitation(digest="a", rank=Rank.ADMIN, expires_at=NOW + 10))
        found = await database.user_invitation("a", now=NOW)
        assert found is not None
        assert (found.rank, found.user) == (Rank.ADMIN, "")
        assert await database.user_invitation("a", now=NOW + 10) is None
        assert await database.withdraw_user_invitation("a")
        assert not await database.withdraw_user_invitation("a")
        await database.invite_user(UserInvitation(digest="b", user="anna", expires_at=NOW + 10))
        await database.invite_user(UserInvitation(digest="c", user="anna", expires_at=NOW + 10))
        assert await database.user_invitation("b", now=NOW) is None
        assert await database.user_invitation("c", now=NOW) is not None

    async def test_a_key_can_be_used_until_it_ends(self, database: Database) -> None:
        """By its id; its use is noted, and it can be revoked."""
        for number, key_id in enumerate(("k1", "k2")):
            await database.add_api_key(
                ApiKey(
                    id=key_id,
                    digest=f"d{number}",
                    name="grafana",
                    rank=Rank.VIEWER,
                    created_by="anna",
                    created_at=NOW + number,
                    expires_at=NOW + 100 * _MINUTE,
                )
            )
        assert [key.id for key in await database.api_keys()] == ["k2", "k1"]
        found = await database.api_key("k1", now=NOW + _MINUTE)
        assert found is not None
        assert found.digest == "d0"
        assert {key.id: key.used_at for key in await database.api_keys()} == {"k1": NOW + _MINUTE, "k2": 0}
        assert await database.api_key("k1", now=NOW + 100 * _MINUTE) is None
        assert await database.revoke_api_key("k1")
        assert not await database.revoke_api_key("k1")
        assert await database.api_key("k1", now=NOW) is None
