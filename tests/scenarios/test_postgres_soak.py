"""What `make soak` lets befall workers on one PostgreSQL, each for as long as ``ARCHIVER_TEST_SOAK_MINUTES`` says."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from archiver.failpoints import POINTS
from archiver.sandbox.limits import Limits
from archiver.sandbox.remote import SandboxProcess
from support.crew import TTL
from support.faultproxy import FaultProxy, Toxic
from support.forking import WHOLE_BYTES
from support.machine import Machine
from support.postgres import OwnServer
from support.siege import Siege
from support.soaking import SOAK_SECONDS, Hourglass
from support.storm import Storm

WORKERS = 5
LARGE = WHOLE_BYTES + 777
LIMITS = Limits(latency=0.01, commit_seconds=0.02, calls_per_second=40.0, burst=10.0, retry_after=1)
TOXICS = [
    toxic
    for direction in ("up", "down")
    for toxic in (
        Toxic("latency", direction, seconds=0.5),
        Toxic("bandwidth", direction, rate=3_000.0),
        Toxic("slow_close", direction, seconds=20.0),
        Toxic("timeout", direction, seconds=5.0),
        Toxic("timeout", direction, seconds=0.0),
        Toxic("reset_peer", direction, seconds=0.5),
        Toxic("slicer", direction, size=100, seconds=0.01),
        Toxic("limit_data", direction, size=1_000),
        Toxic("down", direction),
    )
]
END_SECONDS = 400.0
"""At the end: an item that was charged twice waits a minute, and one that was charged thrice five."""


@pytest.fixture
def server() -> Iterator[OwnServer]:
    """One that may be stopped."""
    with OwnServer() as server:
        yield server


@pytest.fixture
def seed() -> int:
    """Another one each time; it is told, since it says in which order things came."""
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")  # noqa: T201  for who looks
    return seed


async def end(siege: Siege) -> None:
    """All comes to its end, and is looked at."""
    await siege.until_archived(END_SECONDS)
    await siege.stop_all()
    await siege.check()
    wanted = sum(len(hashes) for hashes in siege.hashes.values())
    print(f"{wanted:,} files, {await siege.transfers():,} transfers in vain, {len(siege.deaths):,} kills")  # noqa: T201  as above


@pytest.mark.soak
@pytest.mark.timeout(SOAK_SECONDS + 900)
async def test_five_workers_die_at_any_hit_of_any_failpoint(tmp_path: Path, server: OwnServer, sandbox: SandboxProcess, seed: int) -> None:
    """Two of five die at failpoints, up to their fiftieth hit, as often as there is time for; one lives, two serve on."""
    moments = random.Random(seed)
    points = sorted(number for number, _ in POINTS.values())
    hourglass = Hourglass()

    def orders() -> Iterator[str]:
        while hourglass.runs:
            yield f"{moments.choice(points)}:{int(50 ** moments.random())}"

    async with Siege(Machine(tmp_path), server, server.create("archiver"), sandbox, name="c", seats=WORKERS) as siege:
        await siege.add_customers(3 * WORKERS - 1, LIMITS)
        await siege.fill()
        async with siege.raining(1, every=0.6, large=LARGE), asyncio.TaskGroup() as kills:
            for seat in range(2):
                kills.create_task(siege.kill_at(seat, orders()))
        await end(siege)
        assert len(siege.deaths) >= SOAK_SECONDS / 20


@pytest.mark.soak
@pytest.mark.timeout(SOAK_SECONDS + 900)
async def test_five_workers_are_killed_at_random(tmp_path: Path, server: OwnServer, sandbox: SandboxProcess, seed: int) -> None:
    """Any of five, and two at once, as often as there is time for."""
    moments = random.Random(seed)
    hourglass = Hourglass()
    async with Siege(Machine(tmp_path), server, server.create("archiver"), sandbox, name="c", seats=WORKERS) as siege:
        await siege.add_customers(3 * WORKERS - 1, LIMITS)
        await siege.fill()
        async with siege.raining(1, every=0.6, large=LARGE):
            while hourglass.runs:
                await siege.kill_some(10, moments)
        await end(siege)
        assert len(siege.deaths) >= SOAK_SECONDS / 20


@pytest.mark.soak
@pytest.mark.timeout(SOAK_SECONDS + 900)
async def test_five_workers_outlive_a_storm_of_everything(tmp_path: Path, server: OwnServer, sandbox: SandboxProcess, seed: int) -> None:
    """Kills, frozen and drained workers, crashes of the database, ill links, throttles and failing storages; then all is archived."""
    moments = random.Random(seed)
    siege = Siege(Machine(tmp_path), server, server.create("archiver"), sandbox, name="c", seats=WORKERS)
    async with FaultProxy(f"127.0.0.1:{server.port}", seed=1) as one, FaultProxy(f"127.0.0.1:{server.port}", seed=2) as two, siege:
        siege.links = {seat: server.address_by_port("archiver", proxy.port) for seat, proxy in enumerate((one, two))}
        await siege.add_customers(3 * WORKERS - 1, LIMITS)
        await siege.fill()
        storm = Storm(siege, server, proxies=(one, two), toxics=TOXICS, limits=LIMITS, moments=moments)
        async with siege.raining(1, every=2.0, large=LARGE):
            await storm.rage(Hourglass())
        print(", ".join(f"{name}: {count}" for name, count in storm.counts.most_common()))  # noqa: T201  as above
        await end(siege)


@pytest.mark.soak
@pytest.mark.timeout(SOAK_SECONDS + 900)
async def test_a_database_that_crashes_again_and_again_stops_nobody(
    tmp_path: Path, server: OwnServer, sandbox: SandboxProcess, seed: int
) -> None:
    """Fifty times, or as often as there is time for: killed, stopped as by a crash, away for up to twice the time to live."""
    moments = random.Random(seed)
    hourglass = Hourglass()
    crashes = 0
    async with Siege(Machine(tmp_path), server, server.create("archiver"), sandbox, name="c", seats=2) as siege:
        await siege.add_customers(8, LIMITS)
        await siege.fill()
        async with siege.raining(2, every=0.5):
            while crashes < 50 and hourglass.runs:
                await asyncio.sleep(moments.uniform(0.0, 2.0))
                await asyncio.to_thread(moments.choice((server.kill, lambda: server.stop("immediate"))))
                await asyncio.sleep(moments.choice((0.0, moments.uniform(0.0, 2.0) * TTL)))
                await asyncio.to_thread(server.start)
                began = time.monotonic()
                await siege.until_calm()
                crashes += 1
                print(f"crash {crashes}: everybody has an owner after {time.monotonic() - began:.1f} s")  # noqa: T201  as above
        assert all(worker.returncode is None for worker in siege.workers), "a worker ended"
        await end(siege)
