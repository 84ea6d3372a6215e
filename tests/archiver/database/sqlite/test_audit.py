"""The audit log's guards: SQLite itself refuses what would change a line."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from archiver.database.audit import Entry
from archiver.database.sqlite import SqliteDatabase


@pytest.fixture
def raw(path: Path, database: SqliteDatabase) -> Iterator[sqlite3.Connection]:
    """Another connection, as anybody may make one who can write the file."""
    del database
    raw = sqlite3.connect(path, isolation_level=None)
    yield raw
    raw.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'nobody' WHERE number = 1",
        "UPDATE audit SET hash = ''",
        "DELETE FROM audit WHERE number = 2",
        "DELETE FROM audit",
        "INSERT INTO audit SELECT 4, at, actor, action, subject, result, origin, detail, hash, hash FROM audit WHERE number = 2",
        "INSERT INTO audit SELECT 3, at, actor, action, subject, result, origin, detail, previous, hash FROM audit WHERE number = 2",
        "INSERT OR REPLACE INTO audit SELECT 1, at, 'nobody', action, subject, result, origin, detail, previous, hash FROM audit LIMIT 1",
        "INSERT OR REPLACE INTO audit SELECT 2, at, actor, action, subject, '', origin, detail, previous, hash FROM audit WHERE number = 2",
    ],
)
async def test_lines_are_only_appended(database: SqliteDatabase, raw: sqlite3.Connection, statement: str) -> None:
    """Nobody changes, deletes or replaces a line, or puts one where it does not fit."""
    for subject in ("klm", "lot"):
        await database.audit(Entry(actor="ada", action="customers pause", subject=subject))
    before = await database.audit_lines()
    with pytest.raises(sqlite3.IntegrityError, match="only appended"):
        raw.execute(statement)
    assert await database.audit_lines() == before
