"""The fleet of one: this process owns every customer, and the lock on the database says so."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence

from archiver.model import Connection, Customer
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
        try:
            async with assembly.running(), asyncio.TaskGroup() as services:
                tasks = [services.create_task(service) for service in (*assembly.services(), *beside)]
                watching = services.create_task(self._watch(assembly))
                emptying = services.create_task(self._until_empty(assembly, stop)) if until_empty else None
                await stop.wait()
                watching.cancel()
                ended = await assembly.drain(drain_seconds)
                for task in [*tasks, emptying]:
                    if task is not None:
                        task.cancel()
        except BaseExceptionGroup as group:
            # One failure of process scope is the usual case, and reads better alone.
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from None
            raise
        else:
            return ended
        finally:
            await assembly.close()

    async def _watch(self, assembly: Assembly) -> None:
        """Runs a collector for every source; begins and ends some as customers come, go, pause and resume."""
        changed = asyncio.Event()
        assembly.lanes.on_change = changed.set
        watched: dict[int, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as sources:
            while True:
                changed.clear()
                wanted: dict[int, tuple[Customer, Connection]] = {
                    source.id: (customer, source) for customer, source in await assembly.sources()
                }
                for source_id in watched.keys() - wanted.keys():
                    watched.pop(source_id).cancel()
                for source_id in wanted.keys() - watched.keys():
                    watched[source_id] = sources.create_task(assembly.collector.watch(*wanted[source_id]))
                await changed.wait()

    async def _until_empty(self, assembly: Assembly, stop: asyncio.Event) -> None:
        while not await assembly.is_empty():
            await self._clock.sleep(_EMPTY_SECONDS)
        stop.set()
