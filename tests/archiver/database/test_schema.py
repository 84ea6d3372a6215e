"""The tables: what they refuse, and that the migrations build exactly them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql

from archiver.database import migrations, schema
from archiver.database.engine.migrating import migrate
from archiver.database.people import Rank
from archiver.database.port import Channel, Step
from archiver.lifecycle import DeliveryState
from archiver.model import ConnectionState, CustomerState, Kind, Role


@pytest.fixture
def migrated() -> Iterator[sa.Connection]:
    """A database as the migrations build it."""
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    with engine.begin() as core:
        migrate(core)
        yield core
    engine.dispose()


def is_of_sqlite(thing: object, name: str | None, *_: object) -> bool:
    """Alembic compares what only another engine has, too."""
    del thing
    return name not in {"deliveries_queue", "customers_wanted"} and not (name or "").startswith("items_words")


def test_the_migrations_build_the_schema(migrated: sa.Connection) -> None:
    """Alembic finds no difference."""
    context = MigrationContext.configure(migrated, opts={"include_object": is_of_sqlite})
    assert compare_metadata(context, schema.metadata) == []


def parts(built: Sequence[sa.Row[Any]]) -> dict[str, list[str]]:
    """Each table's and index's text in parts: what was added to a table later stands last in it."""
    return {name: sorted(re.split(r",\s+|\n\)$|\)$", " ".join(sql.split()))) for name, sql in built}


def test_the_migrations_build_the_schema_to_the_letter(migrated: sa.Connection) -> None:
    """CHECK constraints and partial indexes, which Alembic does not compare, are the same text."""
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    with engine.begin() as core:
        schema.metadata.create_all(core)
        query = sa.text("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic%' AND sql IS NOT NULL")
        assert parts(migrated.execute(query).all()) == parts(core.execute(query).all())
    engine.dispose()


def test_the_head_is_the_newest_migration() -> None:
    """Opening compares with it without loading Alembic."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD


@pytest.mark.parametrize(
    ("table", "column", "words"),
    [
        ("customers", "state", CustomerState),
        ("connections", "state", ConnectionState),
        ("connections", "role", Role),
        ("items", "kind", Kind),
        ("deliveries", "state", DeliveryState),
        ("users", "rank", Rank),
        ("api_keys", "rank", Rank),
        ("user_invitations", "rank", Rank),
        ("invitations", "step", Step),
        ("notices", "channel", Channel),
    ],
)
def test_the_constraints_have_the_words_of_the_enums(migrated: sa.Connection, table: str, column: str, words: type[StrEnum]) -> None:
    """Every word is allowed, another is not."""
    constraints = {found["name"]: found["sqltext"] for found in sa.inspect(migrated).get_check_constraints(table)}
    condition = constraints[f"ck_{table}_{column}"]
    raw = sqlite3.connect(":memory:")
    for word in [*words, "unheard of"]:
        (allowed,) = raw.execute(f"SELECT {condition} FROM (SELECT ? AS {column})", (str(word),)).fetchone()  # noqa: S608  the schema's own text
        assert allowed == (word in set(words))
    raw.close()


def test_postgresql_can_have_the_same_tables() -> None:
    """Every table and index compiles for it."""
    dialect = postgresql.dialect()
    for table in schema.metadata.sorted_tables:
        assert "BIGSERIAL" in str(sa.schema.CreateTable(table).compile(dialect=dialect)) or table.name in {
            "audit",
            "cursors",
            "receipts",
            "kind_counters",
            "lane_counters",
            "passes",
            "journal",
            "notices",
            "tombstones",
            "workers",
            "sessions",
            "api_keys",
            "user_invitations",
        }
        for index in table.indexes:
            str(sa.schema.CreateIndex(index).compile(dialect=dialect))
