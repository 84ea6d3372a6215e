"""Hints between processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import psycopg
import pytest

from archiver.database.conformance.world import NOW, world
from archiver.database.postgres import PostgresDatabase, hints
from archiver.model import CustomerState


@pytest.fixture
def ear(postgres_address: str) -> Iterator[psycopg.Connection]:
    """A connection that hears every notification."""
    with psycopg.connect(postgres_address, autocommit=True) as raw:
        raw.execute("LISTEN archiver")
        yield raw


def told(ear: psycopg.Connection, seconds: float, most: int | None = None) -> int:
    """How many notifications come within some seconds, or until there are so many."""
    return len(list(ear.notifies(timeout=seconds, stop_after=most)))


async def test_many_changes_are_told_once(database: PostgresDatabase, ear: psycopg.Connection) -> None:
    """The first at once, all that follow it together: an import does not make everybody look a thousand times."""
    klm = await world(database)
    began = time.monotonic()
    for first in range(0, 100, 2):
        await database.add_births(klm.source, klm.births(2, first=first), now=NOW, cursor=None)
    spent = time.monotonic() - began
    heard = await asyncio.to_thread(told, ear, 2 * hints.TELL_SECONDS + 0.5)
    assert 1 <= heard <= 3 + spent / hints.TELL_SECONDS


async def test_what_was_done_last_is_told_before_the_end(database: PostgresDatabase, ear: psycopg.Connection) -> None:
    """A command that pauses a customer and ends is heard."""
    await world(database)
    await asyncio.to_thread(told, ear, 5, 1)
    await database.set_customer_state("airline", CustomerState.PAUSED)
    await database.close()
    assert await asyncio.to_thread(told, ear, 5, 1) == 1


async def test_ones_own_hints_are_none(database: PostgresDatabase, ear: psycopg.Connection) -> None:
    """They are heard, and known by what they say."""
    before = await database.changes()
    await world(database)
    assert await asyncio.to_thread(told, ear, 5, 1) == 1
    ear.execute("SELECT pg_notify('archiver', 'somebody else')")
    async with asyncio.timeout(10):
        while await database.changes() == before:  # noqa: ASYNC110  the listener's thread moves it
            await asyncio.sleep(0.01)
    assert await database.changes() == before + 1
