"""A connection and its transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from archiver.database.sqlite import opening
from archiver.database.sqlite.handle import Handle, translate
from archiver.errors import DatabaseUnavailableError


@pytest.fixture
async def handle(path: Path) -> AsyncIterator[Handle]:
    """A writing handle on a file with one table."""
    opening.prepare(path)
    made = Handle(path, "test", writes=True, cache_kib=1024)
    await made.open()
    await made.run(lambda raw: raw.execute("CREATE TABLE word (word TEXT UNIQUE)"))
    yield made
    await made.close()


def words(raw: sqlite3.Connection) -> list[str]:
    """What is in the table."""
    return [word for (word,) in raw.execute("SELECT word FROM word ORDER BY word")]


async def test_an_error_takes_the_transaction_back(handle: Handle) -> None:
    """Whole, and the next one begins anew; both kinds of connection."""

    def two(raw: sqlite3.Connection, one: str, other: str) -> None:
        raw.execute("INSERT INTO word VALUES (?)", (one,))
        raw.execute("INSERT INTO word VALUES (?)", (other,))

    def two_in_core(core: sa.Connection, one: str, other: str) -> None:
        for word in (one, other):
            core.execute(sa.text("INSERT INTO word VALUES (:word)"), {"word": word})

    await handle.transact(two, "a", "b")
    with pytest.raises(sqlite3.IntegrityError):
        await handle.transact(two, "c", "a")
    await handle.core(two_in_core, "d", "e")
    with pytest.raises(sa.exc.IntegrityError):
        await handle.core(two_in_core, "f", "a")
    assert await handle.run(words) == ["a", "b", "d", "e"]


async def test_a_reading_handle_cannot_write(handle: Handle, path: Path) -> None:
    """SQLite itself refuses; it sees what the writer committed."""
    reader = Handle(path, "reader", writes=False, cache_kib=1024)
    await reader.open()
    with pytest.raises(DatabaseUnavailableError, match="only be read"):
        await reader.run(lambda raw: raw.execute("INSERT INTO word VALUES ('a')"))
    await handle.run(lambda raw: raw.execute("INSERT INTO word VALUES ('b')"))
    assert await reader.transact(words) == ["b"]
    await reader.close()


async def test_a_power_cut_damages_nothing(handle: Handle) -> None:
    """The settings which the docs promise."""

    def settings(raw: sqlite3.Connection) -> list[object]:
        return [raw.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")]

    assert await handle.run(settings) == ["wal", 1, 1, 10_000]


@pytest.mark.usefixtures("handle")
async def test_a_snapshot_is_one_moment(path: Path) -> None:
    """What is committed between two statements of a reading transaction is not seen by it."""
    reader = Handle(path, "reader", writes=False, cache_kib=1024)
    await reader.open()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    def twice(raw: sqlite3.Connection) -> tuple[list[str], list[str]]:
        before = words(raw)
        other.execute("INSERT INTO word VALUES ('between')")
        return before, words(raw)

    assert await reader.transact(twice) == ([], [])
    assert await reader.run(words) == ["between"]
    other.close()
    await reader.close()


def test_an_error_that_is_a_bug_stays_what_it_is() -> None:
    """Only what says something about now is translated; extended codes count by their primary one."""
    bug = sqlite3.OperationalError("no such table")
    bug.sqlite_errorcode = sqlite3.SQLITE_ERROR
    assert translate(bug) is None
    assert translate(sqlite3.InterfaceError("no code")) is None
    full = sqlite3.OperationalError("disk I/O error")
    full.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    assert isinstance(translate(full), DatabaseUnavailableError)
    assert isinstance(translate(sa.exc.OperationalError("INSERT", {}, full)), DatabaseUnavailableError)
