"""What a stage does with events, as its workers see it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from genstage.outlet import Outlet

__all__ = ["Handling", "limited"]


@dataclass(frozen=True, slots=True)
class Handling:
    """What a stage does with events.

    Attributes:
        handle: The stage's handler: gets an event or a list; may return an awaitable.
        outlet: For producer-consumers: where results go, before demand returns; nothing is begun before somebody wants results.
            None for consumers, which have no results.
        done: Called once, when the stage has finished what it had to and all its workers have gone.
        failed: Hook: gets the events of a failed call and the exception; if it returns, the failure is dealt with. None: there is none.
        informed: Gets markers, when everything that was delivered before them has been handled, and a function to call when what comes
            after them may begin.
        timeout: Seconds that one call may take; None: any time.
    """

    handle: Callable[[Any], Any]
    outlet: Outlet | None
    done: Callable[[], None]
    failed: Callable[[list[Any], Exception], Any] | None = None
    informed: Callable[[Any, Callable[[], None]], None] | None = None
    timeout: float | None = None


def limited(name: str, handle: Callable[[Any], Any], seconds: float) -> Callable[[Any], Awaitable[Any]]:
    """A handler that may take no longer than so many seconds.

    Args:
        name: The stage, for the error.
        handle: The handler, sync or async; only an async one can be interrupted.
        seconds: The time limit.
    """

    async def call(payload: Any) -> Any:
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                result = handle(payload)
                return await result if isawaitable(result) else result
        except TimeoutError as error:
            if limit.expired():
                raise TimeoutError(f"a handler of {name} took longer than its {seconds} seconds") from error
            raise

    return call
