"""The hooks ``start`` and ``stop`` of a stage: before its first event, after its last, and around a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from inspect import isawaitable
from typing import Any, Protocol

from genstage.post import Post

__all__ = ["Life", "Living"]


class Living(Protocol):
    """A stage, as its life sees it."""

    def start(self) -> Any:
        """The user's hook."""
        ...

    def stop(self, error: BaseException | None) -> Any:
        """The user's hook."""
        ...

    def hold_parts(self) -> None:
        """Begin nothing."""
        ...

    def release_parts(self) -> None:
        """Go on."""
        ...

    async def quiet_parts(self) -> None:
        """Returns when no handler runs; after `hold_parts`."""
        ...

    def tasks(self) -> set[asyncio.Task[None]]:
        """What the stage has running."""
        ...


class Life:
    """Runs the hooks of one stage, in a task of its own. Only stages that define one of them have one.

    Args:
        stage: Its parts are held when it is made, and released when ``start`` has ended.
        post: The stage's.
        done: Called when ``stop`` has ended.
    """

    def __init__(self, stage: Living, post: Post, done: Callable[[], None]) -> None:
        self._stage = stage
        self._post = post
        self._done = done
        self._over = False
        self._error: BaseException | None = None
        self._news: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """The stage has been started."""
        self._task = self._post.spawn(self._run())

    def restart(self, error: BaseException) -> None:
        """A handler has failed, and the stage goes on: when running handlers have ended, ``stop`` and ``start`` are called."""
        self._stage.hold_parts()
        self._error = error
        self._tell()

    def end(self) -> None:
        """The stage has nothing more to do."""
        self._over = True
        self._tell()

    def abort(self) -> bool:
        """Cancels a hook that runs; returns whether there was one."""
        if self._task is None or self._task.done() or self._news is not None:
            return False
        self._task.cancel()
        return True

    def runs_in(self, task: asyncio.Task[Any] | None) -> bool:
        """Whether a task is this life's."""
        return task is not None and task is self._task

    async def gone(self) -> None:
        """Returns when ``stop`` has ended."""
        if self._task is not None:
            await asyncio.wait((self._task,))

    async def _run(self) -> None:
        try:
            while not self._over:
                self._error = None
                if await self._started():
                    await self._lived()
                    await _ended(lambda: self._stage.stop(self._error))
        finally:
            self._done()

    async def _started(self) -> bool:
        try:
            await _ended(self._stage.start)
        except Exception as error:
            if not self._post.warden.survives(error):
                raise
            return False
        self._stage.release_parts()
        return True

    async def _lived(self) -> None:
        """Returns when the stage has ended or is to be restarted; calls ``stop`` if it is cancelled."""
        try:
            while not self._over and self._error is None:
                self._news = asyncio.get_running_loop().create_future()
                await self._news
            self._news = None
            if not self._over:
                await self._stage.quiet_parts()
        except asyncio.CancelledError:
            if tasks := self._stage.tasks():
                await asyncio.wait(tasks)
            await _ended(lambda: self._stage.stop(None))
            raise

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)


async def _ended(hook: Callable[[], Any]) -> None:
    """Calls a hook, sync or async."""
    answer = hook()
    if isawaitable(answer):
        await answer
