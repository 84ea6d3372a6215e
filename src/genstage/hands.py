"""A worker's hand: the task that it works in, and how that task begins a call while another one gives it something to do."""

from __future__ import annotations

import asyncio
import contextvars
from asyncio.tasks import _enter_task, _leave_task  # what asyncio documents for implementers of tasks
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any

from genstage.inbox import Job

__all__ = ["Begun", "Hand"]


class Begun:
    """A call that has begun and not ended.

    Args:
        job: What it handles.
        call: The handler's coroutine, which stands at its first await; None if it has ended.
        awaits: What it awaits there: a future, or None if it only gives way.
        error: What is to be raised instead.
    """

    __slots__ = ("_awaits", "_call", "_error", "job")

    def __init__(
        self, job: Job, call: Coroutine[Any, Any, Any] | None = None, awaits: Any = None, error: BaseException | None = None
    ) -> None:
        self.job = job
        self._call = call
        self._awaits = awaits
        self._error = error

    @coroutine
    def rest(self, thrown: BaseException | None) -> Generator[Any, Any, Any]:
        """The rest of the call, to be awaited by the task in whose name it was begun.

        Args:
            thrown: A cancellation that has reached the task meanwhile.
        """
        call, awaits = self._call, self._awaits
        if self._error is not None or call is None:
            raise self._error or asyncio.InvalidStateError("the call has ended")
        while True:
            if thrown is None:
                if awaits is not None:
                    awaits._asyncio_future_blocking = True  # noqa: SLF001 - so a future tells a task that it is awaited, not yielded
                try:
                    yield awaits
                except BaseException as error:  # noqa: BLE001 - whatever is thrown in is the call's
                    thrown = error
            if thrown is None:
                return (yield from call)
            try:
                awaits = call.throw(thrown)
            except StopIteration as end:
                return end.value
            thrown = None


class Hand:
    """The task of one worker.

    A task that sleeps costs a trip through the event loop to wake. So the task that brings something lends it its time: the call is begun
    here and now, but in the name and the context of the worker's own task, as with Python's eager tasks. Time limits, task groups and
    cancellation see no difference. Most calls that await nothing end so; one that awaits something is gone on with by its own task.
    """

    __slots__ = ("_loop", "_run", "begun", "sleeper", "task")

    def __init__(self, context: contextvars.Context) -> None:
        self._loop = asyncio.get_running_loop()
        self._run = context.run
        self.task: asyncio.Task[None] | None = None
        self.sleeper: asyncio.Future[None] | None = None
        """Wakes it."""
        self.begun: Begun | None = None
        """What it is to go on with when it wakes."""

    def begin(self, job: Job, call: Coroutine[Any, Any, Any], giver: asyncio.Task[Any]) -> Any:
        """Runs a call up to its end or its first await.

        Args:
            job: What it handles.
            call: A new coroutine.
            giver: The task that runs.

        Returns:
            The call's result; or None, if ``begun`` says that there is more to do.
        """
        loop, task = self._loop, self.task
        _leave_task(loop, giver)
        _enter_task(loop, task)  # type: ignore[arg-type]  # whoever sleeps has a task
        try:
            awaits = self._run(call.send, None)
        except StopIteration as end:
            return end.value
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the task itself raises it
            self.begun = Begun(job, call, error=error)
        else:
            if awaits is not None:
                awaits._asyncio_future_blocking = False  # noqa: SLF001 - until the task awaits it, others may
            self.begun = Begun(job, call, awaits)
        finally:
            _leave_task(loop, task)  # type: ignore[arg-type]  # whoever sleeps has a task
            _enter_task(loop, giver)
        return None

    def wake(self) -> bool:
        """Wakes the task, if nothing else has."""
        sleeper = self.sleeper
        if sleeper is None or sleeper.done():
            return False
        sleeper.set_result(None)
        return True
