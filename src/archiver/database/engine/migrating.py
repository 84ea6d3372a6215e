"""Brings the schema of a database up to date."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from archiver.database import migrations
from archiver.database.schema import HEAD
from archiver.errors import ConfigError, SchemaError

__all__ = ["known_revisions", "migrate"]


def migrate(core: sa.Connection) -> None:
    """Brings the schema up to date, in the caller's transaction.

    Raises:
        SchemaError: A newer version wrote it.
        ConfigError: It is another program's database.
    """
    revision = _revision(core)
    if revision == HEAD:
        return
    from alembic import command  # noqa: PLC0415  loaded only when there is something to do: it costs a command 0.1 s

    if revision is not None and revision not in known_revisions():
        raise SchemaError(
            f"the database has schema {revision}; this version of Archiver knows {HEAD} and older",
            hint="Use the newer Archiver again, or another --database.",
        )
    config = _config()
    config.attributes["connection"] = core
    command.upgrade(config, "head")


def known_revisions() -> frozenset[str]:
    """Every schema that there ever was, the newest included."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415  as above

    return frozenset(found.revision for found in ScriptDirectory.from_config(_config()).walk_revisions())


def _config() -> Any:
    from alembic.config import Config  # noqa: PLC0415  as above

    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _revision(core: sa.Connection) -> str | None:
    tables = sa.inspect(core).get_table_names()
    if "alembic_version" not in tables:
        if tables:
            raise ConfigError("the database belongs to another program", hint="Name one that is new or empty with --database.")
        return None
    found = core.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return None if found is None else str(found)
