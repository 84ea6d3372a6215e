"""The loop of a producer: calls ``handle_demand`` while demand is owed, and never forgets what is still owed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from inspect import isawaitable
from types import CoroutineType
from typing import Any

from genstage.outlet import Outlet
from genstage.workers import Spawn

__all__ = ["Feed"]


class Feed:
    """Feeds an outlet from a handler.

    The handler is told all outstanding demand, and called again

    * at once, when it returned something and demand remains,
    * when new demand arrives, when `stir` is called, or after ``poll_interval``, when it returned nothing.

    What arrives while it runs counts as having arrived after it returned.

    Args:
        handle: The stage's ``handle_demand``.
        poll_interval: In seconds; None: time alone never calls again.
    """

    outlet: Outlet
    """Where events go; set before `start`."""

    def __init__(self, handle: Callable[[Any], Any], poll_interval: float | None) -> None:
        self.busy = False
        """The handler is running."""
        self._handle = handle
        self._poll_interval = poll_interval
        self._closed = False
        self._stirred = False
        self._sleeper: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, spawn: Spawn) -> None:
        """Starts the loop's task."""
        self._task = spawn(self._run())
        if self._task is not None:
            self._task.add_done_callback(lambda _: self.outlet.end())

    def stir(self) -> None:
        """There may be something now, or somebody may want more."""
        self._stirred = True
        if self._sleeper is not None:
            self._wake()

    def close(self) -> None:
        """The stream ends here: no further call; one that runs is cancelled, but if it answers all the same its answer counts."""
        self._closed = True
        self._wake()
        if self.busy and self._task is not None:
            self._task.cancel()

    async def gone(self) -> None:
        """Returns when the loop has ended."""
        if self._task is not None:
            await asyncio.wait((self._task,))

    def runs_in(self, task: asyncio.Task[Any] | None) -> bool:
        """Whether a task is the loop's."""
        return task is not None and task is self._task

    async def _run(self) -> None:
        outlet = self.outlet
        dispatcher = outlet.dispatcher
        while not self._closed:
            if not dispatcher.wanted:
                await self._sleep(None)
                continue
            self._stirred = False
            self.busy = True
            try:
                answer = self._handle(dispatcher.tell())
                if type(answer) is not list and (type(answer) is CoroutineType or isawaitable(answer)):
                    answer = await answer
            finally:
                self.busy = False
            if answer is None:
                break
            if not outlet.emit(answer, bounded=True) and not self._stirred and not self._closed:
                await self._sleep(self._poll_interval)

    async def _sleep(self, seconds: float | None) -> None:
        loop = asyncio.get_running_loop()
        self._sleeper = loop.create_future()
        timer = None if seconds is None else loop.call_later(seconds, self._wake)
        try:
            await self._sleeper
        finally:
            self._sleeper = None
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)
