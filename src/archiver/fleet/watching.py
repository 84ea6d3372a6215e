"""Collectors: one runs for every source of the customers that this process serves."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from archiver.model import Connection, Customer, Millis
from archiver.pipeline.assembly import Assembly

__all__ = ["Watching"]

_Key = tuple[int, int, Millis]
"""A source, the epoch under which its customer is held, and since when the source is in its state."""


class Watching:
    """Begins and ends collectors as customers come, go, pause and resume.

    Args:
        assembly: Whose customers they are.

    Attributes:
        on_end: Told that the last collector of a customer has ended.
    """

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self.on_end: Callable[[], None] = lambda: None
        self._changed = asyncio.Event()
        self._watched: dict[_Key, tuple[Customer, asyncio.Task[None]]] = {}
        self._running: Counter[int] = Counter()
        assembly.lanes.on_change = self._look

    def busy(self, customer_id: int) -> bool:
        """Whether a collector of the customer runs, or has been cancelled and not ended yet."""
        return customer_id in self._running

    async def run(self) -> None:
        """Runs collectors until cancelled."""
        async with asyncio.TaskGroup() as collectors:
            while True:
                self._changed.clear()
                wanted = {
                    (source.id, customer.epoch, source.state_since): (customer, source)
                    for customer, source in await self._assembly.sources()
                }
                for key in [key for key in self._watched if key not in wanted]:
                    self._end(key)
                for key, (customer, source) in wanted.items():
                    if key not in self._watched:
                        self._begin(collectors, key, customer, source)
                await self._changed.wait()

    def _look(self) -> None:
        """Something has changed. Whoever is not served any more is left at once: the database may be away, and need not be asked."""
        for key, (customer, _) in list(self._watched.items()):
            if not self._assembly.holding.serves(customer):
                self._end(key)
        self._changed.set()

    def _begin(self, collectors: asyncio.TaskGroup, key: _Key, customer: Customer, source: Connection) -> None:
        if not self._assembly.holding.serves(customer):
            return  # it went while the database was asked
        task = collectors.create_task(self._assembly.collector.watch(customer, source))
        self._watched[key] = (customer, task)
        self._running[customer.id] += 1
        task.add_done_callback(lambda _: self._ended(customer.id))

    def _end(self, key: _Key) -> None:
        _, task = self._watched.pop(key)
        task.cancel()

    def _ended(self, customer_id: int) -> None:
        self._running[customer_id] -= 1
        if not self._running[customer_id]:
            del self._running[customer_id]
            self.on_end()
