"""One seed, from its beginning to the last check."""

from __future__ import annotations

import asyncio
import gc
import random
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from archiver.model import CustomerState
from simulation.database import prepared_database, quick_folder
from simulation.loop import Loop, StuckError
from simulation.scene import ADAPTERS, MOST_CUSTOMERS, Shape
from simulation.story import BrokenPromiseError, Story
from simulation.weather import Weather
from simulation.world import World

__all__ = ["FLEET_EVERY", "Played", "play", "shape_of"]

FLEET_EVERY = 4
"""Every so many seeds have a fleet."""
_LOOK_SECONDS = 5.0
_ASLEEP_SECONDS = 150.0  # longer than any backoff or open circuit (60 s each); what a cloud asked for comes on top
_MOST_SECONDS = 7200.0
"""I11: after everything was healed, all must have ended by then: the longest waits of all kinds, twice, and the work itself."""
_NURSED_SECONDS = 150.0  # calls that were under way when everything was healed may still park and reject


_LEFT = "SELECT lane, count(*), min(ready_at), max(reason) FROM deliveries WHERE state = 'waiting' GROUP BY lane"
_DUE = """
    SELECT lane, count(*) FROM deliveries JOIN connections ON connections.id = lane
    WHERE deliveries.state = 'waiting' AND deliveries.reason = '' AND ready_at <= ? AND connections.state = 'active' GROUP BY lane
    """


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a seed.

    Attributes:
        seed: Which.
        digest: One number for everything that happened.
        seconds: Virtual seconds.
        took: Real ones.
        dwells: Seconds from birth to object, of every delivery but the airline's.
        broken: The promise that was broken; empty if none was.
        last: What happened last, if one was; or the whole story.
        counts: How often what happened.
    """

    seed: int
    digest: str
    seconds: float
    took: float
    dwells: tuple[float, ...] = ()
    broken: str = ""
    last: tuple[str, ...] = ()
    counts: Mapping[str, int] = {}


def shape_of(seed: int) -> Shape:
    """The world of a seed, as `play` makes it."""
    chance = random.Random(f"{seed} shape")
    return Shape(
        workers=1 if seed % FLEET_EVERY else chance.choice([2, 2, 3, 3, 5]),
        customers=chance.randint(20, 26),
        items=chance.randint(300, 380),
        airline=chance.choice([0.6, 0.8, 0.9]),
        seconds=chance.uniform(40.0, 120.0),
        sweep_seconds=chance.choice([30.0, 30.0, 1e9]),
    )


def play(seed: int, shape: Shape | None = None, *, whole: bool = False) -> Played:
    """Plays one seed. What goes wrong is told, not raised.

    Args:
        seed: Which.
        shape: Its world; by default what `shape_of` says.
        whole: Tell the whole story, not only its end, and that only if a promise was broken.
    """
    began = time.perf_counter()
    file, ready = prepared_database(MOST_CUSTOMERS, ADAPTERS)
    collecting = gc.isenabled()
    gc.disable()  # thousands of small things that live as long as the seed
    try:
        with tempfile.TemporaryDirectory(dir=quick_folder()) as folder:
            path = Path(folder, "archiver.db")
            path.write_bytes(file)
            with asyncio.Runner(loop_factory=Loop) as runner:
                loop = runner.get_loop()
                world = World(seed, path, shape or shape_of(seed), Story(whole=whole), ready)
                broken = _play(runner, world)
                seconds, dwells = loop.time(), world.dwells()
                _take_down(runner, world)
    finally:
        if collecting:
            gc.enable()
    story = world.story
    return Played(
        seed=seed,
        digest=story.digest,
        seconds=seconds,
        took=time.perf_counter() - began,
        dwells=dwells,
        broken=broken,
        last=tuple(story.last) if broken or whole else (),
        counts=dict(story.counts),
    )


def _play(runner: asyncio.Runner, world: World) -> str:
    try:
        runner.run(_tell(world))
    except StuckError as error:
        return str(error)
    except BrokenPromiseError as error:
        return str(error)
    return "" if world.story.broken is None else str(world.story.broken)


def _take_down(runner: asyncio.Runner, world: World) -> None:
    """Whatever became of the story, its processes end and its files are closed."""

    async def take_down() -> None:
        for process in world.processes:
            if process.alive:
                await process.kill()
        await world.people.close()

    runner.run(take_down())


async def _tell(world: World) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(
        lambda _loop, context: world.story.break_promise("loop", f"{context.get('message')}: {context.get('exception')!r}")
    )
    await world.create()
    for _ in range(world.shape.workers):
        world.start()
    weather = Weather(world)
    await weather.rage()
    await weather.clear()
    if not world.running:
        world.start()
    await _until_all_has_ended(world)
    for process in list(world.running):
        ended = await process.end()
        world.story.hold("drain", ended or not process.drain_seconds, f"{process.name} had nothing to do and did not end by itself")
    world.checks.all()
    await asyncio.sleep(0)  # the loop's turn to end the run, if a promise was broken just now


async def _until_all_has_ended(world: World) -> None:
    """I11: everything ends within the bound, and no lane rests for long while it could work."""
    story = world.story
    story.tell("heals", "everything")
    began = world.now
    rests: dict[int, tuple[tuple[int, int], float]] = {}
    while True:
        if world.now - began <= _NURSED_SECONDS:
            await world.look_after_all()
        await asyncio.sleep(_LOOK_SECONDS)
        wanted = world.wanted
        [(deliveries, waiting)] = world.query("SELECT count(*), coalesce(sum(state = 'waiting'), 0) FROM deliveries")
        if deliveries == wanted and not waiting and not world.failed():
            return
        if world.now - began > _MOST_SECONDS:
            left = world.query(_LEFT)
            story.break_promise("I11", f"{waiting} of {deliveries} deliveries ({wanted} wanted) still wait: {left}")
        _nobody_sleeps(world, rests)
        if deliveries == wanted:
            await _skip_what_is_put_off(world)


def _nobody_sleeps(world: World, rests: dict[int, tuple[tuple[int, int], float]]) -> None:
    """I9: a lane that has something due, and nothing in its way, gets on."""
    now = int(world.clock.wall() * 1000)
    due = dict(world.query(_DUE, now))
    for lane in [lane for lane in rests if lane not in due]:
        del rests[lane]
    for lane, count in due.items():
        account = world.accounts[lane]
        stands = (count, account.calls)
        before, since = rests.get(lane, (stands, world.now))
        rests[lane] = (stands, since if stands == before else world.now)
        if world.now - max(rests[lane][1], account.told_until) > _ASLEEP_SECONDS:
            world.story.break_promise("I9", f"lane {lane} sleeps, and has {count} deliveries due")


async def _skip_what_is_put_off(world: World) -> None:
    """When nothing is left but what was put off for long, the clock is set on; else a day of waiting would have to be simulated.

    Of what was put off only a lane's earliest has a timer, and the sweep finds the rest; where nobody sweeps, a stranger's write does.
    """
    [(fresh, earliest)] = world.query("SELECT coalesce(sum(reason = ''), 0), min(ready_at) FROM deliveries WHERE state = 'waiting'")
    if earliest is None:
        return
    ahead = earliest - int(world.clock.wall() * 1000)
    if ahead > 60_000:
        world.clock.start += ahead / 1000
    if ahead > 60_000 or (not fresh and world.shape.sweep_seconds > 60.0):
        await world.people.set_customer_state("c0", CustomerState.PAUSED)
        await world.people.set_customer_state("c0", CustomerState.ACTIVE)
