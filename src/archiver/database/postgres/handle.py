"""One connection to PostgreSQL and the one thread that may use it; it connects again by itself.

A transaction is **one** function that runs on the thread from BEGIN to COMMIT; the hot ones send all their statements at once and then
wait once. A caller that is cancelled leaves a transaction either whole or not begun.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg
import sqlalchemy as sa

from archiver.database.engine.thread import WorkThread
from archiver.database.postgres.address import Address
from archiver.database.postgres.errors import is_lost, is_worth_another_try, refused, translate

__all__ = ["HANG_SECONDS", "Handle", "Raw", "at_once", "break_off"]

HANG_SECONDS = 60.0
"""A call that takes longer has no connection any more, whatever the operating system believes."""


# It warns of connections that are gone, of which our errors tell.
logging.getLogger("psycopg").setLevel(logging.ERROR)

T = TypeVar("T")
P = ParamSpec("P")
Raw = psycopg.Connection[Any]

_CLOSE_SECONDS = 5.0
_TRIES = 5  # of a transaction that was taken back for another's sake

# Compiling a plan takes longer than any of ours runs. A process that was stopped in the middle of a transaction must not keep others
# waiting for its locks, and a lock that is held for ten seconds is held by somebody who is stuck.
_SESSION = "SET jit = off; SET idle_in_transaction_session_timeout = '15s'; SET lock_timeout = '10s'"

# The hot statements find everything by its key, so one plan is right for any number of rows; a new one for each batch costs more than it
# gains, and one that is made for a thousand rows reads whole tables. But a plan that is made while the tables are empty reads whole tables,
# too, until somebody analyses them: so the one plan is made when they have grown.
_GROWING = "SET plan_cache_mode = force_custom_plan"
_GROWN = "SET plan_cache_mode = force_generic_plan"
_IS_GROWN = "SELECT pg_relation_size(to_regclass('deliveries')) >= 4194304"
_GROWING_SECONDS = 1.0  # between two looks at whether they have


@contextlib.contextmanager
def at_once(raw: Raw) -> Iterator[psycopg.Pipeline]:
    """A transaction whose statements are sent together: one journey to the server and back, however many they are.

    Their answers can be read when it is over, or after a `sync` of what is yielded, which is a journey more.
    """
    # Not with the driver's own `transaction`, which waits for the answer to BEGIN.
    try:
        with raw.pipeline() as pipeline:
            raw.execute("BEGIN")
            yield pipeline
            raw.execute("COMMIT")
    except BaseException:
        if not raw.closed:
            raw.rollback()
        raise


def break_off(raw: Raw) -> None:
    """Ends a connection under whoever waits for an answer, who then has lost it. May be called from any thread."""
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(raw.fileno())) as cut:
        cut.shutdown(socket.SHUT_RDWR)


class Handle:
    """A connection with its thread; made closed.

    Args:
        address: Where to connect.
        name: For the thread's name.
        hot: Whether its statements are always the same few.
        monotonic: Seconds.
    """

    def __init__(self, address: Address, name: str, *, hot: bool, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._address = address
        self._hot = hot
        self._monotonic = monotonic
        self._growing = False  # while it is hot, and a plan for ever would be too early
        self._next_look = 0.0
        self._thread = WorkThread(f"archiver-database-{name}")
        self._raw: Raw | None = None
        self._core: sa.Connection | None = None
        self._busy_since: float | None = None  # by the monotonic clock, while a call runs
        self._calls = 0
        self._watch: asyncio.TimerHandle | None = None  # while there are calls

    async def open(self) -> None:
        """Starts the thread and connects; harmless when called twice.

        Raises:
            ConfigError: It never will.
            DatabaseUnavailableError: It cannot now.
        """
        if not self._thread.running:
            self._thread.start()
            await self._on_thread(lambda: self._try(self._connected))

    async def close(self) -> None:
        """Disconnects after what is under way, or in the middle of it if that takes long; harmless when called twice."""
        if self._thread.running:
            patience = asyncio.get_running_loop().call_later(_CLOSE_SECONDS, self._break_off)
            await self._thread.run(self._disconnect)
            patience.cancel()
        self._thread.stop()

    async def run(self, work: Callable[Concatenate[Raw, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs ``work(connection, …)``: one statement, or one transaction that it makes itself (`at_once`)."""
        return await self._on_thread(lambda: self._try(lambda: work(self._connected(), *args, **kwargs)))

    async def core(self, work: Callable[Concatenate[sa.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs ``work(connection, …)`` in a transaction, with SQLAlchemy Core: for what is not hot, in every engine's words."""
        return await self._on_thread(lambda: self._try(lambda: self._transact(work, *args, **kwargs)))

    async def unhurried(self, work: Callable[Concatenate[sa.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """As `core`, for what may take however long."""
        return await self._thread.run(lambda: self._try(lambda: self._transact(work, *args, **kwargs)))

    async def _on_thread(self, call: Callable[[], T]) -> T:
        """Runs a call on the thread; one that hangs is broken off."""
        self._calls += 1
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(HANG_SECONDS, self._look_after)
        try:
            return await self._thread.run(call)
        finally:
            self._calls -= 1
            if not self._calls and self._watch is not None:
                self._watch.cancel()
                self._watch = None

    def _look_after(self) -> None:
        if self._busy_since is not None and self._monotonic() - self._busy_since >= HANG_SECONDS:
            self._break_off()
        self._watch = asyncio.get_running_loop().call_later(HANG_SECONDS / 4, self._look_after)

    def _transact(self, work: Callable[Concatenate[sa.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        core = self._dressed(self._connected())
        with core.begin():
            return work(core, *args, **kwargs)

    def _break_off(self) -> None:
        """Ends the connection under a call that hangs, which then fails as one that was lost."""
        if self._raw is not None:
            break_off(self._raw)

    def _try(self, call: Callable[[], T]) -> T:
        self._busy_since = self._monotonic()
        try:
            for left in reversed(range(_TRIES)):
                try:
                    return call()
                except (psycopg.Error, sa.exc.DBAPIError) as error:
                    if is_worth_another_try(error) and left:
                        continue
                    if is_lost(error):
                        self._disconnect()
                    translated = translate(error)
                    if translated is None:
                        raise
                    raise translated from error
            raise AssertionError("the last try raises")
        finally:
            self._busy_since = None

    def _connected(self) -> Raw:
        if self._raw is None:
            try:
                self._raw = self._address.connect()
            except psycopg.OperationalError as error:
                raise refused(error) from None
            self._raw.execute(f"{_SESSION}; {_GROWING}" if self._hot else _SESSION)
            self._growing, self._next_look = self._hot, 0.0
        if self._growing and self._monotonic() >= self._next_look:
            self._look_whether_grown(self._raw)
        return self._raw

    def _look_whether_grown(self, raw: Raw) -> None:
        self._next_look = self._monotonic() + _GROWING_SECONDS
        if raw.execute(_IS_GROWN).fetchone() == (True,):
            raw.execute(_GROWN)
            self._growing = False

    def _dressed(self, raw: Raw) -> sa.Connection:
        """The connection as SQLAlchemy's; made when it is first wanted."""
        if self._core is None:
            # Nothing is reset when it is given up: that would only complain of a connection which is gone.
            engine = sa.create_engine("postgresql+psycopg://", creator=lambda: raw, poolclass=sa.StaticPool, pool_reset_on_return=None)
            # The connection is in autocommit mode, for `run`; so the transaction is begun by its name.
            sa.event.listen(engine, "begin", lambda core: core.exec_driver_sql("BEGIN"))
            self._core = engine.connect()
        return self._core

    def _disconnect(self) -> None:
        raw, core, self._raw, self._core = self._raw, self._core, None, None
        if core is not None:
            with contextlib.suppress(psycopg.Error, sa.exc.DBAPIError):
                core.close()
            with contextlib.suppress(psycopg.Error, sa.exc.DBAPIError):
                core.engine.dispose()
        if raw is not None:
            raw.close()
