from __future__ import annotations

import asyncio

import pytest

from genstage import HandlerCancelledError
from genstage.broadway import TimeLimitError
from genstage.broadway.calls import contained
from genstage.testing import idle, run


async def slow() -> str:
    await asyncio.sleep(5)
    return "slept"


async def own_timeout() -> None:
    raise TimeoutError("the store's")


def test_results_and_errors_come_back() -> None:
    """Of sync and async functions; one of the two is None."""

    async def scenario() -> None:
        assert await contained(len, [1, 2]) == (2, None)
        assert await contained(slow) == ("slept", None)
        result, error = await contained(int, "no number")
        assert (result, type(error)) == (None, ValueError)
        assert await contained(dict[str, str]().get, "missing", limit=1.0) == (None, None)

    run(scenario)


def test_a_time_limit_cancels_and_says_so() -> None:
    """Longer than the limit is a `TimeLimitError`; a time-out of the function's own is its own."""

    async def scenario() -> None:
        assert await contained(slow, limit=6.0) == ("slept", None)
        result, error = await contained(slow, limit=4.0)
        assert (result, str(error)) == (None, "it took longer than its time limit of 4.0 s and was cancelled")
        assert isinstance(error, TimeLimitError)
        _, error = await contained(own_timeout, limit=4.0)
        assert (type(error), str(error)) == (TimeoutError, "the store's")

    run(scenario)


def test_a_stray_cancellation_is_an_error() -> None:
    """Awaiting what was cancelled elsewhere fails that call; who is cancelled himself is cancelled."""

    async def scenario() -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()

        async def waits() -> None:
            await future

        _, error = await contained(waits)
        assert isinstance(error, HandlerCancelledError)
        task = asyncio.get_running_loop().create_task(contained(slow))
        await idle()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(scenario)
