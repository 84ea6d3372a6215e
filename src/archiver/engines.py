"""What stands behind the address of a database: its engine, and the fleet that serves it.

In: the settings. Out: a closed database for the composition root, and for ``archiver run`` the fleet that fits it.
"""

from __future__ import annotations

from pathlib import Path

from archiver.database.port import Database
from archiver.database.sqlite import SqliteDatabase
from archiver.errors import ConfigError
from archiver.fleet.local import LocalFleet
from archiver.fleet.member import MemberDatabase
from archiver.fleet.port import Fleet
from archiver.fleet.postgres import PostgresFleet
from archiver.pipeline.events import Listener
from archiver.settings import Settings
from genstage.clock import Clock

__all__ = ["Engine"]


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
        address = settings.database
        if address.startswith(("postgresql://", "postgres://")):
            _make_home(settings, settings.key_file.parent)
            self.database = self.shared = _postgres(address, clock)
            return
        path = Path(address.removeprefix("sqlite:///"))
        if "://" in address.removeprefix("sqlite:///"):
            hint = "Give the path of a file, such as /var/lib/archiver/archiver.db, or postgresql://user@host/name."
            raise ConfigError("only SQLite and PostgreSQL databases are supported", hint=hint)
        _make_home(settings, path.parent)
        self.database = SqliteDatabase(path, clock=clock)

    def fleet(self, listener: Listener) -> Fleet:
        """Who serves the customers of the database: this process all of them, or its share."""
        if self.shared is None:
            return LocalFleet(self._clock)
        return PostgresFleet(self.shared, self._clock, ttl=self._settings.worker_ttl_seconds, listener=listener)


def _make_home(settings: Settings, needed: Path) -> None:
    """Makes our home if it is what is needed; elsewhere a missing directory is more likely a disk that is not mounted."""
    if needed == settings.home:
        try:
            settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            hint = "Name another one with --home or ARCHIVER_HOME."
            raise ConfigError(f"the home {settings.home} cannot be made: {error.strerror}", hint=hint) from error


def _postgres(address: str, clock: Clock) -> MemberDatabase:
    try:
        from archiver.database.postgres import PostgresDatabase  # noqa: PLC0415  its driver need not be installed
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "psycopg":
            raise
        hint = "Install it: pip install 'call-archiver[postgres]'"
        raise ConfigError("PostgreSQL's driver is not installed", hint=hint) from error
    return PostgresDatabase(address, clock)
