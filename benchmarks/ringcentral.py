"""A large company on RingCentral, hours of it in virtual time: all is archived, no limit is pushed, none lies idle while there is work.

    PYTHONPATH=tests python -m benchmarks.ringcentral [--extensions N] [--calls N] [--heavy N] [--json FILE]

The pipeline on a real SQLite file, RingCentral on loopback with its limits and its penalty on, real sockets; only time jumps. The calls
are of one day, all recorded; every tenth row appears minutes late. With ``--heavy`` the company's limit for recordings was raised, as
RingCentral does on request: by default ten a minute are permitted, 14,400 a day.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

from archiver.model import Connection
from archiver.sandbox.ringcentral import GroupLimit, RingCentral
from archiver.sandbox.ringcentral.limits import LIMITS
from archiver.sources.port import Source
from genstage.testing import run
from support.phones import GRACE, Bench
from support.world import World

_LEAST_USED = 0.97
_DAY = 86_400.0
_NOT_LATE = 0.85  # of the calls: what is late is found by the next look, an hour or two later


class CompanyWorld(World):
    """A world whose one customer has the phone system."""

    bench: Bench

    def open_source(self, connection: Connection) -> Source:
        """The company's phones; four thousand message stores take eighty minutes, so each is looked at every two hours."""
        del connection
        return self.bench.source(poll_interval=7200, kinds="recording,call_log,sms")


def furnish(phones: RingCentral, extensions: int, calls: int) -> None:
    """People, a day of recorded calls, a message each for a hundred of them."""
    people = [phones.office.add_extension(str(1001 + number), f"Agent {number}") for number in range(extensions)]
    now = phones.office.now()
    for number in range(calls):
        late = 300.0 if number % 10 == 0 else 0.0
        phones.office.add_call(people[number % extensions], [b"ID3 %d" % number], start=now - _DAY * (1 - number / calls), late=late)
    for person in people[:100]:
        phones.office.add_message(person, "SMS", subject="hello", created_at=now - 3600)


async def archive(path: Path, extensions: int, calls: int, heavy: int) -> dict[str, Any]:
    """Archives all of it; the figures."""
    world = CompanyWorld(path)
    await world.database.serve()
    await world.database.open()
    began = world.clock.time()
    limits = {**LIMITS, "Heavy": GroupLimit(calls=heavy)}
    connector = aiohttp.TCPConnector(force_close=True)
    async with RingCentral(now=world.clock.wall, limits=limits) as phones, aiohttp.ClientSession(connector=connector) as http:
        furnish(phones, extensions, calls)
        world.bench = Bench(phones, http, world.clock)
        await world.add_customer("company")
        wanted = 2 * calls + 2 * min(100, extensions)
        share: tuple[float, float] | None = None
        async with world.running(world.assembly()):
            while (done := (await world.counters("company")).archived) < wanted:
                await asyncio.sleep(60)
                recordings = phones.ledger.count("recording/content", 200)
                if calls * 0.1 < recordings:
                    share = share or (world.clock.time(), heavy_calls(phones))
                if recordings < calls * _NOT_LATE and share is not None:
                    last = (world.clock.time(), heavy_calls(phones))
            hours = (world.clock.time() - began) / 3600
            assert share is not None
        groups = {name: {"refused": group.refused, "poked": group.poked} for name, group in phones.groups().items()}
    rows = await world.database.counters()
    await world.database.close()
    used = (last[1] - share[1]) / (heavy * (last[0] - share[0]) / 60)
    return {
        "extensions": extensions,
        "calls": calls,
        "archived": done,
        "wanted": wanted,
        "gone": rows[0].gone,
        "rejected": rows[0].rejected,
        "hours": round(hours, 1),
        "heavy_used": round(used, 4),
        "groups": groups,
    }


def heavy_calls(phones: RingCentral) -> int:
    """How many calls of the group there were."""
    return sum(request.group == "Heavy" for request in phones.ledger.requests)


def main() -> None:
    """Plays it, prints, and says whether it is what is promised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--extensions", type=int, default=4000)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--heavy", type=int, default=10, help="calls of the group Heavy that are permitted in a minute")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="ringcentral-") as directory:
        found = run(archive, Path(directory) / "archiver.db", options.extensions, options.calls, options.heavy, grace=GRACE)
    found["real_seconds"] = round(time.perf_counter() - began, 1)
    print(f"{found['archived']:,} of {found['wanted']:,} items of {found['extensions']:,} extensions archived in {found['hours']} hours")
    print(f"{found['heavy_used']:.1%} of the permitted Heavy calls used while there was work; refused and poked: {found['groups']}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + os.linesep)
    pushed = any(group["refused"] or group["poked"] for group in found["groups"].values())
    sys.exit(0 if found["archived"] == found["wanted"] and found["heavy_used"] >= _LEAST_USED and not pushed else 1)


if __name__ == "__main__":
    main()
