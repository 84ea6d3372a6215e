"""The audit log's guards: PostgreSQL itself refuses what would change a line."""

from __future__ import annotations

import psycopg
import pytest

from archiver.database.audit import Entry
from archiver.database.postgres import PostgresDatabase


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'nobody' WHERE number = 1",
        "DELETE FROM audit WHERE number = 2",
        "TRUNCATE audit",
        "INSERT INTO audit SELECT 4, at, actor, action, subject, result, origin, detail, hash, hash FROM audit WHERE number = 2",
        "INSERT INTO audit SELECT 3, at, actor, action, subject, result, origin, detail, previous, hash FROM audit WHERE number = 2",
        "SET session_replication_role = replica; UPDATE audit SET actor = 'nobody' WHERE number = 1",
    ],
)
async def test_lines_are_only_appended(database: PostgresDatabase, postgres_address: str, statement: str) -> None:
    """Nobody changes or deletes a line, or puts one where it does not fit."""
    for subject in ("klm", "lot"):
        await database.audit(Entry(actor="ada", action="customers pause", subject=subject))
    before = await database.audit_lines()
    with psycopg.connect(postgres_address, autocommit=True) as raw, pytest.raises(psycopg.errors.RaiseException, match="only appended"):
        raw.execute(statement.encode())
    assert await database.audit_lines() == before
