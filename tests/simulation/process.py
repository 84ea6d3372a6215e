"""One Archiver: the real fleet over the real assembly, that can be drained, killed at any moment, and frozen for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any

from archiver.database.sqlite import SqliteDatabase
from archiver.pipeline.assembly import Assembly
from simulation.cloud import Caller
from simulation.loop import PLACE, Task
from simulation.story import Story

__all__ = ["Process"]

_UNWINDINGS = 50


class Process(Caller):
    """A process; made not begun.

    Args:
        name: For the story.
        story: Told how it ends.

    Attributes:
        database: Its own connections.
        assembly: What it runs.
        stop: Set to drain it.
        drain_seconds: How long its uploads may take to end when it is told to stop.
        ended: What its fleet returned when it ended by itself.
    """

    def __init__(self, name: str, story: Story) -> None:
        super().__init__(name)
        self.database: SqliteDatabase
        self.assembly: Assembly
        self.stop = asyncio.Event()
        self.ended: bool | None = None
        self.drain_seconds = 0.0
        self._story = story
        self._task: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._task is not None and not self._task.done() and not self.dead

    def begin(self, main: Callable[[], Coroutine[Any, Any, bool]]) -> None:
        """Starts it."""
        context = copy_context()
        context.run(PLACE.set, self)
        self._story.tell("process", f"{self.name} begins")
        self._task = asyncio.get_running_loop().create_task(self._run(main), name=self.name, context=context)

    async def _run(self, main: Callable[[], Coroutine[Any, Any, bool]]) -> None:
        try:
            self.ended = await main()
        except asyncio.CancelledError:
            if not self.dead:
                self._story.break_promise("crash", f"{self.name} was cancelled by nobody")
            raise
        except BaseException as error:  # noqa: BLE001  the story ends with it
            if not self.dead:
                self._story.break_promise("crash", f"{self.name} ended with {_tell(error)}")
        finally:
            if not self.dead:
                await self.database.close()

    async def end(self) -> bool:
        """Drains it, and waits for its end. Whether everything that had begun ended by itself."""
        self._story.tell("process", f"{self.name} is told to stop")
        self.stop.set()
        if self._task is not None:
            await asyncio.wait([self._task])
        return bool(self.ended)

    async def kill(self) -> None:
        """Ends it at once: from here on nothing that it does has any effect."""
        self._story.tell("process", f"{self.name} is killed")
        self.dead = True
        await self.database.close()  # what the operating system does: connections and locks are gone
        if self.frozen:
            self.thaw()
        # What is left of it in this loop is taken apart; its database, clouds and sources no longer listen to it.
        for _ in range(_UNWINDINGS):
            tasks = [task for task in asyncio.all_tasks() if isinstance(task, Task) and task.place is self]
            if not tasks:
                return
            for task in sorted(tasks, key=hash):
                task.cancel()
            await asyncio.sleep(0)
        raise RuntimeError(f"{self.name} cannot be taken apart")


def _tell(error: BaseException) -> str:
    inner = error
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    return f"{type(inner).__name__}: {inner}"
