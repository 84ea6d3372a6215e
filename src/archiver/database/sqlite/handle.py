"""One SQLite connection and the one thread that may use it.

Every transaction is **one** function that runs on the thread from BEGIN to COMMIT: the event loop is crossed twice per transaction, not
twice per statement, and a cancelled caller leaves a transaction either whole or not begun.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa

from archiver.database.engine.thread import WorkThread
from archiver.errors import ArchiverError, DatabaseUnavailableError, ProcessError

__all__ = ["BUSY_SECONDS", "Handle", "translate"]

BUSY_SECONDS = 10.0
"""How long a statement waits while another process writes. Writers hold the lock for milliseconds; ten seconds means a stuck one."""

T = TypeVar("T")
P = ParamSpec("P")

# Primary result codes (https://www.sqlite.org/rescode.html) that say nothing about the statement, only about now.
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: "it is locked by another process",
    sqlite3.SQLITE_LOCKED: "it is locked by another process",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "reading or writing the disk failed",
    sqlite3.SQLITE_READONLY: "it may only be read",
    sqlite3.SQLITE_CANTOPEN: "its file cannot be opened",
    sqlite3.SQLITE_NOMEM: "there is no memory left",
    sqlite3.SQLITE_PROTOCOL: "it is locked by another process",
}


def translate(error: sqlite3.Error | sa.exc.DBAPIError) -> ArchiverError | None:
    """The error of our tree for an error of SQLite; None if it is a bug of ours, which must stay what it is."""
    original = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    code = getattr(original, "sqlite_errorcode", None)
    why = _UNAVAILABLE.get(code & 0xFF) if isinstance(code, int) else None
    if why is None:
        return None
    return DatabaseUnavailableError(f"the database is not available: {why}", hint="Nothing was written; it may be tried again.")


class Handle:
    """A connection with its thread; made closed.

    Args:
        path: The database file; it exists.
        name: For the thread's name.
        writes: A reading handle is refused every write by SQLite itself.
        cache_kib: Page cache.
    """

    def __init__(self, path: Path, name: str, *, writes: bool, cache_kib: int) -> None:
        self._path = path
        self._writes = writes
        self._cache_kib = cache_kib
        self._thread = WorkThread(f"archiver-database-{name}")
        self._begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
        self._connected: tuple[sqlite3.Connection, sa.Connection] | None = None

    async def open(self) -> None:
        """Starts the thread and connects; harmless when called twice."""
        if self._thread.running:
            return
        self._thread.start()
        await self._on_thread(self._connect)

    async def close(self) -> None:
        """Disconnects after what is under way; harmless when called twice."""
        if self._thread.running:
            await self._on_thread(self._disconnect)
        self._thread.stop()

    async def run(self, work: Callable[Concatenate[sqlite3.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs ``work(connection, …)`` outside a transaction: for a single statement, which is one by itself."""

        def call() -> T:
            return work(self._both()[0], *args, **kwargs)

        return await self._on_thread(call)

    async def transact(self, work: Callable[Concatenate[sqlite3.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs ``work(connection, …)`` in a transaction; an error takes everything back."""

        def call() -> T:
            raw, _ = self._both()
            raw.execute(self._begin)
            try:
                result = work(raw, *args, **kwargs)
                raw.execute("COMMIT")
            except BaseException:
                # Some errors (a full disk) have ended the transaction already.
                if raw.in_transaction:
                    raw.execute("ROLLBACK")
                raise
            return result

        return await self._on_thread(call)

    async def core(self, work: Callable[Concatenate[sa.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs ``work(connection, …)`` in a transaction, with SQLAlchemy Core: for what is not hot, in every engine's words."""

        def call() -> T:
            _, core = self._both()
            with core.begin():
                return work(core, *args, **kwargs)

        return await self._on_thread(call)

    async def _on_thread(self, call: Callable[[], T]) -> T:
        try:
            return await self._thread.run(call)
        except (sqlite3.Error, sa.exc.DBAPIError) as error:
            translated = translate(error)
            if translated is None:
                raise
            raise translated from error

    def _both(self) -> tuple[sqlite3.Connection, sa.Connection]:
        if self._connected is None:
            raise ProcessError("the database is not open")
        return self._connected

    def _connect(self) -> None:
        raw = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256)
        # NORMAL: in WAL mode a power cut may lose the last commits but never damages the file. What is lost is a receipt, whose item is
        # then uploaded once more to the same path, where the same bytes are found: one idempotent repeat, against an fsync per batch.
        raw.execute("PRAGMA synchronous = NORMAL")
        raw.execute("PRAGMA foreign_keys = ON")
        raw.execute("PRAGMA temp_store = MEMORY")
        raw.execute(f"PRAGMA cache_size = -{self._cache_kib}")
        raw.execute("PRAGMA wal_autocheckpoint = 4000")  # pages: 16 MiB, so that a page that changes often is copied back once
        raw.execute("PRAGMA journal_size_limit = 67108864")
        if not self._writes:
            raw.execute("PRAGMA query_only = ON")
        engine = sa.create_engine("sqlite://", creator=lambda: raw, poolclass=sa.StaticPool)
        sa.event.listen(engine, "begin", lambda core: core.exec_driver_sql(self._begin))
        self._connected = (raw, engine.connect())

    def _disconnect(self) -> None:
        if self._connected is not None:
            raw, core = self._connected
            self._connected = None
            core.close()
            core.engine.dispose()
            raw.close()
