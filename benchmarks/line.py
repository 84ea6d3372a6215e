"""The whole line: from a folder through SQLite into a Dropbox sandbox without limits on the other core, and into memory.

Beside a hand-written aiohttp loop that makes the same calls with no database, in the same run, turn by turn. Figures are medians over
the rounds; the ratio is the median of the rounds' own ratios, so that a machine whose speed drifts does not decide.

    python -m benchmarks.line [--json FILE] [--rounds 3] [--scale 1.0]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

WANTED = {"sms": 8000.0, "recording-100k": 2500.0}
"""Items per second of one core."""
WANTED_RATIO = 1.5


class Workload(msgspec.Struct, frozen=True):
    """What is archived: so many files of one size.

    Attributes:
        name: For the table.
        suffix: Of the files.
        size: Of each file, in bytes.
        count: How many, at scale 1.
    """

    name: str
    suffix: str
    size: int
    count: int


WORKLOADS = (
    Workload("sms", ".txt", 1024, 20_000),
    Workload("recording-100k", ".wav", 100_000, 4_000),
    Workload("recording-1m", ".wav", 1_000_000, 400),
)
CONTESTANTS = ("bare", "archiver", "archiver-memory")


def fill(folder: Path, workload: Workload, count: int) -> None:
    """Writes files that all differ, without a pattern that anything could compress."""
    noise = os.urandom(workload.size)
    for number in range(count):
        head = hashlib.sha256(str(number).encode()).digest()
        (folder / f"{number:08}{workload.suffix}").write_bytes((head + noise)[: workload.size])


@contextmanager
def sandbox(core: int | None) -> Iterator[str]:
    """A Dropbox on loopback without limits, which hashes what it gets and keeps no content; on a core of its own."""
    command = [sys.executable, "-m", "archiver.sandbox", "--port", "0", "--no-content", "--parent-pid", str(os.getpid())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  our own module
        try:
            assert process.stdout is not None
            if core is not None:
                os.sched_setaffinity(process.pid, {core})
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()


def account(url: str, name: str) -> str:
    """A fresh account of the sandbox; its access token."""
    request = urllib.request.Request(  # noqa: S310  loopback
        f"{url}/sandbox/accounts", json.dumps({"name": name}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as reply:  # noqa: S310  loopback
        return str(json.load(reply)["access_token"])


def once(contestant: str, folder: Path, url: str, token: str, core: int | None) -> dict[str, float]:
    """One run in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.line_worker", contestant, str(folder), "--url", url, "--token", token]
    if core is not None:
        command += ["--core", str(core)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)  # noqa: S603  our own module


def measure(workload: Workload, rounds: int, scale: float, cores: list[int]) -> dict[str, Any]:
    """Every contestant, turn by turn."""
    mine, theirs = (cores[0], cores[1]) if len(cores) > 1 else (None, None)
    runs: dict[str, list[dict[str, float]]] = {contestant: [] for contestant in CONTESTANTS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = max(1, int(workload.count * scale))
        fill(folder, workload, count)
        for turn in range(rounds):
            with sandbox(theirs) as url:
                for contestant in CONTESTANTS:
                    run = once(contestant, folder, url, account(url, f"{contestant}-{turn}"), mine)
                    if run["items"] != count:
                        raise SystemExit(f"{contestant} archived {run['items']} of {count} items")
                    runs[contestant].append(run)
    row: dict[str, Any] = {"workload": workload.name, "items": count, "bytes": workload.size}
    for contestant in CONTESTANTS:
        row[contestant] = {
            "items_per_second": statistics.median(run["items"] / run["seconds"] for run in runs[contestant]),
            "items_per_cpu_second": statistics.median(run["items"] / run["cpu_seconds"] for run in runs[contestant]),
            "cpu_us_per_item": statistics.median(run["cpu_seconds"] / run["items"] * 1e6 for run in runs[contestant]),
            "peak_mib": max(run["peak_bytes"] for run in runs[contestant]) / 2**20,
        }
    pairs = zip(runs["archiver"], runs["bare"], strict=True)
    row["cpu_ratio"] = statistics.median(ours["cpu_seconds"] / bare["cpu_seconds"] for ours, bare in pairs)
    return row


def main() -> int:
    """Measures, prints a table, and says by its exit code whether what is wanted was reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of files")
    parser.add_argument("--only", choices=[workload.name for workload in WORKLOADS])
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    rows = []
    print(f"{'workload':<16}{'contestant':<17}{'items/s':>10}{'items/s/core':>14}{'CPU µs/item':>13}{'peak MiB':>10}")
    for workload in WORKLOADS:
        if arguments.only in (None, workload.name):
            row = measure(workload, arguments.rounds, arguments.scale, cores)
            rows.append(row)
            for contestant in CONTESTANTS:
                figures = row[contestant]
                print(
                    f"{workload.name:<16}{contestant:<17}{figures['items_per_second']:>10,.0f}"
                    f"{figures['items_per_cpu_second']:>14,.0f}{figures['cpu_us_per_item']:>13,.1f}{figures['peak_mib']:>10,.0f}"
                )
            print(f"{'':<16}archiver / bare, CPU: {row['cpu_ratio']:.2f}", flush=True)
    missed = [f"{r['workload']}: {r['archiver']['items_per_cpu_second']:,.0f} per core" for r in rows if r["workload"] in WANTED
              and r["archiver"]["items_per_cpu_second"] < WANTED[r["workload"]]]  # fmt: skip
    missed += [f"{r['workload']}: ratio {r['cpu_ratio']:.2f}" for r in rows if r["cpu_ratio"] > WANTED_RATIO]
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": rows, "missed": missed}, indent=2) + "\n")
    print("missed: " + "; ".join(missed) if missed else "every figure that is wanted was reached")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
