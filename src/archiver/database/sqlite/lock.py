"""Who serves a SQLite database: an exclusive lock of the operating system on a file beside it, with the owner's name in it.

The lock dies with its process, also by SIGKILL: there is nothing to clean up. The file stays; deleting it would let two processes lock
two different files of the same name.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from archiver.database.port import Owner
from archiver.errors import ConfigError, DatabaseHeldError, DatabaseUnavailableError
from archiver.model import Millis

__all__ = ["ServeLock"]

_TRIES = 5  # somebody who only asks who the owner is holds the lock for a moment, too
_TRY_SECONDS = 0.02


class ServeLock:
    """The right to serve one database.

    Args:
        database: The database file.
    """

    def __init__(self, database: Path) -> None:
        # The file that a link points to is what must have one owner, whatever it is called by.
        real = database.resolve()
        self._path = real.with_name(real.name + ".lock")
        self._database = database
        self._descriptor: int | None = None

    def take(self, now: Millis) -> None:
        """Takes the lock; harmless if this object has it already.

        Raises:
            DatabaseHeldError: Another process has it.
            ConfigError: The lock file cannot be made.
            DatabaseUnavailableError: The disk is full.
        """
        if self._descriptor is not None:
            return
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigError(f"cannot write {self._path}: {error.strerror}", hint="Name another database with --database.") from error
        for left in reversed(range(_TRIES)):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not left:
                    os.close(descriptor)
                    raise self._held() from None
                time.sleep(_TRY_SECONDS)
        self._descriptor = descriptor
        owner = msgspec.json.encode(Owner(pid=os.getpid(), host=socket.gethostname(), since=now))
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, owner, 0)
        except OSError as error:
            self.give_back()
            raise DatabaseUnavailableError(f"cannot write {self._path}: {error.strerror}", hint="Make room on its disk.") from error

    def give_back(self) -> None:
        """Lets go of the lock; harmless if it is not held."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def owner(self) -> Owner | None:
        """The process that has the lock now; None if none has."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._written()
        else:
            return None
        finally:
            os.close(descriptor)

    def _written(self) -> Owner | None:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Owner)
        except (OSError, msgspec.DecodeError):
            return None  # read between the lock and the writing of the name

    def _held(self) -> DatabaseHeldError:
        owner = self._written()
        who = "another process"
        if owner is not None:
            since = datetime.fromtimestamp(owner.since / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            who = f"process {owner.pid} on {owner.host} since {since}"
        return DatabaseHeldError(
            f"{self._database} is served by {who}",
            hint="Stop that process, or use another database. Other commands work while it runs.",
        )
