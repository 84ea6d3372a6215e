"""The fleet of one: this process owns every customer, and the lock on the database says so."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence

from archiver.fleet.serving import serving
from archiver.fleet.watching import Watching
from archiver.pipeline.assembly import Assembly
from genstage.clock import Clock

__all__ = ["LocalFleet"]

_EMPTY_SECONDS = 0.1  # how often it is looked whether anything is left to do


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
        async with serving(assembly) as services:
            tasks = [services.create_task(service) for service in (*assembly.services(), *beside)]
            watching = services.create_task(Watching(assembly).run())
            emptying = services.create_task(self._until_empty(assembly, stop)) if until_empty else None
            await stop.wait()
            watching.cancel()
            ended = await assembly.drain(drain_seconds)
            for task in [*tasks, emptying]:
                if task is not None:
                    task.cancel()
        return ended

    async def _until_empty(self, assembly: Assembly, stop: asyncio.Event) -> None:
        while not await assembly.is_empty():
            await self._clock.sleep(_EMPTY_SECONDS)
        stop.set()
