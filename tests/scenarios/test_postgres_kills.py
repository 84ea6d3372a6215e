"""Workers on one PostgreSQL that die at every failpoint, and at random: nothing lost, nothing twice, never two owners."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from archiver.failpoints import POINTS
from archiver.sandbox.limits import Limits
from archiver.sandbox.remote import SandboxProcess
from support.forking import WHOLE_BYTES
from support.kills import IN_FLIGHT
from support.machine import Machine
from support.postgres import Server
from support.siege import Death, Siege

LEAST_KILLS = 60
HITS = range(1, 5)
LARGE = WHOLE_BYTES + 777
LIMITS = Limits(latency=0.005, commit_seconds=0.01)
POINTS_BY_NUMBER = {number: f"{name}: {text}" for name, (number, text) in POINTS.items()}

NewAddress = Callable[[], str]


def orders(moments: random.Random, hits: range = HITS) -> list[str]:
    """Every point, and each of its hits that a worker comes to; in any order."""
    every = [f"{point}:{hit}" for point in POINTS_BY_NUMBER for hit in hits]
    moments.shuffle(every)
    return every


async def besieged(siege: Siege, plans: list[list[str]], random_kills: int, moments: random.Random) -> None:
    """One crew: a seat for each plan, and one whose worker lives; or, without plans, all of them die at random. Then it is checked."""
    async with siege:
        await siege.add_customers(3 * siege.seats - 1, LIMITS)  # not evenly shared: somebody always looks whether there is one to take
        await siege.fill()
        async with siege.raining(1, every=1.2, large=LARGE), asyncio.TaskGroup() as kills:
            for seat, plan in enumerate(plans):
                kills.create_task(siege.kill_at(seat, plan))
            if random_kills:
                kills.create_task(siege.kill_some(random_kills, moments))
        await siege.until_archived()
        await siege.stop_all()
        await siege.check()
        repeated = await siege.transfers()
        assert repeated <= len(siege.deaths) * 4 * IN_FLIGHT, f"{repeated} transfers were repeated after {len(siege.deaths)} kills"


def tell(deaths: list[Death], seconds: float) -> None:
    """For who looks."""
    obeyed = Counter(death.orders.partition(":")[0] for death in deaths if death.obeyed)
    for point, text in POINTS_BY_NUMBER.items():
        print(f"{point:>4} {obeyed[point]:3} kills  {text}")  # noqa: T201  as said
    print(f"     {obeyed['']:3} kills  at random")  # noqa: T201  as said
    print(f"{len(deaths)} kills in {seconds:.0f} s; missed: {[death.orders for death in deaths if not death.obeyed]}")  # noqa: T201  as said


@pytest.mark.scenario
@pytest.mark.timeout(300)
async def test_rows_01_to_08_workers_on_postgresql_killed_at_any_failpoint_lose_nothing_and_never_have_two_owners(
    tmp_path: Path, postgres_server: Server, new_postgres_address: NewAddress, sandbox: SandboxProcess
) -> None:
    """Two and three workers a database: they die at every failpoint and at random moments, and others come, while files go on coming."""
    moments = random.Random(8)
    every = orders(moments)
    # Two crews of two with one that dies, two of three with two that die, and one of three that die at random.
    shapes = [(2, [every[0::6]]), (2, [every[1::6]]), (3, [every[2::6], every[3::6]]), (3, [every[4::6], every[5::6]]), (3, [])]
    crews = [
        (Siege(Machine(tmp_path / f"{n}"), postgres_server, new_postgres_address(), sandbox, name=f"crew{n}-", seats=seats), plans)
        for n, (seats, plans) in enumerate(shapes)
    ]
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for siege, plans in crews:
            group.create_task(besieged(siege, plans, 0 if plans else 10, moments))
    deaths = [death for siege, _ in crews for death in siege.deaths]
    tell(deaths, time.monotonic() - began)
    assert len(deaths) >= LEAST_KILLS
    assert {death.orders.partition(":")[0] for death in deaths if death.obeyed} >= POINTS_BY_NUMBER.keys(), "a point was never hit"
