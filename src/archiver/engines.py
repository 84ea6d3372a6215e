"""What stands behind the address of a database: its engine, and the fleet that serves it.

In: the settings. Out: a closed database for the composition root, and for ``archiver run`` the fleet that fits it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec

from archiver.database.engine.migrating import known_revisions
from archiver.database.port import Database
from archiver.database.schema import HEAD
from archiver.database.sqlite import SqliteDatabase
from archiver.database.sqlite.opening import revision_of
from archiver.errors import ConfigError
from archiver.fleet.local import LocalFleet
from archiver.fleet.member import MemberDatabase
from archiver.fleet.port import Fleet
from archiver.fleet.postgres import PostgresFleet
from archiver.pipeline.events import Listener
from archiver.settings import Settings
from genstage.clock import Clock

__all__ = ["Engine", "Standing", "standing_of"]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a database stands to this version of Archiver.

    Attributes:
        found: Its schema; empty if nothing was ever written.
        wanted: The schema that this version works with.
        known: Whether the found one is an older one of ours, or the wanted.
    """

    found: str
    wanted: str
    known: bool

    @property
    def current(self) -> bool:
        """Whether nothing needs to be done."""
        return self.found == self.wanted


class Engine:
    """The database that the settings name: a server's address, or the path of a SQLite file, also as ``sqlite:///…``.

    Args:
        settings: Where it is.
        clock: Time.

    Attributes:
        database: Not open yet.
        shared: The same, if many workers may serve it; else None.

    Raises:
        ConfigError: There can be no such database.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self.database: Database
        self.shared: MemberDatabase | None = None
        path = _file_of(settings.database)
        if path is None:
            _make_home(settings, settings.key_file.parent)
            self.database = self.shared = _postgres(settings.database, clock)
            return
        _make_home(settings, path.parent)
        self.database = SqliteDatabase(path, clock=clock)

    def fleet(self, listener: Listener) -> Fleet:
        """Who serves the customers of the database: this process all of them, or its share."""
        if self.shared is None:
            return LocalFleet(self._clock)
        return PostgresFleet(self.shared, self._clock, ttl=self._settings.worker_ttl_seconds, listener=listener)


async def standing_of(settings: Settings) -> Standing:
    """How the database that the settings name stands to this version; nothing is made or changed.

    Raises:
        ConfigError: There is something else there, or it does not let us in.
        DatabaseUnavailableError: It cannot be reached or read now.
    """
    path = _file_of(settings.database)
    look = partial(_postgres_revision, settings.database) if path is None else partial(revision_of, path)
    found = await asyncio.to_thread(look)
    return Standing(found=found, wanted=HEAD, known=not found or found in await asyncio.to_thread(known_revisions))


def _file_of(address: str) -> Path | None:
    """The SQLite file of an address; None if it is a PostgreSQL server's."""
    if address.startswith(("postgresql://", "postgres://")):
        return None
    path = address.removeprefix("sqlite:///")
    if "://" in path:
        hint = "Give the path of a file, such as /var/lib/archiver/archiver.db, or postgresql://user@host/name."
        raise ConfigError("only SQLite and PostgreSQL databases are supported", hint=hint)
    return Path(path)


def _make_home(settings: Settings, needed: Path) -> None:
    """Makes our home if it is what is needed; elsewhere a missing directory is more likely a disk that is not mounted."""
    if needed == settings.home:
        try:
            settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            hint = "Name another one with --home or ARCHIVER_HOME."
            raise ConfigError(f"the home {settings.home} cannot be made: {error.strerror}", hint=hint) from error


@contextmanager
def _driver_needed() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "psycopg":
            raise
        hint = "Install it: pip install 'call-archiver[postgres]'"
        raise ConfigError("PostgreSQL's driver is not installed", hint=hint) from error


def _postgres(address: str, clock: Clock) -> MemberDatabase:
    with _driver_needed():
        from archiver.database.postgres import PostgresDatabase  # noqa: PLC0415  its driver need not be installed

    return PostgresDatabase(address, clock)


def _postgres_revision(address: str) -> str:
    with _driver_needed():
        from archiver.database.postgres.opening import revision_of  # noqa: PLC0415  as above

    return revision_of(address)
