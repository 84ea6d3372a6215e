"""PostgreSQL crashes and comes back while two workers are busy: they wait, go on by themselves, and nothing is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from archiver.sandbox.limits import Limits
from archiver.sandbox.remote import SandboxProcess
from support.crew import TTL
from support.kills import IN_FLIGHT
from support.machine import Machine
from support.postgres import OwnServer
from support.siege import Siege

MOST_SECONDS = 15.0
"""Until the work goes on after the server is back: five between two tries, a time to live, and what a busy machine adds."""
LIMITS = Limits(latency=0.03, commit_seconds=0.05, commit_seconds_per_file=0.002, calls_per_second=20.0, burst=10.0, retry_after=1)


class Crash(msgspec.Struct, frozen=True):
    """How the server ends, and for how many seconds it is away."""

    how: Literal["immediate", "SIGKILL"]
    away: float


CRASHES = [Crash("immediate", 0.2), Crash("SIGKILL", 0.2), Crash("immediate", TTL * 1.5)]


@pytest.fixture
def server() -> Iterator[OwnServer]:
    """One that may be stopped."""
    with OwnServer() as server:
        yield server


async def crash(siege: Siege, server: OwnServer, crash: Crash) -> float:
    """Ends the server and starts it again; the seconds until more is archived than can have been in flight when it went."""
    await asyncio.to_thread(server.kill if crash.how == "SIGKILL" else lambda: server.stop("immediate"))
    await asyncio.sleep(crash.away)
    await asyncio.to_thread(server.start)
    began = time.monotonic()
    waited = siege.seats * 4 * IN_FLIGHT  # those whose outcomes waited, and others that have begun meanwhile
    before = await asyncio.to_thread(siege.archived)
    async with asyncio.timeout(60):
        while await asyncio.to_thread(siege.archived) <= before + waited:
            await asyncio.sleep(0.05)
    return time.monotonic() - began


async def crashes(siege: Siege, server: OwnServer, every: Sequence[Crash]) -> list[float]:
    """One after the other under load; how soon the work went on after each."""
    resumed = []
    await siege.add_customers(8, LIMITS)
    await siege.fill()
    async with siege.raining(2, every=0.5):
        for one in every:
            await asyncio.sleep(1.0)
            resumed.append(await crash(siege, server, one))
            print(f"{one.how:>9}, away for {one.away:.1f} s: on with the work after {resumed[-1]:.1f} s")  # noqa: T201  for who looks
    await siege.until_archived()
    assert all(worker.returncode is None for worker in siege.workers), "a worker ended"
    await siege.stop_all()
    await siege.check()
    return resumed


@pytest.mark.scenario
@pytest.mark.timeout(180)
async def test_row_09_a_database_that_restarts_stops_nobody(tmp_path: Path, server: OwnServer, sandbox: SandboxProcess) -> None:
    """Stopped as by a crash, killed, and away for longer than the time to live: nobody exits, and the work goes on by itself."""
    async with Siege(Machine(tmp_path), server, server.create("archiver"), sandbox, name="c", seats=2) as siege:
        resumed = await crashes(siege, server, CRASHES)
        assert max(resumed) < MOST_SECONDS
        for worker in range(2):
            assert siege.told(worker, "DatabaseAway")
            assert len(siege.told(worker, "WorkerEntered")) >= 2, "it went on under a name that others took for dead"
