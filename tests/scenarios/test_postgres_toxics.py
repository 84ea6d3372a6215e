"""Each of eight toxics, in each direction, between a worker and PostgreSQL: it lets go in time, and takes part again when it is healed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from psycopg import sql

from archiver.sandbox.limits import Limits
from archiver.sandbox.remote import SandboxProcess
from support.crew import TTL
from support.faultproxy import Direction, FaultProxy, Toxic
from support.machine import Machine
from support.postgres import OwnServer
from support.siege import Siege

TOXICS = {
    "latency": {"seconds": 1.0},
    "bandwidth": {"rate": 2_000.0},
    "slow_close": {"seconds": 20.0},
    "timeout": {"seconds": 5.0},
    "black_hole": {"seconds": 0.0},
    "reset_peer": {"seconds": 0.5},
    "slicer": {"size": 100, "seconds": 0.02},
    "limit_data": {"size": 1_000},
    "down": {},
}
DEADLY = ("timeout", "black_hole", "down")
"""Through these nothing is heard, so whoever suffers from one holds nothing after its time to live."""
ILL_SECONDS = 3 * TTL
CUT = sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
"""Ends everybody's connections, the healthy worker's too: so that it matters when an end is heard late."""
LIMITS = Limits(latency=0.03, commit_seconds=0.03)


def toxic(name: str, direction: Direction) -> Toxic:
    """One of the table; a black hole is a timeout that never cuts."""
    return Toxic("timeout" if name == "black_hole" else name, direction, **TOXICS[name])  # type: ignore[arg-type]  # a table of them


@pytest.fixture
def server() -> Iterator[OwnServer]:
    """One that is reached over TCP."""
    with OwnServer() as server:
        yield server


@asynccontextmanager
async def infirmary(path: Path, server: OwnServer, sandbox: SandboxProcess, ill: int) -> AsyncIterator[tuple[Siege, list[FaultProxy]]]:
    """One worker with a link of its own to the database, and so many whose links go through a proxy each."""
    async with AsyncExitStack() as stack:
        siege = Siege(Machine(path), server, server.create("archiver"), sandbox, name="c", seats=ill + 1)
        await siege.add_customers(2 * siege.seats, LIMITS)
        proxies = [await stack.enter_async_context(FaultProxy(f"127.0.0.1:{server.port}", seed=seed)) for seed in range(ill)]
        await stack.enter_async_context(siege)
        for seat, proxy in enumerate(proxies):
            siege.links[seat] = server.address_by_port("archiver", proxy.port)
        await siege.fill()
        yield siege, proxies
        await siege.until_archived()
        assert all(worker.returncode is None for worker in siege.workers), "a worker ended"
        await siege.stop_all()
        await siege.check()


@pytest.mark.scenario
@pytest.mark.timeout(240)
async def test_row_09_a_worker_whose_link_to_the_database_is_ill_lets_go_in_time_and_recovers(
    tmp_path: Path, server: OwnServer, sandbox: SandboxProcess
) -> None:
    """Ten workers, nine of which have a toxic each, first one way, then the other: no customer ever has two owners, nobody exits."""
    async with infirmary(tmp_path, server, sandbox, len(TOXICS)) as (siege, proxies), siege.raining(1, every=0.5):
        for direction in ("up", "down"):
            entered = {seat: len(siege.told(seat, "WorkerEntered")) for seat in range(siege.seats)}
            for name, proxy in zip(TOXICS, proxies, strict=True):
                proxy.add(toxic(name, direction))
            await asyncio.sleep(ILL_SECONDS / 2)
            await asyncio.to_thread(server.execute, CUT, "archiver")
            await asyncio.sleep(ILL_SECONDS / 2)
            for seat, name in enumerate(TOXICS):
                if name in DEADLY:
                    assert await siege.owned_by(seat) == set(), f"{name} {direction}: it still has customers"
                    assert siege.told(seat, "CustomersDropped")
            healed = time.monotonic()
            for proxy in proxies:
                proxy.heal()
            await siege.until_shared()
            print(f"{direction:>4}: all take part again after {time.monotonic() - healed:.1f} s")  # noqa: T201  for who looks
            for seat, name in enumerate(TOXICS):
                again = len(siege.told(seat, "WorkerEntered")) - entered[seat]
                print(f"      {name:<10} entered anew {again} times")  # noqa: T201  as above
                assert again or name not in DEADLY, f"{name} {direction}: it goes on under a name that others took for dead"
        assert len(siege.told(len(TOXICS), "WorkerEntered")) == 1, "the one with a link of its own was disturbed"
