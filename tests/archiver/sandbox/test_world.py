"""The cloud without HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from archiver.sandbox.hashing import digest
from archiver.sandbox.limits import Limits
from archiver.sandbox.wire import Commit
from archiver.sandbox.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """One that keeps everything."""
    world = World(tmp_path, journal=True)
    yield world
    world.close()


def test_accounts_have_names_of_their_own(world: World) -> None:
    """And everything else of their own, but the application."""
    one, other = world.add_account("airline"), world.add_account("bakery")
    assert one.app_key == other.app_key
    assert len({one.access_token, one.refresh_token, one.account_id, other.access_token, other.refresh_token, other.account_id}) == 6
    for name in ("airline", ""):
        with pytest.raises(ValueError, match="name of its own"):
            world.add_account(name)


def test_secrets_are_not_shown(world: World) -> None:
    """An account's representation has no token."""
    account = world.add_account("airline")
    for secret in (account.access_token, account.refresh_token, account.app_secret):
        assert secret not in repr(account)


def test_only_what_is_given_changes(world: World) -> None:
    """Limits one by one, the quota, the state."""
    world.add_account("airline", Limits(calls_per_second=3), quota_bytes=10)
    line = world.change_account("airline", limits={"burst": 9})
    assert (line.limits.calls_per_second, line.limits.burst, line.quota_bytes, line.suspended) == (3, 9, 10, False)
    assert world.change_account("airline", suspended=True).limits.burst == 9
    with pytest.raises(KeyError):
        world.change_account("nobody")
    with pytest.raises(msgspec.ValidationError):
        world.change_account("airline", limits={"nothing": 1})


def test_a_killed_world_is_found_again(world: World, tmp_path: Path) -> None:
    """Without having been closed: accounts, limits, authorisations and their end."""
    account = world.add_account("airline")
    member = world.add_account("ann", team="firm")
    world.change_account("airline", limits={"burst": 9})
    world.revoke("ann")
    again = World(tmp_path, journal=True)
    assert again.accounts["airline"].limits.burst == 9
    assert [grant.access_tokens.keys() for grant in again.grants_of("airline")] == [{account.access_token}]
    assert [(grant.revoked, grant.refresh_token) for grant in again.grants_of("ann")] == [(True, member.refresh_token)]
    assert again.accounts["ann"].line.member_id == member.select_user
    again.close()


def test_the_ledger_is_a_copy(world: World) -> None:
    """What happens later does not change it."""
    world.add_account("airline")
    ledger = world.ledger()
    world.accounts["airline"].activity.called("files/upload", 1.0, commits=True)
    assert ledger.accounts["airline"].calls == {}


def test_what_was_deleted_stays_deleted(world: World, tmp_path: Path) -> None:
    """A sandbox that starts again after a kill does not bring back what its customer deleted."""
    world.add_account("airline")
    account = world.accounts["airline"]
    entry = account.namespace.commit(Commit(path="/a"), digest(b"a"), 1.0)
    world.committed(account, [entry])
    account.namespace.delete("/a", None)
    world.deleted(account, "/a")
    again = World(tmp_path, journal=True)
    assert not again.accounts["airline"].namespace.files
    again.close()
