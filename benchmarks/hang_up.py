"""From hang-up to archived: how long a recording takes beyond the phone system's own delay.

    python -m benchmarks.hang_up [--calls N] [--json FILE]

RingCentral on loopback with its webhooks, which calls the running Archiver at each hang-up; the row of the call appears a second later, as
real ones do after some. A folder is the storage. The limit of the group Heavy is raised, since here only the way is measured; what waits
for its turn at the limits is what ``benchmarks.ringcentral`` shows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from archiver.app import Archiver, ConnectionSpec
from archiver.model import Kind
from archiver.sandbox.ringcentral import GroupLimit, RingCentral
from archiver.sandbox.ringcentral.limits import LIMITS
from archiver.settings import load

_LIMIT_SECONDS = 3.0
_LATE = 1.0
_GAP = 0.2
_PEOPLE = 20
_PATIENCE = 60.0


async def measure(home: Path, calls: int) -> list[float]:
    """Seconds from when each row was there to the storage's receipt, the shortest first."""
    limits = {**LIMITS, "Heavy": GroupLimit(calls=10_000)}
    settings = load(environment={}, flags={"home": str(home / "home"), "log_level": "error", "webhooks": "127.0.0.1:0"})
    (home / "storage").mkdir()
    async with RingCentral(limits=limits) as phones, Archiver.open(settings, serve=True) as archiver:
        people = [phones.office.add_extension(str(101 + number), f"Agent {number}") for number in range(_PEOPLE)]
        login = phones.login()
        options: dict[str, Any] = {"client_id": login.client_id, "base_url": phones.url, "poll_interval": 600.0}
        secrets = {"client_secret": login.client_secret, "jwt": login.jwt}
        source = ConnectionSpec(adapter="ringcentral", options=options, secrets=secrets)
        await archiver.add_customer("acme", [source], [ConnectionSpec(adapter="folder", options={"path": str(home / "storage")})])
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(archiver.run(stop))
            async with asyncio.timeout(_PATIENCE):
                while not phones.bells.subscriptions or not phones.ledger.count("call-log"):  # noqa: ASYNC110  another side is looked at
                    await asyncio.sleep(0.05)
            for number in range(calls):
                phones.office.add_call(people[number % _PEOPLE], [b"ID3 call %d" % number], late=_LATE)
                await asyncio.sleep(_GAP)
            async with asyncio.timeout(_PATIENCE):
                while (await archiver.status())[0].archived < 2 * calls:  # noqa: ASYNC110  as above
                    await asyncio.sleep(0.1)
            stop.set()
        seen = {call.id: call.visible_at for call in phones.office.calls.values()}
        waits, after = [], 0
        while rows := await archiver.deliveries(after=after, limit=1000):
            after = rows[-1].id
            waits += [row.receipt.archived_at / 1000 - seen[row.external_id] for row in rows if row.receipt and row.kind is Kind.RECORDING]
    return sorted(waits)


def figures(waits: list[float]) -> dict[str, Any]:
    """What is told of them."""

    def share(part: float) -> float:
        return round(waits[math.ceil(part * len(waits)) - 1], 2)

    return {"calls": len(waits), "median": share(0.5), "p95": share(0.95), "worst": share(1.0)}


def main() -> None:
    """Measures, prints, and says whether it is what is promised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hang-up-") as directory:
        found = figures(asyncio.run(measure(Path(directory), options.calls)))
    print(
        f"{found['calls']} calls, from their rows to archived: median {found['median']} s, p95 {found['p95']} s, worst {found['worst']} s"
    )
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + os.linesep)
    sys.exit(0 if found["calls"] == options.calls and found["p95"] < _LIMIT_SECONDS else 1)


if __name__ == "__main__":
    main()
