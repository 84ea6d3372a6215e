"""Makes the database file."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from urllib.parse import quote

from archiver.database.schema import HEAD
from archiver.database.sqlite.handle import translate
from archiver.errors import ConfigError

__all__ = ["is_current", "prepare", "revision_of"]

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


def revision_of(path: Path) -> str:
    """The schema of the file; empty if there is none, or nothing was ever written. Makes and changes nothing. Blocks.

    Raises:
        ConfigError: It is something else.
        DatabaseUnavailableError: It cannot be read now.
    """
    if not path.exists():
        return ""
    try:
        raw = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=2.0)
        try:
            tables = {name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            found = raw.execute("SELECT version_num FROM alembic_version").fetchone() if "alembic_version" in tables else None
        finally:
            raw.close()
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
            raise ConfigError(f"{path} is not a SQLite database", hint="Name another file with --database.") from error
        translated = translate(error)
        if translated is None:
            raise
        raise translated from error
    if found is None and tables:
        raise ConfigError(f"{path} belongs to another program", hint="Name another file with --database.")
    return str(found[0]) if found else ""
