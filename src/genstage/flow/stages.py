"""The stages that a flow is made of: thin loops around pure steps, and calls of asynchronous functions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from genstage.dispatchers import DemandDispatcher, Dispatcher
from genstage.flow.steps import Chain
from genstage.stage import ProducerConsumer

__all__ = ["AsyncStage", "ChainStage", "OrderedAsyncStage", "ThrottleStage"]


class ChainStage(ProducerConsumer[Any, Any]):
    """Runs a chain of steps.

    Args:
        chain: Of this stage alone.
        timed: The chain may have a `due`.
        dispatcher: Who gets the results; whoever asked for most if not given.
    """

    def __init__(self, chain: Chain, *, timed: bool, dispatcher: Dispatcher | None = None) -> None:
        self.chain = chain
        self._timed = timed
        self._dispatcher = DemandDispatcher() if dispatcher is None else dispatcher
        self._over = False
        self._known: float | None = None  # the moment for which the ticker has set its alarm
        self._alarm: asyncio.Future[None] | None = None
        self._ticker: asyncio.Task[None] | None = None

    def handle_events(self, events: list[Any]) -> list[Any]:
        """What the chain gives for them."""
        now = asyncio.get_running_loop().time() if self._timed else 0.0
        results = self.chain.apply(events, now)
        if self._timed and self.chain.due != self._known:
            self._ring()
        if self.chain.satisfied:
            self.inlet.halt()  # what waits is not needed any more
        return results

    def handle_end(self) -> list[Any]:
        """What the chain has left."""
        self._over = True
        self._ring()
        return self.chain.end()

    def begin(self) -> None:
        """For the pipeline: starts the task that waits for the chain's time, if it may have one."""
        super().begin()
        if self._timed and self._post is not None:
            self._ticker = self._post.spawn(self._tick())

    def abort(self) -> bool:
        """For the pipeline: as the parent's; the waiting task goes too."""
        self._over = True
        self._ring()
        return super().abort()

    def _ring(self) -> None:
        if self._alarm is not None and not self._alarm.done():
            self._alarm.set_result(None)

    async def _tick(self) -> None:
        """Closes windows in time. A task and not a timer's callback, so that a failing step comes out of the pipeline."""
        loop = asyncio.get_running_loop()
        while not self._over:
            self._known = due = self.chain.due
            self._alarm = loop.create_future()
            timer = None if due is None else loop.call_at(due, self._ring)
            try:
                await self._alarm
            finally:
                if timer is not None:
                    timer.cancel()
            if due is not None and due == self.chain.due and loop.time() >= due - _RESOLUTION and not self._over:
                self._emit(self.chain.expire(due))


class AsyncStage(ProducerConsumer[Any, Any]):
    """Calls an asynchronous function for each event, as many at once as it has workers; results come as they are ready."""

    def __init__(self, function: Callable[[Any], Awaitable[Any]]) -> None:
        self._function = function

    async def handle_event(self, event: Any) -> list[Any]:
        """The result."""
        return [await self._function(event)]


class OrderedAsyncStage(ProducerConsumer[Any, Any]):
    """As `AsyncStage`, but results come in the order of the events.

    A call that is ready before its predecessor waits with its result and keeps its worker, so no more than the workers' results
    are ever held.
    """

    def __init__(self, function: Callable[[Any], Awaitable[Any]]) -> None:
        self._function = function
        self._last_turn: asyncio.Future[None] | None = None

    def handle_event(self, event: Any) -> Awaitable[list[Any]]:
        """The result, when it is its turn. The turn is taken at the call: calls are made in the events' order."""
        before, self._last_turn = self._last_turn, asyncio.get_running_loop().create_future()
        return self._in_turn(event, before, self._last_turn)

    async def _in_turn(self, event: Any, before: asyncio.Future[None] | None, turn: asyncio.Future[None]) -> list[Any]:
        result = await self._function(event)
        if before is not None and not before.done():
            await before
        turn.set_result(None)  # whoever waits for it goes on only after this result was given out
        return [result]


class ThrottleStage(ProducerConsumer[Any, Any]):
    """Lets so many events a second pass.

    Args:
        rate: Events a second.
    """

    def __init__(self, rate: float) -> None:
        self._interval = 1.0 / rate
        self._free = 0.0  # when the next list may pass

    async def handle_events(self, events: list[Any]) -> list[Any]:
        """The same events, when they may pass."""
        now = asyncio.get_running_loop().time()
        start = max(now, self._free)
        self._free = start + len(events) * self._interval
        if start > now:
            await asyncio.sleep(start - now)
        return events


_RESOLUTION = 1e-3
"""Seconds by which a timer may ring too early by the loop's own clock."""
