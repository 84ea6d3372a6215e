"""The door: passwords, sessions, links and keys on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from archiver.database.sqlite import SqliteDatabase
from archiver.errors import ConfigError, RefusedError, TooOftenError
from archiver.people import IDLE_SECONDS, LONGEST_SECONDS, Door, Rank, Who
from genstage.testing import VirtualClock

PASSWORD = "seven green boats"


class SetClock(VirtualClock):
    """A clock that a test sets; nothing here waits."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        """What was set."""
        return self.now

    def wall(self) -> float:
        """What was set."""
        return self.now


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def door(tmp_path: Path, clock: SetClock) -> AsyncIterator[Door]:
    database = SqliteDatabase(tmp_path / "archiver.db", clock=clock)
    await database.open()
    yield Door(database, clock)
    await database.close()


async def enter(door: Door, name: str = "anna", rank: Rank = Rank.ADMIN) -> Who:
    """A user with a session."""
    entered = await door.accept(await door.invite(rank), name, PASSWORD, origin="here")
    who = await door.whose_session(entered.token)
    assert who is not None
    return who


async def test_the_first_link_makes_the_first_admin(door: Door) -> None:
    """Once; afterwards there is none, and there never was a user whom everybody knows."""
    token = await door.first_link()
    assert token is not None
    for name, password in (("anna", "short"), ("Anna B", PASSWORD), ("anna", "aaaaaaaaaaaaaaaa"), ("annabella", "Annabella123")):
        with pytest.raises(ConfigError):
            await door.accept(token, name, password, origin="here")
    entered = await door.accept(token, "anna", PASSWORD, origin="here")
    assert (entered.user.name, entered.user.rank) == ("anna", Rank.ADMIN)
    assert PASSWORD not in repr(entered)
    assert entered.token not in repr(entered)
    with pytest.raises(RefusedError):
        await door.accept(token, "eve", PASSWORD, origin="there")
    assert await door.first_link() is None


async def test_logging_in_and_out(door: Door) -> None:
    """A new session each time; after logging out its cookie opens nothing."""
    await enter(door)
    one, two = [await door.log_in("anna", PASSWORD, origin="here") for _ in range(2)]
    assert one.token != two.token
    who = await door.whose_session(one.token)
    assert who is not None
    assert len(await door.sessions()) == 3
    await door.log_out(who)
    assert await door.whose_session(one.token) is None
    assert await door.whose_session(two.token) is not None
    assert await door.whose_session("") is None
    assert await door.end_all_sessions() == 2


@pytest.mark.parametrize(("name", "password"), [("anna", "wrong"), ("eve", PASSWORD), ("anna", ""), ("anna", "x" * 10_000)])
async def test_the_wrong_ones_are_refused_alike(door: Door, name: str, password: str) -> None:
    """Nothing tells whether it was the name or the password."""
    await enter(door)
    with pytest.raises(RefusedError) as caught:
        await door.log_in(name, password, origin="here")
    assert caught.value.message == "the name or the password is wrong"


async def test_who_guesses_is_slowed_down(door: Door, clock: SetClock) -> None:
    """Five tries a minute for a name from an address; others, and the same name from elsewhere, are not concerned."""
    await enter(door)
    for _ in range(5):
        with pytest.raises(RefusedError, match="wrong"):
            await door.log_in("anna", "wrong", origin="there")
    with pytest.raises(TooOftenError) as caught:
        await door.log_in("anna", PASSWORD, origin="there")
    assert 0 < caught.value.retry_after <= 12
    assert (await door.log_in("anna", PASSWORD, origin="here")).user.name == "anna"
    clock.now += caught.value.retry_after
    assert (await door.log_in("anna", PASSWORD, origin="there")).user.name == "anna"


async def test_a_session_ends_by_itself(door: Door, clock: SetClock) -> None:
    """When nobody uses it, and after twelve hours in any case."""
    await enter(door)
    entered = await door.log_in("anna", PASSWORD, origin="here")
    clock.now += IDLE_SECONDS + 1
    assert await door.whose_session(entered.token) is None
    entered = await door.log_in("anna", PASSWORD, origin="here")
    began = clock.now
    while clock.now < began + LONGEST_SECONDS:
        assert await door.whose_session(entered.token) is not None
        clock.now += IDLE_SECONDS / 2
    assert await door.whose_session(entered.token) is None


async def test_a_change_of_password_ends_the_other_sessions(door: Door) -> None:
    """Whoever stole one is out; the old password opens nothing."""
    who = await enter(door)
    stolen = await door.log_in("anna", PASSWORD, origin="there")
    with pytest.raises(RefusedError):
        await door.change_password(who, "wrong", "another long one", origin="here")
    entered = await door.change_password(who, PASSWORD, "another long one", origin="here")
    assert await door.whose_session(stolen.token) is None
    assert await door.whose_session(entered.token) is not None
    with pytest.raises(RefusedError):
        await door.log_in("anna", PASSWORD, origin="here")


async def test_somebody_stays_admin(door: Door) -> None:
    """The last admin can neither be removed nor lowered; others can, and are out at once."""
    await enter(door)
    ben = await enter(door, "ben", Rank.ADMIN)
    await door.change_rank("ben", Rank.VIEWER)
    assert [(user.name, user.rank) for user in await door.users()] == [("anna", Rank.ADMIN), ("ben", Rank.VIEWER)]
    assert ben.digest not in {session.digest for session in await door.sessions()}
    for change in (door.change_rank("anna", Rank.OPERATOR), door.remove_user("anna"), door.remove_user("eve")):
        with pytest.raises(ConfigError):
            await change
    await door.remove_user("ben")
    with pytest.raises(RefusedError):
        await door.log_in("ben", PASSWORD, origin="here")


async def test_a_key_does_what_its_maker_lets_it(door: Door, clock: SetClock) -> None:
    """Until its end; a made-up, changed or revoked one is nobody's."""
    anna = await enter(door)
    ben = await enter(door, "ben", Rank.OPERATOR)
    text = await door.add_key("grafana", Rank.VIEWER, by=anna, days=1)
    who = await door.whose_key(text)
    assert who is not None
    assert (who.name, who.rank) == ("grafana", Rank.VIEWER)
    for wrong in (text[:-1], text + "x", "arc_00000000_" + "a" * 43, "", "arc__", "Bearer"):
        assert await door.whose_key(wrong) is None
    with pytest.raises(ConfigError):
        await door.add_key("too much", Rank.ADMIN, by=ben)
    (kept,) = await door.keys()
    assert text not in str(kept)
    clock.now += 24 * 3600
    assert await door.whose_key(text) is None
    text = await door.add_key("again", Rank.VIEWER, by=anna)
    assert await door.revoke_key((await door.keys())[0].id)
    assert await door.whose_key(text) is None


async def test_a_link_for_a_user_lets_them_in_without_a_password(door: Door) -> None:
    """As in the demo, or when somebody forgot theirs; a new password can be given with it."""
    entered = await door.accept(await door.known("demo", Rank.OPERATOR), "", "", origin="here")
    assert (entered.user.name, entered.user.rank) == ("demo", Rank.OPERATOR)
    with pytest.raises(RefusedError):
        await door.log_in("demo", "", origin="here")
    token = await door.known("demo", Rank.OPERATOR)
    await door.accept(token, "", PASSWORD, origin="here")
    assert (await door.log_in("demo", PASSWORD, origin="here")).user.name == "demo"
    token = await door.known("demo", Rank.OPERATOR)
    await enter(door)
    await door.remove_user("demo")
    with pytest.raises(RefusedError):
        await door.accept(token, "", "", origin="here")
