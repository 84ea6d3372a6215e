"""Calls of the user's code whose failure must hurt one message or batch and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

from genstage.errors import HandlerCancelledError

__all__ = ["TimeLimitError", "contained"]


class TimeLimitError(TimeoutError):
    """A handler took longer than its time limit and was cancelled."""


async def contained(function: Callable[..., Any], *args: Any, limit: float | None = None) -> tuple[Any, Exception | None]:
    """Calls a sync or async function.

    Args:
        function: What to call.
        args: Its arguments.
        limit: In seconds; an async function that takes longer is cancelled and has failed with a `TimeLimitError`.

    Returns:
        What it returned and what it raised, one of them None. A `CancelledError` that nobody sent counts as raised; one that was
        meant for the task passes.
    """
    try:
        result = function(*args)
        if result is not None and isawaitable(result):
            result = await (result if limit is None else _limited(result, limit))
    except asyncio.CancelledError as stray:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        lost = HandlerCancelledError("it awaited something that was cancelled elsewhere; catch that where you await it")
        lost.__cause__ = stray
        return None, lost
    except Exception as error:  # noqa: BLE001 - told to the caller, who marks what has failed
        return None, error
    return result, None


async def _limited(result: Awaitable[Any], limit: float) -> Any:
    timer = asyncio.timeout(limit)
    try:
        async with timer:
            return await result
    except TimeoutError as error:
        if timer.expired():
            raise TimeLimitError(f"it took longer than its time limit of {limit} s and was cancelled") from error
        raise
