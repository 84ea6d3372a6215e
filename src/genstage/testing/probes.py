"""Consumers that keep what they receive, and consumers that hold it until they are told."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from genstage.stage import Consumer

__all__ = ["HeldProbe", "Probe"]


class Probe(Consumer[Any]):
    """Keeps what it receives. With ``demand="manual"`` the test asks: ``edge = probe.subscribe(…); edge.ask(2)``."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        """The lists, as they came."""
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    @property
    def received(self) -> list[Any]:
        """All events in the order of their arrival."""
        return [event for batch in self.batches for event in batch]

    def handle_events(self, events: list[Any]) -> None:
        """Keeps them."""
        self.batches.append(events)
        for count, future in self._waiting:
            if not future.done() and len(self.received) >= count:
                future.set_result(None)

    async def wait_for(self, count: int) -> list[Any]:
        """Returns the first so many events as soon as they are there. In virtual time this ends, if need be by a `DeadlockError`."""
        if len(self.received) < count:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((count, future))
            await future
        return self.received[:count]


class HeldProbe(Consumer[Any]):
    """Holds each event inside its handler until the test releases it: for whatever has to happen while events are in flight.

    Give it as many ``workers`` as it shall hold.
    """

    def __init__(self) -> None:
        self.released: list[Any] = []
        """The events whose handler has ended, in that order."""
        self._held: deque[tuple[Any, asyncio.Future[None]]] = deque()

    @property
    def held(self) -> list[Any]:
        """The events that are inside the handler, the oldest first."""
        return [event for event, future in self._held if not future.done()]

    async def handle_event(self, event: Any) -> None:
        """Waits until it is told."""
        place = (event, asyncio.get_running_loop().create_future())
        self._held.append(place)
        try:
            await place[1]
        finally:
            self._held.remove(place)
        self.released.append(event)

    def release(self, count: int | None = None) -> None:
        """Lets the oldest so many handlers end; all if no count is given."""
        futures = [future for _, future in self._held if not future.done()]
        for future in futures[:count]:
            future.set_result(None)

    def fail(self, error: Exception) -> None:
        """Lets the oldest handler raise."""
        next(future for _, future in self._held if not future.done()).set_exception(error)
