"""Telling people: once, together, again when it did not arrive, and never in anybody's way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from archiver.database.conformance.world import world
from archiver.database.port import Channel
from archiver.database.sqlite import SqliteDatabase
from archiver.errors import UnavailableError
from archiver.model import ConnectionState
from archiver.upkeep.notices import Message, Notices
from genstage.clock import SystemClock


class Later(SystemClock):
    """The machine's clock, moved on as a test wants."""

    later = 1.0  # after the states of the test were entered

    def wall(self) -> float:
        """The wall clock."""
        return super().wall() + self.later


class Ear:
    """A channel that hears, or does not."""

    def __init__(self, channel: Channel = Channel.WEBHOOK) -> None:
        self.channel = channel
        self.heard: list[Message] = []
        self.calls = 0
        self.deaf = False

    async def send(self, message: Message) -> None:
        """Hears."""
        self.calls += 1
        if self.deaf:
            raise UnavailableError("nobody there")
        self.heard.append(message)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    """Open and empty."""
    database = SqliteDatabase(tmp_path / "archiver.db")
    await database.open()
    yield database
    await database.close()


async def test_each_state_is_told_once(database: SqliteDatabase) -> None:
    """However often it is looked; with what to do, and that nothing is lost."""
    klm = await world(database, "klm")
    await database.set_connection_state(klm.lanes[0], ConnectionState.RECONNECT_NEEDED, "the link was revoked")
    ear, clock = Ear(), Later()
    service = Notices(database, [ear], clock)
    for _ in range(5):
        await service.turn()
        clock.later += 3600
    (message,) = ear.heard
    assert "klm" in message.subject
    assert "the link was revoked" in message.text
    assert f"archiver connect klm memory --again {klm.lanes[0]}" in message.text
    assert "Nothing is lost" in message.text


async def test_many_are_told_in_one_message(database: SqliteDatabase) -> None:
    """A provider that revokes everybody at once makes one message in a turn, of a hundred at most, and the rest comes with the next."""
    airline = await world(database, "airline", lanes=150)
    for lane in airline.lanes:
        await database.set_connection_state(lane, ConnectionState.RECONNECT_NEEDED, "revoked")
    ear = Ear()
    service = Notices(database, [ear], Later())
    for _ in range(4):
        await service.turn()
    assert [len(message.notices) for message in ear.heard] == [100, 50]
    assert sorted(notice.connection_id for message in ear.heard for notice in message.notices) == sorted(airline.lanes)


async def test_a_channel_that_is_away_is_tried_again_apart(database: SqliteDatabase) -> None:
    """Rarer and rarer, while the other one has told at once; and what was mended meanwhile is not told at all."""
    klm = await world(database, "klm", lanes=2)
    for lane in klm.lanes:
        await database.set_connection_state(lane, ConnectionState.QUOTA_FULL, "full")
    away, ear, clock = Ear(), Ear(Channel.MAIL), Later()
    away.deaf = True
    service = Notices(database, [away, ear], clock)
    for _ in range(200):
        await service.turn()
        clock.later += 30
    assert len(ear.heard) == 1
    assert away.calls < 15  # of two hundred turns in a hundred minutes: 30 s, 60 s, … an hour
    await database.set_connection_state(klm.lanes[0], ConnectionState.ACTIVE, "")
    away.deaf = False
    clock.later += 3600
    await service.turn()
    assert [notice.connection_id for message in away.heard for notice in message.notices] == [klm.lanes[1]]


async def test_one_that_comes_and_goes_is_no_storm(database: SqliteDatabase) -> None:
    """A storage that is full, has room, is full … is told of once an hour at most."""
    klm = await world(database, "klm")
    ear, clock = Ear(), Later()
    service = Notices(database, [ear], clock)
    for _ in range(60):
        await database.set_connection_state(klm.lanes[0], ConnectionState.QUOTA_FULL, "full")
        await service.turn()
        await database.set_connection_state(klm.lanes[0], ConnectionState.ACTIVE, "")
        clock.later += 60
    assert len(ear.heard) == 1


async def test_nothing_is_said_while_all_is_well(database: SqliteDatabase) -> None:
    """No message without a cause."""
    await world(database, "klm")
    ear = Ear()
    await Notices(database, [ear], Later()).turn()
    assert ear.calls == 0
