"""The loop of a producer: calls ``handle_demand`` while demand is owed, and never forgets what is still owed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from inspect import isawaitable, iscoroutinefunction
from types import CoroutineType
from typing import Any, Final

from genstage.outlet import Outlet
from genstage.post import Post
from genstage.supervision import is_cancelled
from genstage.turns import BUDGET

__all__ = ["ACCUMULATES", "STARTS", "Feed"]

STARTS: Final = 1
"""A reason to hold a feed: its stage has not begun, or is being restarted."""
ACCUMULATES: Final = 2
"""A reason to hold a feed: demand accumulates."""
_CLOSED: Final = 4  # a reason that nobody releases
_HAS_TASK: Final = 8  # no reason to hold the feed, but its handler is not called in turns


class Feed:
    """Feeds an outlet from a handler.

    The handler is told all outstanding demand, and called again

    * at once, when it returned something and demand remains,
    * when new demand arrives, when `stir` is called, or after ``poll_interval``, when it returned nothing.

    What arrives while it runs counts as having arrived after it returned.
    A synchronous handler is called in the turns of its pipeline, without a task; an asynchronous one by a task that lives with the stage.

    Args:
        post: The stage's.
        handle: The stage's ``handle_demand``.
        poll_interval: In seconds; None: time alone never calls again.
    """

    __slots__ = (
        "_call",
        "_handle",
        "_inline",
        "_poll_interval",
        "_post",
        "_queued",
        "_quiet",
        "_reasons",
        "_sleeper",
        "_stirred",
        "_task",
        "_timer",
        "_turns",
        "busy",
        "outlet",
    )

    outlet: Outlet  # where events go; set before `release`

    def __init__(self, post: Post, handle: Callable[[Any], Any], poll_interval: float | None) -> None:
        self.busy = False
        """The handler is running."""
        self._post = post
        self._turns = post.turns
        self._call = post.context.run
        self._handle = handle = handle if post.watch is None else post.watch.producing(handle)
        self._poll_interval = poll_interval
        self._reasons = STARTS
        self._stirred = False
        self._inline = not iscoroutinefunction(handle)
        if not self._inline:
            self._reasons |= _HAS_TASK
        self._queued = False
        self._timer: asyncio.TimerHandle | None = None
        self._sleeper: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._quiet: asyncio.Future[None] | None = None

    def hold(self, reason: int) -> None:
        """No further call until this reason is released."""
        self._reasons |= reason

    def release(self, reason: int) -> None:
        """One reason less to hold back."""
        self._reasons &= ~reason
        if self._reasons & ~_HAS_TASK:
            return
        if not self._inline and self._task is None:
            self._spawn(None)
        self.stir()

    def stir(self) -> None:
        """There may be something now, or somebody may want more."""
        self._stirred = True
        if self._inline:
            if not self._queued:
                self._queued = True
                turns = self._turns
                if turns.running:
                    turns.ready.append(self)
                else:
                    turns.put(self)
        elif self._sleeper is not None:
            self._wake()

    def close(self) -> None:
        """The stream ends here: no further call; one that runs is cancelled, but if it answers all the same its answer counts."""
        self._reasons |= _CLOSED
        self._wake()
        if self._task is None:
            if not self.busy:
                self._end()
        elif self.busy:
            self._task.cancel()

    async def quiet(self) -> None:
        """Returns when the handler does not run."""
        if self.busy:
            self._quiet = asyncio.get_running_loop().create_future()
            await self._quiet

    async def gone(self) -> None:
        """Returns when the loop has ended."""
        if self._task is not None:
            await asyncio.wait((self._task,))

    def tasks(self) -> set[asyncio.Task[None]]:
        """The loop's task, if there is one."""
        return set() if self._task is None else {self._task}

    def runs_in(self, task: asyncio.Task[Any] | None) -> bool:
        """Whether a task is the loop's."""
        return task is not None and task is self._task

    def turn(self) -> int:  # noqa: C901 - the hot path: every call would cost
        """Calls a synchronous handler once."""
        self._queued = False
        outlet = self.outlet
        dispatcher = outlet.dispatcher
        if not dispatcher.wanted or self._reasons:
            return 1
        if self._timer is not None:
            self._stop_polling()
        self._stirred = False
        self.busy = True
        found = 0
        try:
            answer = self._call(self._handle, dispatcher.tell())
            if type(answer) is list:
                self._turns.depth = 1
                found = outlet.emit(answer, bounded=True)
                self._turns.depth = 0
            elif answer is None:
                self._reasons |= _CLOSED
            elif isawaitable(answer):
                self._inline = False
                self._reasons |= _HAS_TASK
                self._spawn(answer)
                return 1
            else:
                found = outlet.emit(answer, bounded=True)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the warden decides; what it lets pass stops the pipeline
            self.busy = False
            self._turns.depth = 0
            self._stirred = self._post.warden.failed(error)
            if not self._stirred:
                self._reasons |= _CLOSED
        self.busy = False
        if self._reasons & _CLOSED:
            self._end()
        elif found or self._stirred:
            if dispatcher.wanted:
                self.stir()
        elif self._poll_interval is not None:
            self._poll(self._poll_interval)
        return 1

    def _spawn(self, answer: Any) -> None:
        """Goes on in a task.

        Args:
            answer: What the handler has returned and is still to be awaited, if anything.
        """
        self._task = self._post.spawn(self._run(answer), answer)
        if self._task is not None:
            self._task.add_done_callback(lambda _: self._end())

    async def _run(self, answer: Any) -> None:  # noqa: C901 - the hot path: every call would cost
        outlet = self.outlet
        dispatcher, turns = outlet.dispatcher, self._turns
        task = asyncio.current_task()
        new_future = asyncio.get_running_loop().create_future
        left = BUDGET
        while not self._reasons & _CLOSED or answer is not None:
            if answer is None and (not dispatcher.wanted or self._reasons != _HAS_TASK):
                self._sleeper = new_future()
                await self._sleeper
                self._sleeper = None
                continue
            if left <= 0:  # what is given out may be handled at once: others on the event loop get their turn
                left = BUDGET
                await asyncio.sleep(0)
                continue
            left -= 1
            self.busy = True
            found = 0
            try:
                if answer is None:
                    self._stirred = False
                    answer = self._handle(dispatcher.tell())
                if type(answer) is CoroutineType or (type(answer) is not list and isawaitable(answer)):
                    answer = await answer
                if answer is None:
                    break
                turns.giver, turns.rank = task, 0
                found = outlet.emit(answer, bounded=True)
            except (Exception, asyncio.CancelledError) as error:
                if is_cancelled(error) or not self._post.warden.survives(error):
                    raise
            finally:
                turns.giver = answer = None
                self.busy = False
                if self._quiet is not None and not self._quiet.done():
                    self._quiet.set_result(None)
            if not found and not self._stirred and not self._reasons & _CLOSED:
                await self._sleep(self._poll_interval)

    async def _sleep(self, seconds: float | None) -> None:
        self._sleeper = asyncio.get_running_loop().create_future()
        if seconds is not None:
            self._poll(seconds)
        try:
            await self._sleeper
        finally:
            self._sleeper = None
            self._stop_polling()

    def _poll(self, seconds: float) -> None:
        self._stop_polling()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.stir)

    def _stop_polling(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self) -> None:
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)

    def _end(self) -> None:
        self._reasons |= _CLOSED
        self._stop_polling()
        self.outlet.end()
