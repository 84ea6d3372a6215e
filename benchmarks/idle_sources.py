"""What a thousand phone systems cost in which nothing happens: of one core, and of the limits of each.

    python -m benchmarks.idle_sources [--sources N] [--seconds S] [--json FILE]

A process of its own is the phone systems: so many RingCentrals with their published limits on, each with a few people and no calls. Another
customer of Archiver belongs to each. After the first passes are over it is measured for a while what the running Archiver costs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import uvloop

from archiver.app import Archiver, ConnectionSpec
from archiver.cli.starting import rare_collections
from archiver.sandbox.ringcentral import RingCentral
from archiver.settings import load

_PEOPLE = 3
_LIMIT_CORE = 0.05


async def farm(count: int) -> None:
    """The phone systems: tells where they are, then, at each line of input, how each limit was used since the last."""
    async with AsyncExitStack() as stack:
        systems = [await stack.enter_async_context(RingCentral()) for _ in range(count)]
        for phones in systems:
            for number in range(_PEOPLE):
                phones.office.add_extension(str(101 + number), f"Agent {number}")
        logins = [phones.login() for phones in systems]
        accounts = [
            {"url": phones.url, "client_id": one.client_id, "client_secret": one.client_secret, "jwt": one.jwt}
            for phones, one in zip(systems, logins, strict=True)
        ]
        print(json.dumps(accounts), flush=True)
        told = [0] * count
        while await asyncio.to_thread(sys.stdin.readline):
            news = [phones.ledger.requests[before:] for phones, before in zip(systems, told, strict=True)]
            told = [len(phones.ledger.requests) for phones in systems]
            groups = ("Light", "Medium", "Heavy", "Auth")
            most = {group: max(sum(request.group == group for request in requests) for requests in news) for group in groups}
            refused = sum(request.status == 429 for requests in news for request in requests)
            print(json.dumps({"requests": sum(map(len, news)), "most": most, "refused": refused}), flush=True)


async def measure(count: int, seconds: float) -> dict[str, Any]:
    """Runs Archiver on so many idle phone systems."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.idle_sources", "--farm", str(count)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 26,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    accounts = json.loads(await process.stdout.readline())

    async def asked() -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"\n")
        answer: dict[str, Any] = json.loads(await process.stdout.readline())
        return answer

    with tempfile.TemporaryDirectory(prefix="idle-sources-") as home:
        settings = load(environment={}, flags={"home": home, "log_level": "error"})
        async with Archiver.open(settings, serve=True) as archiver:
            await add(archiver, accounts, Path(home))
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                group.create_task(archiver.run(stop))
                await warm(asked)
                before, began = cpu(), asyncio.get_running_loop().time()
                await asyncio.sleep(seconds)
                core = (cpu() - before) / (asyncio.get_running_loop().time() - began)
                used = await asked()
                stop.set()
    process.stdin.close()
    await process.wait()
    return {
        "sources": count,
        "seconds": seconds,
        "core": round(core, 4),
        "requests_per_second": round(used["requests"] / seconds, 1),
        **used,
    }


async def add(archiver: Archiver, accounts: Sequence[dict[str, str]], home: Path) -> None:
    """A customer for each phone system."""
    (home / "storage").mkdir()
    for number, account in enumerate(accounts):
        options = {"client_id": account["client_id"], "base_url": account["url"]}
        secrets = {"client_secret": account["client_secret"], "jwt": account["jwt"]}
        await archiver.add_customer(
            f"c{number}",
            [ConnectionSpec(adapter="ringcentral", options=options, secrets=secrets)],
            [ConnectionSpec(adapter="folder", options={"path": str(home / "storage")})],
            ping=False,
        )


async def warm(asked: Any) -> None:
    """Returns when the first passes are over: a minute brings no more calls than the one before."""
    last = 0
    while True:
        await asyncio.sleep(60)
        now = (await asked())["requests"]
        if last and now <= 1.1 * last:
            return
        last = now


def cpu() -> float:
    """Seconds of a core that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measures, prints, and says whether it is what is promised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--farm", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.farm:
        asyncio.run(farm(options.farm))
        return
    with rare_collections(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as `archiver run` does
        found = runner.run(measure(options.sources, options.seconds))
    print(f"{found['sources']} idle phone systems: {found['core']:.1%} of a core, {found['requests_per_second']} calls a second")
    print(f"most calls to one of them in {options.seconds:.0f} s, by group: {found['most']}; refused: {found['refused']}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + os.linesep)
    sys.exit(0 if found["core"] < _LIMIT_CORE and not found["refused"] else 1)


if __name__ == "__main__":
    main()
