"""The fleet of one: this process owns every customer, and the lock on the database says so."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import uuid
from collections.abc import Coroutine, Sequence

from archiver.database.port import Worker
from archiver.errors import DatabaseUnavailableError
from archiver.fleet.serving import serving
from archiver.fleet.watching import Watching
from archiver.pipeline.assembly import Assembly
from genstage.clock import Clock

__all__ = ["LocalFleet"]

_log = logging.getLogger(__name__)

_EMPTY_SECONDS = 0.1  # how often it is looked whether anything is left to do
_LEAVE_SECONDS = 5.0  # for the last word


class LocalFleet:
    """Serves all customers of a database that this process serves (``Database.serve``).

    Args:
        clock: Time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def run(
        self,
        assembly: Assembly,
        stop: asyncio.Event,
        *,
        drain_seconds: float,
        until_empty: bool = False,
        beside: Sequence[Coroutine[None, None, None]] = (),
    ) -> bool:
        """Serves until ``stop`` is set, then drains; see ``archiver.fleet.port``."""
        worker = Worker(id=uuid.uuid4().hex, host=socket.gethostname(), pid=os.getpid())
        async with serving(assembly) as services:
            await assembly.enter(worker, ttl=0)
            tasks = [services.create_task(service) for service in (*assembly.services(), *beside)]
            watching = services.create_task(Watching(assembly, self._clock).run())
            emptying = services.create_task(self._until_empty(assembly, stop)) if until_empty else None
            await stop.wait()
            watching.cancel()
            ended = await assembly.drain(drain_seconds)
            for task in [*tasks, emptying]:
                if task is not None:
                    task.cancel()
            # Not after a failure: what was under way may be the cause of it, and whoever comes next must be careful.
            await self._leave(assembly, worker)
        return ended

    async def _leave(self, assembly: Assembly, worker: Worker) -> None:
        with contextlib.suppress(TimeoutError):
            try:
                async with asyncio.timeout(_LEAVE_SECONDS):
                    await assembly.leave(worker)
            except DatabaseUnavailableError as error:
                _log.warning("this process could not say that it leaves, so the next one will be careful for a while: %s", error.message)

    async def _until_empty(self, assembly: Assembly, stop: asyncio.Event) -> None:
        while not await assembly.is_empty():
            await self._clock.sleep(_EMPTY_SECONDS)
        stop.set()
