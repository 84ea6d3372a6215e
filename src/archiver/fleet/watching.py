"""Collecting: every source of the customers that this process serves is looked at when it is due.

A source that rests costs no task: its iterator stands still, and one task wakes for whichever is due next, or has news. So many looks at
a time take a place; one that takes long, or has passed over everything and does not rest, waits for its provider: others have its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import Callable
from functools import partial

from archiver.fleet.due import Due
from archiver.model import Connection, Customer, Millis
from archiver.pipeline.assembly import Assembly
from archiver.pipeline.watch import Watch
from genstage.clock import Clock

__all__ = ["Watching"]

_PLACES = 256
_PLACE_SECONDS = 1.0

_Key = tuple[int, int, Millis]
"""A source, the epoch under which its customer is held, and since when the source is in its state."""


class _Watched:
    """One source: at rest, or being looked at.

    Attributes:
        watch: What is looked at.
        task: The look that is under way.
        told: There was news during it.
        left: It is not to be looked at any more.
    """

    __slots__ = ("left", "task", "told", "watch")

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.task: asyncio.Task[float | None] | None = None
        self.told = False
        self.left = False


class Watching:
    """Begins and ends the collecting of sources as customers come, go, pause and resume, and looks at each when it is due.

    Args:
        assembly: Whose customers they are.
        clock: Time.

    Attributes:
        on_end: Told that of a customer nothing is collected any more.
    """

    def __init__(self, assembly: Assembly, clock: Clock) -> None:
        self._assembly = assembly
        self._clock = clock
        self.on_end: Callable[[], None] = lambda: None
        self._changed = asyncio.Event()
        self._sooner = asyncio.Event()
        self._watched: dict[_Key, tuple[Customer, _Watched | None]] = {}
        self._sources: dict[int, _Watched] = {}
        self._running: Counter[int] = Counter()
        self._due: Due[_Watched] = Due()
        self._places: dict[_Watched, float] = {}  # since when, the longest first
        self._parting: list[_Watched] = []
        assembly.lanes.on_change = self._look
        assembly.collector.on_news = self._news

    def busy(self, customer_id: int) -> bool:
        """Whether something of the customer is watched, or has not been let go of yet."""
        return customer_id in self._running

    async def run(self) -> None:
        """Collects until cancelled."""
        try:
            async with asyncio.TaskGroup() as looks:
                looks.create_task(self._turns(looks))
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
                            self._begin(key, customer, source)
                    await self._changed.wait()
        finally:
            for key in list(self._watched):
                self._end(key)
            await self._part()

    def _look(self) -> None:
        """Something has changed. Whoever is not served any more is left at once: the database may be away, and need not be asked."""
        for key, (customer, _) in list(self._watched.items()):
            if not self._assembly.holding.serves(customer):
                self._end(key)
        self._changed.set()

    def _begin(self, key: _Key, customer: Customer, source: Connection) -> None:
        if not self._assembly.holding.serves(customer):
            return  # it went while the database was asked
        watch = self._assembly.collector.begin(customer, source)
        if watch is None:
            self._watched[key] = customer, None
            return
        one = self._sources[source.id] = _Watched(watch)
        watch.on_passed = partial(self._give_place, one)
        self._watched[key] = customer, one
        self._running[customer.id] += 1
        self._at(-math.inf, one)

    def _end(self, key: _Key) -> None:
        _, one = self._watched.pop(key)
        if one is None or one.left:
            return
        self._leave(one)
        if one.task is not None:
            one.task.cancel()
        else:
            self._due.forget(one)
            self._part_from(one)

    # -- turns ----------------------------------------------------------------------------------------------------------------------

    async def _turns(self, looks: asyncio.TaskGroup) -> None:
        """Looks at what is due, as there are places."""
        while True:
            self._sooner.clear()
            await self._part()
            now = self._clock.time()
            self._give_places(now)
            while len(self._places) < _PLACES and (one := self._due.take(now)) is not None:
                self._places[one] = now
                one.told = False
                one.task = looks.create_task(self._assembly.collector.look(one.watch))
                one.task.add_done_callback(partial(self._looked, one))
            full = len(self._places) >= _PLACES
            wake_at = next(iter(self._places.values())) + _PLACE_SECONDS if full else self._due.next
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if wake_at is None else max(0.0, wake_at - now)):
                    await self._sooner.wait()

    def _give_places(self, now: float) -> None:
        """Whoever has been looked at for long waits for its provider: its place is free."""
        while self._places and (first := next(iter(self._places.items())))[1] <= now - _PLACE_SECONDS:
            del self._places[first[0]]

    def _give_place(self, one: _Watched) -> None:
        if self._places.pop(one, None) is not None:
            self._sooner.set()

    def _looked(self, one: _Watched, task: asyncio.Task[float | None]) -> None:
        """A look has ended."""
        self._places.pop(one, None)
        one.task = None
        rest = None if task.cancelled() or task.exception() is not None else task.result()
        if one.left or rest is None:
            self._leave(one)
            self._part_from(one)
        else:
            self._at(self._clock.time() + (0.0 if one.told else rest), one)

    def _news(self, source_id: int) -> None:
        one = self._sources.get(source_id)
        if one is None or one.watch.failures:  # who could not be read is tried again when it is time
            return
        if one.task is not None:
            one.told = True
        else:
            self._at(-math.inf, one)

    def _at(self, when: float, one: _Watched) -> None:
        if when < math.inf:
            self._due.at(when, one)
        self._sooner.set()

    def _leave(self, one: _Watched) -> None:
        """It is not looked at again, whatever it hears."""
        one.left = True
        if self._sources.get(one.watch.source.id) is one:
            del self._sources[one.watch.source.id]

    def _part_from(self, one: _Watched) -> None:
        self._parting.append(one)
        self._sooner.set()

    async def _part(self) -> None:
        """Lets go of the iterators that are not asked any more."""
        while self._parting:
            one = self._parting.pop()
            await one.watch.close()
            customer_id = one.watch.customer.id
            self._running[customer_id] -= 1
            if not self._running[customer_id]:
                del self._running[customer_id]
                self.on_end()
