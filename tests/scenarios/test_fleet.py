"""Several ``archiver run`` on one PostgreSQL: nothing lost, nothing twice, nothing corrupt, and never two owners at once."""

from __future__ import annotations

import asyncio
import json
import signal

import pytest

from archiver.sandbox.limits import Limits
from archiver.sandbox.remote import SandboxProcess
from support.crew import TTL, Crew
from support.machine import Machine
from support.postgres import Server

# Calls take a while, so that faults fall into the middle of them; and a few are refused.
LIMITS = Limits(latency=0.03, commit_seconds=0.05, commit_seconds_per_file=0.002, calls_per_second=20.0, burst=10.0, retry_after=1)
RECOVERY = TTL * 1.25 + 2.5
"""Time to live, a beat, and what a busy machine adds."""


@pytest.fixture
def crew(machine: Machine, postgres_server: Server, postgres_address: str, sandbox: SandboxProcess) -> Crew:
    """Workers and customers that do not exist yet."""
    return Crew(machine, postgres_server, postgres_address, sandbox)


async def handed_over(crew: Crew, customers: set[str], since: float) -> float:
    """How long it took until each of these customers had its next owner."""
    async with asyncio.timeout(30):
        while True:
            notes = await asyncio.to_thread(crew.changes)
            taken = {name: [note.at for note in notes if note.customer == name and note.owner and note.at > since] for name in customers}
            if all(taken.values()):
                return max(moments[0] for moments in taken.values()) - since
            await asyncio.sleep(0.1)


@pytest.mark.scenario
@pytest.mark.timeout(120)
async def test_row_08_a_killed_workers_customers_go_on_with_the_other(crew: Crew) -> None:
    """SIGKILL of one of two: the other has its customers within the time to live and a beat, and is told to be careful."""
    await crew.add_customers(8, LIMITS)
    await crew.start(2)
    async with crew.raining(10, every=0.3):
        await asyncio.sleep(2)
        customers = await crew.owned_by(0)
        assert len(customers) == 4
        killed = crew.send(0, signal.SIGKILL)
        assert await handed_over(crew, customers, killed) < RECOVERY
        await asyncio.sleep(1)
    await crew.until_archived()
    await crew.stop_all()
    await crew.check()
    assert crew.told(1, "CustomersTaken")[-1]["careful"] == 4


@pytest.mark.scenario
@pytest.mark.timeout(120)
async def test_row_08_a_worker_that_stood_still_wakes_and_drops_what_others_have(crew: Crew) -> None:
    """SIGSTOP beyond the time to live, then SIGCONT: the sleeper makes not one call more for its old customers, and enters anew."""
    await crew.add_customers(9, LIMITS)
    await crew.start(3)
    async with crew.raining(10, every=0.3):
        await asyncio.sleep(2)
        customers = await crew.owned_by(1)
        assert len(customers) == 3
        stopped = crew.send(1, signal.SIGSTOP)
        assert await handed_over(crew, customers, stopped) < RECOVERY
        await asyncio.sleep(1)
        crew.send(1, signal.SIGCONT)
        await crew.until_shared()
        assert len(await crew.owned_by(1)) == 3
        await asyncio.sleep(1)
    await crew.until_archived()
    await crew.stop_all()
    await crew.check()
    assert crew.told(1, "CustomersDropped")
    assert len(crew.told(1, "WorkerEntered")) == 2


@pytest.mark.scenario
@pytest.mark.timeout(120)
async def test_row_35_a_drained_workers_customers_are_taken_at_once(crew: Crew) -> None:
    """SIGTERM of one of two: each customer goes when its uploads have ended; nobody waits for a time to live, nothing travels twice."""
    await crew.add_customers(8, LIMITS)
    await crew.start(2)
    async with crew.raining(10, every=0.3):
        await asyncio.sleep(2)
        customers = await crew.owned_by(0)
        stopped = crew.send(0, signal.SIGTERM)
        assert await handed_over(crew, customers, stopped) < TTL + 2.0  # a commit lock and a Retry-After of a second among them
        assert await crew.workers[0].wait() == 0
        await asyncio.sleep(1)
    await crew.until_archived()
    await crew.stop_all()
    await crew.check()
    assert {told["careful"] for told in crew.told(1, "CustomersTaken")} == {0}
    assert await crew.transfers() == 0


@pytest.mark.scenario
@pytest.mark.timeout(180)
async def test_five_workers_of_which_some_die_some_sleep_and_some_come(crew: Crew) -> None:
    """Five workers; one is killed, one sleeps and wakes, one is drained, one comes: all customers go on, and each has one owner."""
    await crew.add_customers(15, LIMITS)
    await crew.start(5)
    status = json.loads(await crew.machine.archiver("status", "--json"))
    assert sorted(row["customers"] for row in status["workers"]) == [3, 3, 3, 3, 3]
    assert {row["worker"]["pid"] for row in status["workers"]} == {worker.pid for worker in crew.workers}
    async with crew.raining(5, every=0.5):
        await asyncio.sleep(1)
        crew.send(0, signal.SIGKILL)
        crew.send(1, signal.SIGSTOP)
        await asyncio.sleep(TTL * 1.5)
        crew.send(2, signal.SIGTERM)
        crew.send(1, signal.SIGCONT)
        assert await crew.workers[2].wait() == 0
        await crew.start(1)
        await asyncio.sleep(1)
    await crew.until_archived()
    await crew.stop_all()
    await crew.check()
    assert crew.workers[0].returncode == -signal.SIGKILL
