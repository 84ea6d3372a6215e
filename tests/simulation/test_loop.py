"""Virtual time in which every order is the same each time, and places that stand still."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any

import pytest

from simulation.loop import PLACE, Loop, Place, StuckError


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Runs it in a loop of its own."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(work)


def test_an_hour_takes_no_time() -> None:
    """The clock jumps to the next timer."""

    async def wait() -> float:
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    assert run(wait()) == 3600


def test_nothing_scheduled_is_a_deadlock() -> None:
    """Whoever waits for what nobody will bring is told so."""
    with pytest.raises(StuckError, match="deadlock"):
        run(asyncio.Event().wait())


def test_everything_due_at_once_for_ever_is_a_livelock() -> None:
    """Who spins without a moment's progress is told so."""

    async def spin() -> None:
        for _ in range(200_000):
            await asyncio.sleep(0)

    with pytest.raises(StuckError, match="livelock"):
        run(spin())


def test_a_frozen_place_goes_on_with_what_became_due() -> None:
    """In the order in which it became due, and without what was cancelled by what came before it."""
    happened: list[str] = []

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        place = Place()
        context = copy_context()
        context.run(PLACE.set, place)

        async def live() -> None:
            late = loop.call_later(3, happened.append, "never")

            def second() -> None:
                happened.append("second")
                late.cancel()

            loop.call_later(2, second)
            await asyncio.sleep(1)
            happened.append(f"first at {loop.time():.0f}")

        task = loop.create_task(live(), context=context)
        await asyncio.sleep(0.5)
        place.frozen = True
        await asyncio.sleep(9.5)
        assert happened == []
        place.thaw()
        await task
        await asyncio.sleep(1)

    run(scenario())
    assert happened == ["second", "first at 10"]  # the sleep ended first, and its task has its turn after that


def test_what_fails_the_loop_cannot_be_caught_inside() -> None:
    """A broken promise ends the run, whatever the code that runs does with exceptions."""

    async def stubborn() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        loop.fail(AssertionError("broken"))
        for _ in range(3):
            with contextlib.suppress(BaseException):
                await asyncio.sleep(0)

    with pytest.raises(AssertionError, match="broken"):
        run(stubborn())
