"""Owning on PostgreSQL: the kit, and a beat that overlaps with a taker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest

from archiver.database.conformance.members import LONG, Another, MemberDatabase, living, worker
from archiver.database.conformance.membership import MembershipConformance
from archiver.database.conformance.world import world
from archiver.database.postgres import PostgresDatabase, owning


class TestMembership(MembershipConformance):
    """The kit."""

    @pytest.fixture
    async def another(self, postgres_address: str) -> AsyncIterator[Another]:
        """Opens the database of this test."""
        async with AsyncExitStack() as stack:

            async def opened() -> MemberDatabase:
                database = PostgresDatabase(postgres_address)
                stack.push_async_callback(database.close)
                await database.open()
                return database

            yield opened

    @pytest.fixture
    async def database(self, another: Another) -> MemberDatabase:
        """An open, empty database."""
        return await another()


@pytest.fixture
def slow(postgres_address: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection whose transactions last as long as a test wants."""
    with psycopg.connect(postgres_address) as raw:
        yield raw


async def test_who_is_just_saying_that_it_lives_is_not_taken_for_dead(database: PostgresDatabase, slow: psycopg.Connection[Any]) -> None:
    """Its time runs out while its beat, which came in time, is being written."""
    klm = await world(database)
    one, two = worker(), await living(database)
    await database.enter(one, ttl=300)
    assert len(await database.take(one, limit=9)) == 1
    assert owning.beat(slow, one, LONG)
    slow.execute("SELECT pg_sleep(0.4)")  # by the server's clock, which is the one that counts
    assert list(await database.take(two, limit=9)) == []
    slow.commit()
    assert list(await database.take(two, limit=9)) == []
    assert list(await database.owned(one)) == [klm.customer.id]
