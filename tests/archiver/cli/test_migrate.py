"""``archiver migrate``."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from archiver.database.schema import HEAD


def test_a_new_database(archiver: Any, home: Path) -> None:
    """--check makes nothing and says that there is something to do; then it is done; then there is nothing more to do."""
    code, checked, _ = archiver("migrate", "--check")
    assert (code, checked["found"], checked["wanted"], checked["migrated"]) == (1, "", HEAD, False)
    assert not home.exists()
    code, done, words = archiver("migrate")
    assert (code, done["migrated"]) == (0, True)
    assert f"nothing and is {HEAD} now" in words
    assert archiver("migrate", "--check")[0] == 0
    code, again, _ = archiver("migrate")
    assert (code, again["migrated"]) == (0, False)


@pytest.mark.parametrize("words", [("migrate",), ("migrate", "--check")])
def test_a_newer_schema_is_left_alone(archiver: Any, home: Path, words: tuple[str, ...]) -> None:
    """The exit code is that of a configuration that cannot work."""
    archiver("migrate")
    with sqlite3.connect(home / "archiver.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    code, document, _ = archiver(*words)
    assert (code, document["error"]) == (78, "SchemaError")
