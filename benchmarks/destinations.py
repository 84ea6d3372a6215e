"""Small files of 100 KB into each destination at one core, beside the provider's own package or a tool that everybody knows.

    python -m benchmarks.destinations [NAME …] [--json FILE] [--rounds 5] [--items 300]

Both sides upload to the same server, which has the other cores, round by round in turn and with the same number of uploads in flight.
Figures are medians over the rounds; the ratio is the median of the rounds' own ratios, so that a machine whose speed drifts does not
decide. Our side hashes each file, as the pipeline does, and counts only what the storage confirmed. Exits with 1 where ours is slower.
Who stands beside whom is said by the modules of ``benchmarks.contests``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import uvloop

from archiver import registry
from archiver.adapter import check_options
from archiver.destinations.conformance import whole
from archiver.destinations.port import Context, Destination, Unpaced
from archiver.outcome import Archived
from benchmarks.contests import Contest, File, Theirs, UnavailableError, contests
from genstage.clock import SystemClock

FILE_BYTES = 100_000
WANTED_RATIO = 1.0
"""Ours beside the first rival."""


def files(count: int, folder: str) -> list[File]:
    """So many files that all differ, without a pattern that anything could compress."""
    return [File(f"/{folder}/call-{number:05}.wav", os.urandom(FILE_BYTES)) for number in range(count)]


async def upload(contest: Contest, batch: Sequence[File]) -> None:
    """Uploads files through our destination, opened anew as for a lane that wakes.

    Raises:
        SystemExit: A file was not archived.
    """
    adapter = registry.destination(contest.name)
    options = check_options(contest.name, adapter.options, contest.options())
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        destination = adapter.open(options, Context(pace=Unpaced(), clock=SystemClock(), http=http))
        waiting = iter(list(enumerate(batch)))
        async with asyncio.TaskGroup() as group:
            for _ in range(contest.in_flight):
                group.create_task(_work(destination, waiting))
        await destination.close()


async def _work(destination: Destination, waiting: Any) -> None:
    """One worker of a lane: takes as much as one call carries, until nothing is left."""
    most, most_bytes = destination.features.batch_items, destination.features.batch_bytes
    while True:
        uploads = []
        for number, file in waiting:
            uploads.append(whole(number, file.data, file.path))  # hashes it, as the pipeline does
            if len(uploads) >= most or (len(uploads) + 1) * FILE_BYTES > most_bytes:
                break
        if not uploads:
            return
        async for _, outcome in destination.put_many(uploads):
            if not isinstance(outcome, Archived):
                raise SystemExit(f"a file was not archived: {outcome}")


class Speeds:
    """What one side reached, round by round."""

    def __init__(self) -> None:
        self.per_second: list[float] = []
        self.cpu_us: list[float] = []

    def measure(self, items: int, run: Callable[[], object]) -> None:
        """Runs it, and notes items a second and the CPU that this process and its children spent on each."""
        began, times = time.perf_counter(), os.times()
        run()
        seconds, spent = time.perf_counter() - began, os.times()
        self.per_second.append(items / seconds)
        self.cpu_us.append(sum(after - before for before, after in zip(times[:4], spent[:4], strict=True)) / items * 1e6)


def measure(contest: Contest, rounds: int, items: int) -> dict[str, Any]:
    """Items a second of ours and of each rival, and the ratios."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[1:] or cores)
    try:
        with contest.server():
            os.sched_setaffinity(0, cores[:1])
            sides: dict[str, Theirs] = {"ours": partial(_ours, contest), **contest.rivals()}
            speeds = {name: Speeds() for name in sides}
            for name, side in sides.items():
                side(files(20, f"warm/{_word(name)}"))()
            for number in range(rounds):
                for name, side in sides.items():
                    run = side(files(items, f"{number}/{_word(name)}"))
                    speeds[name].measure(items, run)
    finally:
        os.sched_setaffinity(0, cores)
    ours = speeds["ours"].per_second
    ratios = {
        name: statistics.median(our / their for our, their in zip(ours, side.per_second, strict=True))
        for name, side in speeds.items()
        if name != "ours"
    }
    return {
        "destination": contest.name,
        "in_flight": contest.in_flight,
        "items_per_second": {name: round(statistics.median(side.per_second), 1) for name, side in speeds.items()},
        "cpu_us_per_item": {name: round(statistics.median(side.cpu_us)) for name, side in speeds.items()},
        "ratio": {name: round(ratio, 2) for name, ratio in ratios.items()},
        "enough": next(iter(ratios.values())) >= WANTED_RATIO,
    }


def _ours(contest: Contest, batch: Sequence[File]) -> Callable[[], None]:
    """Our side, in the form of a rival's."""
    return lambda: uvloop.run(upload(contest, batch))


def _word(name: str) -> str:
    return name.replace(" ", "-")


def main() -> None:
    """Measures, prints a line for each destination, and exits with 1 where ours is slower than the first rival."""
    known = contests()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(known)}; all of them if none is given")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--items", type=int, default=300)
    arguments = parser.parse_args()
    results: list[dict[str, Any]] = []
    for name in arguments.names or known:
        if name not in known:
            parser.error(f"there is no contest {name!r}")
        try:
            result = measure(known[name], arguments.rounds, arguments.items)
        except UnavailableError as error:
            results.append({"destination": name, "skipped": str(error), "enough": True})
            print(f"{name:14} skipped: {error}", flush=True)
            continue
        results.append(result)
        cpu = result["cpu_us_per_item"]
        told = ", ".join(f"{who} {speed:.0f}/s ({cpu[who]} us of CPU each)" for who, speed in result["items_per_second"].items())
        beside = ", ".join(f"{ratio:.2f} x {who}" for who, ratio in result["ratio"].items())
        print(f"{name:14} {told}; {beside}{'' if result['enough'] else '  TOO SLOW'}", flush=True)
    if arguments.json:
        about = {"file_bytes": FILE_BYTES, "rounds": arguments.rounds, "items": arguments.items, "python": sys.version.split()[0]}
        arguments.json.write_text(json.dumps({**about, "destinations": results}, indent=2) + "\n")
    sys.exit(0 if all(result["enough"] for result in results) else 1)


if __name__ == "__main__":
    main()
