"""SIGKILL at every named failpoint, at its first, second, … hit, until a run is clean (fault matrix rows 1 to 7); and what is like it.

One point or one hit alone: ``KILLS=F7 pytest tests/scenarios/test_failpoints.py``, ``KILLS=F7:3 pytest …``.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from archiver.failpoints import POINTS
from archiver.sandbox.limits import Limits
from archiver.sandbox.remote import SandboxProcess
from support.kills import Forge, KillWorld
from support.soaking import SOAK_SECONDS, Hourglass

CUSTOMERS = 20
HITS = 24
AT_ONCE = 8
LEAST_KILLS = 240
ONCE = {"F0", "F1"}
"""Hit once per process: instead of a later hit, the next process dies there, too."""


@pytest.fixture
async def forges() -> AsyncIterator[asyncio.Queue[Forge]]:
    """As many as run at the same time."""
    async with AsyncExitStack() as stack:
        queue: asyncio.Queue[Forge] = asyncio.Queue()
        for _ in range(AT_ONCE):
            queue.put_nowait(await stack.enter_async_context(Forge()))
        yield queue


async def kill_at(world: KillWorld, forge: Forge, point: str, hit: int) -> bool:
    """One kill, the run after it, and the check. False if the point was not hit so often."""
    world.rain()
    ended = await world.run(forge, failpoints=f"{point}:{hit}=kill")
    assert ended.code == 0 or ended.by_kill, f"it ended with {ended.code}: {ended.log}"
    if ended.by_kill:
        again = await world.run(forge)
        assert again.code == 0, f"the run after it ended with {again.code}: {again.log}"
    await world.check()
    return ended.by_kill


async def kill_starts(world: KillWorld, forge: Forge, point: str, times: int) -> None:
    """So many processes in a row die while they start; the one after them does everything, and nothing was sent before."""
    world.rain()
    for _ in range(times):
        ended = await world.run(forge, failpoints=f"{point}=kill")
        assert ended.by_kill, f"it ended with {ended.code}: {ended.log}"
    again = await world.run(forge)
    assert again.code == 0, f"the run after it ended with {again.code}: {again.log}"
    await world.check()
    assert not any(world.repeated)


async def kill_through(world: KillWorld, point: str, hits: range, forges: asyncio.Queue[Forge]) -> None:
    """All hits of one point, in a world of its own."""
    forge = await forges.get()
    hit = hits.start
    try:
        if point in ONCE:
            await kill_starts(world, forge, point, len(hits))
        else:
            for hit in hits:
                if not await kill_at(world, forge, point, hit):
                    break
    except BaseException as error:
        error.add_note(f"failpoint {point} ({POINTS_BY_NUMBER[point]}), hit {hit}; alone: KILLS={point}:{hit} pytest {__file__}")
        raise
    finally:
        forges.put_nowait(forge)


POINTS_BY_NUMBER = {number: f"{name}: {text}" for name, (number, text) in POINTS.items()}


def chosen() -> dict[str, range]:
    """What the variable ``KILLS`` asks for; everything by default."""
    word = os.environ.get("KILLS", "")
    if not word:
        return dict.fromkeys(POINTS_BY_NUMBER, range(1, HITS + 1))
    point, _, hit = word.partition(":")
    return {point: range(int(hit), int(hit) + 1) if hit else range(1, HITS + 1)}


@pytest.mark.scenario
@pytest.mark.timeout(600)
async def test_rows_01_to_07_killed_at_any_hit_of_any_failpoint_nothing_is_lost_and_nothing_is_there_twice(
    tmp_path: Path, sandbox: SandboxProcess, forges: asyncio.Queue[Forge]
) -> None:
    """After each kill and one run more: every file once, its bytes, a receipt, and no more repeats than uploads were in flight."""
    began = time.monotonic()
    wanted = chosen()
    worlds = {point: KillWorld(tmp_path / point, point.lower(), sandbox) for point in wanted}
    for world in worlds.values():
        await world.add_customers(CUSTOMERS)
    async with asyncio.TaskGroup() as group:
        for point, world in worlds.items():
            group.create_task(kill_through(world, point, wanted[point], forges))
    kills = sum(world.kills for world in worlds.values())
    for point, world in worlds.items():
        print(f"{point:>4} {world.kills:3} kills, repeats {world.repeated}  {POINTS_BY_NUMBER[point]}")  # noqa: T201  for who looks
    print(f"{kills} kills in {time.monotonic() - began:.0f} s")  # noqa: T201  as above
    assert all(world.kills for world in worlds.values()), "a point was never hit"
    assert kills >= LEAST_KILLS or "KILLS" in os.environ


@pytest.mark.soak
@pytest.mark.timeout(SOAK_SECONDS + 300)
async def test_any_hit_of_any_failpoint_as_often_as_there_is_time_for(
    tmp_path: Path, sandbox: SandboxProcess, forges: asyncio.Queue[Forge]
) -> None:
    """As above, at hits that are drawn, so that they come at other moments and in another order than ever before."""
    moments = random.Random()
    hourglass = Hourglass()
    worlds = {point: KillWorld(tmp_path / point, point.lower(), sandbox) for point in POINTS_BY_NUMBER}

    async def kill_on(world: KillWorld, point: str) -> None:
        while hourglass.runs:
            hit = 1 if point in ONCE else moments.randint(1, HITS)
            await kill_through(world, point, range(hit, hit + 1), forges)

    for world in worlds.values():
        await world.add_customers(CUSTOMERS)
    async with asyncio.TaskGroup() as group:
        for point, world in worlds.items():
            group.create_task(kill_on(world, point))
    kills = sum(world.kills for world in worlds.values())
    print(f"{kills} kills in {SOAK_SECONDS:.0f} s")  # noqa: T201  for who looks
    assert all(world.kills for world in worlds.values()), "a point was never hit"


@pytest.fixture
async def world(tmp_path: Path, sandbox: SandboxProcess) -> KillWorld:
    """A few customers whose calls take a while."""
    world = KillWorld(tmp_path / "world", "world", sandbox)
    await world.add_customers(5, Limits(latency=0.01))
    return world


@pytest.mark.scenario
@pytest.mark.timeout(180)
@pytest.mark.parametrize("point", ["F9", "F10", "F11"])
async def test_row_26_an_error_that_nobody_expects_ends_the_process_and_loses_nothing(
    world: KillWorld, forges: asyncio.Queue[Forge], point: str
) -> None:
    """A bug outside of any adapter: the process says so and ends, and whoever starts it again begins with what is committed."""
    forge = await forges.get()
    for hit in (1, 2, 3):
        world.rain(large=1)
        ended = await world.run(forge, failpoints=f"{point}:{hit}=raise")
        assert ended.code not in {0, -signal.SIGKILL}
        assert "internal error: FailpointError" in ended.log
        again = await world.run(forge)
        assert again.code == 0, again.log
        await world.check()


@pytest.mark.scenario
@pytest.mark.timeout(180)
async def test_row_36_a_kill_while_it_drains_is_a_kill_like_any_other(world: KillWorld, forges: asyncio.Queue[Forge]) -> None:
    """SIGTERM, and while what has begun ends, SIGKILL: nothing is lost, nothing is there twice."""
    forge = await forges.get()
    moments = random.Random(36)
    drained = 0
    for _ in range(8):
        world.rain(large=2)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(world.run(forge, until_empty=False))
            before = world.archived()
            while world.archived() == before:
                await asyncio.sleep(0.005)
            os.kill(forge.pid, signal.SIGTERM)
            await asyncio.sleep(moments.uniform(0.0, 0.05))
            if forge.pid:
                os.kill(forge.pid, signal.SIGKILL)
        drained += not running.result().by_kill
        again = await world.run(forge)
        assert again.code == 0, again.log
        await world.check()
    assert drained < 8, "no kill came before the drain was over"
