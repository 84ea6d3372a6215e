"""Makes the database file, and brings its schema up to date."""

from __future__ import annotations

import io
import os
import sqlite3
import time
from pathlib import Path

import sqlalchemy as sa

from archiver.database import migrations
from archiver.database.schema import HEAD
from archiver.database.sqlite.handle import translate
from archiver.errors import ConfigError, SchemaError

__all__ = ["is_current", "migrate", "prepare"]

OLDEST_SQLITE = (3, 33, 0)
"""The first with UPDATE … FROM."""
_WAL_TRIES = 200


def prepare(path: Path) -> None:
    """Makes the file if need be, readable by its owner only, and puts it into WAL mode. Blocks.

    Raises:
        ConfigError: It cannot be a database.
        DatabaseUnavailableError: It cannot be written now.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise ConfigError(f"SQLite {sqlite3.sqlite_version} is too old; at least {'.'.join(map(str, OLDEST_SQLITE))} is needed")
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise ConfigError(
            f"cannot open the database {path}: {error.strerror}", hint="Is the directory there, and may we write in it?"
        ) from error
    raw = sqlite3.connect(path, timeout=10.0, isolation_level=None)
    try:
        mode = _wal(raw)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            raise ConfigError(f"{path} is not a SQLite database", hint="Name another file with --database.") from error
        translated = translate(error)
        if translated is None:
            raise
        raise translated from error
    finally:
        raw.close()
    if mode != "wal":
        raise ConfigError(f"the disk of {path} cannot share memory between processes", hint="Put the database on a local disk.")


def _wal(raw: sqlite3.Connection) -> str:
    # Two processes that do this to a new file at the same moment: SQLite refuses one at once, whatever the busy timeout.
    for left in reversed(range(_WAL_TRIES)):
        try:
            (mode,) = raw.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or not left:
                raise
            time.sleep(0.02)
        else:
            return str(mode)
    raise AssertionError("the last try raises")


def is_current(raw: sqlite3.Connection) -> bool:
    """Whether there is nothing to migrate; asked first, since it needs no lock, and a command must not wait for an import to pause."""
    (known,) = raw.execute("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
    return bool(known) and raw.execute("SELECT version_num FROM alembic_version").fetchone() == (HEAD,)


def migrate(core: sa.Connection) -> None:
    """Brings the schema up to date, in the caller's transaction.

    Raises:
        SchemaError: A newer version wrote it.
    """
    revision = _revision(core)
    if revision == HEAD:
        return
    from alembic import command  # noqa: PLC0415  loaded only when there is something to do: it costs a command 0.1 s
    from alembic.config import Config  # noqa: PLC0415  as above
    from alembic.script import ScriptDirectory  # noqa: PLC0415  as above

    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    known = {found.revision for found in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise SchemaError(
            f"the database has schema {revision}; this version of Archiver knows {HEAD} and older",
            hint="Use the newer Archiver again, or another --database.",
        )
    config.attributes["connection"] = core
    command.upgrade(config, "head")


def _revision(core: sa.Connection) -> str | None:
    tables = sa.inspect(core).get_table_names()
    if "alembic_version" not in tables:
        if tables:
            raise ConfigError("the file is a database of another program", hint="Name a file that does not exist yet with --database.")
        return None
    found = core.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return None if found is None else str(found)
