"""Runs stages for somebody who iterates over what comes out of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

from genstage.errors import StateError
from genstage.pipeline import Pipeline
from genstage.stage import Giving
from genstage.streams import Stream
from genstage.supervision import NO_RESTARTS

__all__ = ["batches"]


async def batches(start: Callable[[Pipeline], list[Giving]], max_demand: int) -> AsyncGenerator[list[Any], None]:
    """Runs stages, and gives the lists of events that come out of them.

    The pipeline runs in a task of its own: the task that iterates is free between two events, and a failure must not cancel
    whatever it does then, but wait until it comes for the next.

    Args:
        start: Starts the stages in a pipeline, and returns those to subscribe to.
        max_demand: Of the subscriptions to them.
    """
    opened: asyncio.Future[Stream] = asyncio.get_running_loop().create_future()
    runner = asyncio.create_task(_serve(start, max_demand, opened), name="flow")
    try:
        await asyncio.wait((runner, opened), return_when=asyncio.FIRST_COMPLETED)
        if opened.done():
            while (events := await _take(opened.result())) is not None:
                yield events
        await runner  # raises what went wrong
    finally:
        runner.cancel()
        await asyncio.wait((runner,))


async def _take(stream: Stream) -> list[Any] | None:
    try:
        return await stream.take()
    except StateError:  # the run was cut; why, the runner knows
        return None


async def _serve(start: Callable[[Pipeline], list[Giving]], max_demand: int, opened: asyncio.Future[Stream]) -> None:
    async with Pipeline(restarts=NO_RESTARTS) as pipeline:
        stream = pipeline.start(Stream())
        for stage in start(pipeline):
            stream.subscribe(stage, max_demand=max_demand)
        stream.end_when_alone()
        opened.set_result(stream)
        await stream.gone()
        await pipeline.drain(deadline=0)  # where enough was taken, the stages before it go on for nobody
