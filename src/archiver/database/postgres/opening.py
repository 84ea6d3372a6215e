"""Brings the schema of a database up to date, one process at a time."""

from __future__ import annotations

import psycopg
import sqlalchemy as sa

from archiver.database.engine.migrating import migrate
from archiver.database.postgres.address import Address
from archiver.database.postgres.errors import refused, translate
from archiver.database.postgres.handle import Raw
from archiver.database.schema import HEAD
from archiver.errors import ConfigError

__all__ = ["OLDEST_POSTGRESQL", "is_current", "migrate_alone", "revision_of"]

OLDEST_POSTGRESQL = 140000
"""The first that looks a value up in a long array by hashing it, on which settling relies."""

_MIGRATING = 4_702_511_907_148_113_250
"""The advisory lock of a migration; any number that nobody else uses."""


def is_current(raw: Raw) -> bool:
    """Whether there is nothing to migrate; asked first, since it waits for nobody.

    Raises:
        ConfigError: The server is too old.
    """
    if raw.info.server_version < OLDEST_POSTGRESQL:
        raise ConfigError(f"PostgreSQL {raw.info.server_version // 10000} is too old; at least {OLDEST_POSTGRESQL // 10000} is needed")
    (known,) = raw.execute("SELECT to_regclass('alembic_version') IS NOT NULL").fetchone() or (False,)
    return bool(known) and raw.execute("SELECT version_num FROM alembic_version").fetchone() == (HEAD,)


def migrate_alone(core: sa.Connection) -> None:
    """Brings the schema up to date in the caller's transaction, after whoever is doing the same.

    Raises:
        SchemaError: A newer version wrote it.
        ConfigError: It is another program's database.
    """
    core.execute(sa.text("SET LOCAL lock_timeout = 0"))  # a migration of a big table takes minutes
    core.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATING)))
    migrate(core)


def revision_of(address: str) -> str:
    """The schema of the database; empty if nothing was ever written. Changes nothing. Blocks.

    Raises:
        ConfigError: It is another program's, its server is too old, or it never lets us in.
        DatabaseUnavailableError: It cannot be reached or read now.
    """
    try:
        raw = Address(address).connect()
    except psycopg.OperationalError as error:
        raise refused(error) from None
    try:
        if is_current(raw):
            return HEAD
        (ours, others) = raw.execute(
            "SELECT to_regclass('alembic_version') IS NOT NULL, EXISTS (SELECT FROM pg_tables WHERE schemaname = current_schema())"
        ).fetchone() or (False, False)
        found = raw.execute("SELECT version_num FROM alembic_version").fetchone() if ours else None
    except psycopg.Error as error:
        translated = translate(error)
        if translated is None:
            raise
        raise translated from error
    finally:
        raw.close()
    if found is None and others:
        raise ConfigError("the database belongs to another program", hint="Name one that is new or empty with --database.")
    return str(found[0]) if found else ""
