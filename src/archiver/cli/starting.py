"""The start of a server whose database is not there yet, as after a reboot: it waits, says so once, and is not ready meanwhile.

In: settings. Out: an open Archiver. What waiting cannot mend, such as a wrong password, is an error at once.
"""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

import structlog

from archiver.app import Archiver, Snapshot
from archiver.cli.version import installed_version
from archiver.errors import DatabaseUnavailableError
from archiver.observe import log
from archiver.observe.gauges import Gauges
from archiver.observe.metrics import Metrics
from archiver.observe.pulse import Pulse
from archiver.observe.server import Watched, answering
from archiver.observe.supervisor import Supervisor
from archiver.settings import Settings
from genstage.clock import Clock, SystemClock

__all__ = ["rare_collections", "serving"]

_FIRST_SECONDS = 1.0
_OLD_COLLECTIONS = 100  # of the middle generation, before one of the oldest; Python has 10
_LONGEST_SECONDS = 15.0
_EXTENSION_SECONDS = 60  # beyond the longest rest and a connection that hangs for its time


@asynccontextmanager
async def serving(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Archiver]:
    """An Archiver that serves its database, open within it.

    Args:
        settings: Where things are, and for how long the database may be away.
        clock: Time; the machine's by default.

    Raises:
        DatabaseUnavailableError: It was away for all of the setting ``database_wait_seconds``.
        ConfigError: It never will be open to us.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(rare_collections())
        yield await _opened(settings, stack, clock or SystemClock())


@contextmanager
def rare_collections() -> Iterator[None]:
    """Looks through all of memory for garbage ten times more rarely than Python does by itself.

    A server holds much that lives long (a thousand sources at rest are some hundred thousand objects) and makes little garbage that only
    such a look finds: with a thousand idle phone systems it was a fifth of all that the process did.
    """
    before = gc.get_threshold()
    gc.set_threshold(before[0], before[1], _OLD_COLLECTIONS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


async def _opened(settings: Settings, stack: AsyncExitStack, clock: Clock) -> Archiver:
    try:
        return await stack.enter_async_context(Archiver.open(settings, serve=True))
    except DatabaseUnavailableError as error:
        if not settings.database_wait_seconds:
            raise
        reason = error.message
    began = clock.time()
    log.configure(settings.log_level, settings.log_format)
    logger = structlog.get_logger("archiver")
    supervisor = Supervisor(os.environ, lambda: True, clock)
    async with _unready(settings, clock) as address:
        logger.warning("WaitingForDatabase", reason=reason, seconds=settings.database_wait_seconds, metrics=address)
        archiver = await _patiently(settings, stack, clock, supervisor)
    logger.info("DatabaseAnswers", seconds=round(clock.time() - began, 1))
    return archiver


async def _patiently(settings: Settings, stack: AsyncExitStack, clock: Clock, supervisor: Supervisor) -> Archiver:
    """Tries again and again, more and more rarely; the last failure is told."""
    deadline = clock.time() + settings.database_wait_seconds
    rest = _FIRST_SECONDS
    while True:
        # Whoever started us would take a start that takes long for one that failed.
        supervisor.tell(f"EXTEND_TIMEOUT_USEC={_EXTENSION_SECONDS * 1_000_000}\nSTATUS=Waiting for the database")
        left = deadline - clock.time()
        await clock.sleep(max(0.0, min(rest, left)))
        rest = min(rest * 2, _LONGEST_SECONDS)
        try:
            return await stack.enter_async_context(Archiver.open(settings, serve=True))
        except DatabaseUnavailableError:
            if clock.time() >= deadline:
                raise


@asynccontextmanager
async def _unready(settings: Settings, clock: Clock) -> AsyncIterator[str]:
    """Within it probes are answered at the address that it gives, if there is to be one: it lives, and is not ready."""
    if not settings.metrics:
        yield ""
        return
    gauges = Gauges(settings.home)
    pulse = Pulse(clock, lambda: 0)
    watched = Watched(_no_answer, pulse, draining=lambda: False, metrics=Metrics(installed_version(), [gauges]), gauges=gauges)
    async with answering(settings.metrics, watched) as address:
        yield address


async def _no_answer() -> Snapshot:
    raise TimeoutError
