"""Making and migrating the file."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from pathlib import Path

import pytest
import sqlalchemy as sa

from archiver.database.engine.migrating import migrate
from archiver.database.schema import HEAD
from archiver.database.sqlite import SqliteDatabase, opening
from archiver.errors import ConfigError, SchemaError


def test_the_file_is_its_owners_only(path: Path) -> None:
    """It holds phone numbers and sealed secrets."""
    opening.prepare(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    opening.prepare(path)


def test_a_directory_that_is_not_there_is_a_matter_of_settings(tmp_path: Path) -> None:
    """The message names the file, and the hint says what to look for."""
    with pytest.raises(ConfigError, match=r"nowhere.a\.db") as caught:
        opening.prepare(tmp_path / "nowhere" / "a.db")
    assert "directory" in caught.value.hint


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    """Not a byte of it changes."""
    path.write_bytes(b"call recordings\n" * 100)
    with pytest.raises(ConfigError, match="not a SQLite database"):
        opening.prepare(path)
    assert path.read_bytes() == b"call recordings\n" * 100


async def test_a_database_of_another_program_is_left_alone(path: Path) -> None:
    """Its tables stay the only ones."""
    raw = sqlite3.connect(path)
    raw.execute("CREATE TABLE calls (id INTEGER)")
    with pytest.raises(ConfigError, match="another program"):
        await SqliteDatabase(path).open()
    assert [row[0] for row in raw.execute("SELECT name FROM sqlite_master")] == ["calls"]
    raw.close()


async def test_a_newer_schema_is_refused(database: SqliteDatabase, path: Path) -> None:
    """An older Archiver does not write what it does not understand."""
    await database.close()
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    with pytest.raises(SchemaError, match=rf"schema 9999.*knows {HEAD}"):
        await database.open()


async def test_many_may_open_a_new_file_at_once(path: Path) -> None:
    """One migrates, the others wait."""
    databases = [SqliteDatabase(path) for _ in range(6)]
    async with asyncio.TaskGroup() as group:
        for database in databases:
            group.create_task(database.open())
    for database in databases:
        assert list(await database.customers()) == []
        await database.close()


async def test_opening_waits_for_nobody_who_writes(database: SqliteDatabase, path: Path) -> None:
    """A command looks at a database while an import holds the writer's lock."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    second = SqliteDatabase(path)
    await second.open()
    assert list(await second.customers()) == list(await database.customers())
    await second.close()
    other.execute("ROLLBACK")
    other.close()


def test_a_migration_that_dies_leaves_the_old_schema(path: Path) -> None:
    """Everything is one transaction."""
    opening.prepare(path)
    raw = sqlite3.connect(path, isolation_level=None)
    engine = sa.create_engine("sqlite://", creator=lambda: raw, poolclass=sa.StaticPool)
    sa.event.listen(engine, "begin", lambda core: core.exec_driver_sql("BEGIN IMMEDIATE"))

    def migrate_and_die() -> None:
        with engine.begin() as core:
            migrate(core)
            assert len(sa.inspect(core).get_table_names()) > 5
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        migrate_and_die()
    assert raw.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    engine.dispose()
    raw.close()


def test_a_sqlite_that_is_too_old_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says which is needed."""
    monkeypatch.setattr(opening.sqlite3, "sqlite_version_info", (3, 31, 1))
    with pytest.raises(ConfigError, match=r"at least 3\.33\.0"):
        opening.prepare(path)


def test_a_disk_that_cannot_share_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There SQLite stays in another mode, in which readers and the writer would stop each other."""
    monkeypatch.setattr(opening, "_wal", lambda _raw: "delete")
    with pytest.raises(ConfigError, match="share memory"):
        opening.prepare(tmp_path / "a.db")
