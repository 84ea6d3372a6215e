"""What `benchmarks.genstage` is measured beside: hand-written asyncio, and other libraries where they are installed."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from importlib.util import find_spec
from typing import Any

from benchmarks.genstage_cases import LIST, WAIT, Case, bare_tasks, cpu, waits, wall

__all__ = ["PEERS"]


def lists(events: int) -> Any:
    """The numbers, in lists of 500."""
    return (list(range(first, min(first + LIST, events))) for first in range(0, events, LIST))


async def queue_by_hand(events: int) -> None:
    """A, B, C with two queues and three tasks, an event at a time."""
    first: asyncio.Queue[int | None] = asyncio.Queue(1000)
    second: asyncio.Queue[int | None] = asyncio.Queue(1000)

    async def give() -> None:
        for event in range(events):
            await first.put(event)
        await first.put(None)

    async def double() -> None:
        while (event := await first.get()) is not None:
            await second.put(event * 2)
        await second.put(None)

    async def count() -> None:
        while await second.get() is not None:
            pass

    await asyncio.gather(give(), double(), count())


async def queue_of_lists_by_hand(events: int) -> None:
    """The same with lists of 500."""
    first: asyncio.Queue[list[int] | None] = asyncio.Queue(2)
    second: asyncio.Queue[list[int] | None] = asyncio.Queue(2)

    async def give() -> None:
        for some in lists(events):
            await first.put(some)
        await first.put(None)

    async def double() -> None:
        while (some := await first.get()) is not None:
            await second.put([event * 2 for event in some])
        await second.put(None)

    async def count() -> None:
        while await second.get() is not None:
            pass

    await asyncio.gather(give(), double(), count())


async def anyio_streams(events: int) -> None:
    """A, B, C with two memory streams of anyio."""
    anyio = importlib.import_module("anyio")
    give, first = anyio.create_memory_object_stream(1000)
    pass_on, second = anyio.create_memory_object_stream(1000)

    async def source() -> None:
        async with give:
            for event in range(events):
                await give.send(event)

    async def double() -> None:
        async with pass_on:
            async for event in first:
                await pass_on.send(event * 2)

    async def count() -> None:
        async for _ in second:
            pass

    async with anyio.create_task_group() as group:
        group.start_soon(source)
        group.start_soon(double)
        group.start_soon(count)


async def reactivex_map(events: int) -> None:
    """reactivex, which pushes: there is no back-pressure."""
    reactivex, operators = importlib.import_module("reactivex"), importlib.import_module("reactivex.operators")
    reactivex.from_iterable(range(events)).pipe(operators.map(lambda event: event * 2), operators.count()).run()


async def aiostream_map(events: int) -> None:
    """aiostream, an event at a time."""
    stream, pipe = (getattr(importlib.import_module("aiostream"), name) for name in ("stream", "pipe"))
    await (stream.iterate(range(events)) | pipe.map(lambda event: event * 2) | pipe.reduce(lambda count, _: count + 1, 0))


async def streamz_map(events: int) -> None:
    """streamz, which pushes."""
    source = importlib.import_module("streamz").Stream()
    source.map(lambda event: event * 2).sink(lambda _: None)
    for event in range(events):
        source.emit(event)


async def pypeln_map(events: int) -> None:
    """The synchronous map of pypeln."""
    sync = importlib.import_module("pypeln").sync
    for _ in sync.map(lambda event: event * 2, range(events)):
        pass


async def tasks_by_hand(many: int, events: int) -> None:
    """So many calls at once, each of which gives way once, with a queue and long-lived tasks."""
    queue: asyncio.Queue[int | None] = asyncio.Queue(1000)

    async def worker() -> None:
        while await queue.get() is not None:  # noqa: ASYNC110 - not a poll: the call that is measured
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for _ in range(many):
            group.create_task(worker())
        for event in range(events):
            await queue.put(event)
        for _ in range(many):
            await queue.put(None)


async def aiostream_waits(many: int, seconds: float, events: int) -> None:
    """So many calls at once with aiostream."""
    stream, pipe = (getattr(importlib.import_module("aiostream"), name) for name in ("stream", "pipe"))

    async def wait(event: int, *_: int) -> int:
        await asyncio.sleep(seconds)
        return event

    await (stream.iterate(range(events)) | pipe.map(wait, task_limit=many, ordered=False) | pipe.reduce(lambda count, _: count + 1, 0))


async def pypeln_waits(many: int, seconds: float, events: int) -> None:
    """So many calls at once with pypeln."""
    task = importlib.import_module("pypeln").task

    async def wait(event: int) -> int:
        await asyncio.sleep(seconds)
        return event

    results: AsyncIterator[int] = task.map(wait, range(events), workers=many)
    async for _ in results:
        pass


def on_uvloop(work: Callable[[int], Coroutine[Any, Any, None]], events: int) -> float:
    """The same on uvloop."""
    return wall(work, events, importlib.import_module("uvloop").run)


def _peer(name: str, module: str, work: Callable[[int], Coroutine[Any, Any, None]], events: int) -> Case:
    return Case(name, LIST if "lists" in name else 1, "async", partial(cpu, work), events, missing=_missing(module))


def _missing(module: str) -> str:
    return "" if find_spec(module) else f"{module} is not installed"


PEERS = [
    _peer("asyncio_queue", "asyncio", queue_by_hand, 100_000),
    _peer("asyncio_queue_lists", "asyncio", queue_of_lists_by_hand, 1_000_000),
    _peer("anyio_streams", "anyio", anyio_streams, 20_000),
    _peer("reactivex", "reactivex", reactivex_map, 200_000),
    _peer("aiostream", "aiostream", aiostream_map, 50_000),
    _peer("streamz", "streamz", streamz_map, 50_000),
    _peer("pypeln", "pypeln", pypeln_map, 100_000),
    *(
        Case("await_10ms_bare_tasks", many, "async", partial(wall, partial(bare_tasks, many)), 200 * many, least=20 * many)
        for many in (100, 1000)
    ),
    *(
        Case(f"await_10ms{name}", 1000, "async", partial(on_uvloop, work), 200_000, least=20_000, missing=_missing("uvloop"))
        for name, work in (("_uvloop", partial(waits, 1000)), ("_bare_tasks_uvloop", partial(bare_tasks, 1000)))
    ),
    Case("await_10ms_aiostream", 100, "async", partial(wall, partial(aiostream_waits, 100, WAIT)), 2_000, missing=_missing("aiostream")),
    Case("await_10ms_pypeln", 100, "async", partial(wall, partial(pypeln_waits, 100, WAIT)), 2_000, missing=_missing("pypeln")),
    Case("await_0_asyncio_queue", 100, "async", partial(cpu, partial(tasks_by_hand, 100)), 50_000),
    Case("await_0_aiostream", 100, "async", partial(cpu, partial(aiostream_waits, 100, 0)), 5_000, missing=_missing("aiostream")),
    Case("await_0_pypeln", 100, "async", partial(cpu, partial(pypeln_waits, 100, 0)), 5_000, missing=_missing("pypeln")),
]
"""All of them, in the order in which they are shown."""
