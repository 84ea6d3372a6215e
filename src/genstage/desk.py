"""Where a stage takes calls, casts and messages: one at a time, in the order of their arrival, beside its events."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from inspect import isawaitable
from typing import Any

from genstage.errors import StateError
from genstage.post import Post

__all__ = ["Desk"]

Letter = tuple[Callable[[Any], Any], Any, "asyncio.Future[Any] | None", Callable[[], None] | None]
"""Which handler, what it gets, who waits for its answer, and what to call when it has ended."""


class Desk:
    """Serves what comes to one stage besides events.

    What a handler of a call raises, the caller gets; what others raise is a failure of the stage.
    """

    def __init__(self, post: Post) -> None:
        self._post = post
        self._letters: deque[Letter] = deque()
        self._busy = False
        self._held = False
        self._closed = False
        self._task: asyncio.Task[None] | None = None

    def put(
        self,
        handle: Callable[[Any], Any],
        message: Any,
        reply: asyncio.Future[Any] | None = None,
        after: Callable[[], None] | None = None,
    ) -> None:
        """Takes something in; it is handled soon, behind what came before.

        Raises:
            StateError: The stage has ended.
        """
        self.check()
        self._letters.append((handle, message, reply, after))
        if not self._busy and not self._held:
            self._busy = True
            self._post.turns.put(self)

    def check(self) -> None:
        """Raises a `StateError` if the stage has ended."""
        if self._closed:
            raise StateError(f"{self._post.name} has ended; nobody handles calls and casts any more")

    def hold(self) -> None:
        """Handles nothing until `release`: the stage is not ready."""
        self._held = True

    def release(self) -> None:
        """Goes on."""
        self._held = False
        if self._letters and not self._busy:
            self._busy = True
            self._post.turns.put(self)

    def close(self) -> None:
        """The stage has ended: what came before is still handled, nothing more is taken in."""
        self._closed = True

    def runs_in(self, task: asyncio.Task[Any] | None) -> bool:
        """Whether a task is the desk's."""
        return task is not None and task is self._task

    def abort(self) -> None:
        """Cancels what runs; whoever waits for an answer to come gets none."""
        self.close()
        letters, self._letters = self._letters, deque()
        for _, _, reply, _ in letters:
            if reply is not None and not reply.done():
                reply.set_exception(StateError(f"{self._post.name} ended before it came to this call"))
        if self._task is not None:
            self._task.cancel()

    def turn(self) -> int:
        """Handles what is there; a handler that waits goes on in a task."""
        calls = 0
        while self._letters and not self._held:
            calls += 1
            letter = self._letters.popleft()
            handle, message, reply, _ = letter
            if reply is not None and reply.done():
                continue  # whoever called waits no longer
            try:
                answer = self._post.context.run(handle, message)
            except Exception as error:  # noqa: BLE001 - goes to the caller, or is a failure of the stage
                self._settle(letter, error=error)
                continue
            if isawaitable(answer):
                self._task = self._post.spawn(self._await(answer, letter), answer)
                if self._task is not None:
                    return calls
                if reply is not None:
                    reply.cancel()  # the pipeline breaks off
            else:
                self._settle(letter, answer)
        self._busy = False
        return calls

    async def _await(self, answer: Any, letter: Letter) -> None:
        _, _, reply, _ = letter
        try:
            result = await answer
        except Exception as error:  # noqa: BLE001 - goes to the caller, or is a failure of the stage
            self._settle(letter, error=error)
        except BaseException:
            if reply is not None:
                reply.cancel()
            raise
        else:
            self._settle(letter, result)
        finally:
            self._task = None
        self.turn()

    def _settle(self, letter: Letter, answer: Any = None, error: Exception | None = None) -> None:
        _, _, reply, after = letter
        if reply is None:
            if error is not None:
                self._post.warden.failed(error)
        elif not reply.done():
            if error is None:
                reply.set_result(answer)
            else:
                reply.set_exception(error)
        if after is not None:
            after()
