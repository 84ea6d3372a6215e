"""What it costs to be watched: CPU seconds of the whole line with metrics, and with a log line for each item, over those without.

Every round runs all three turn by turn on the same files and the same Dropbox on loopback; a ratio is the median of the rounds' own.

    python -m benchmarks.watching [--json FILE] [--rounds 5] [--scale 1.0]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.line import WORKLOADS, Workload, account, fill, once, sandbox

WANTED_RATIO = 1.02
"""Of the metrics; items per second of one core may fall by no more."""
CONTESTANTS = ("archiver", "archiver-metrics", "archiver-log")


def measure(workload: Workload, rounds: int, scale: float, cores: list[int]) -> dict[str, Any]:
    """Every contestant, turn by turn."""
    mine, theirs = (cores[0], cores[1]) if len(cores) > 1 else (None, None)
    count = max(1, int(workload.count * scale))
    runs: dict[str, list[dict[str, float]]] = {contestant: [] for contestant in CONTESTANTS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder, workload, count)
        for turn in range(rounds):
            with sandbox(theirs) as url:
                for contestant in CONTESTANTS if turn % 2 else CONTESTANTS[::-1]:
                    run = once(contestant, folder, url, account(url, f"{contestant}-{turn}"), mine)
                    if run["items"] != count:
                        raise SystemExit(f"{contestant} archived {run['items']} of {count} items")
                    runs[contestant].append(run)
    row: dict[str, Any] = {"workload": workload.name, "items": count}
    for contestant in CONTESTANTS:
        row[contestant] = statistics.median(run["cpu_seconds"] / run["items"] * 1e6 for run in runs[contestant])
        pairs = zip(runs[contestant], runs["archiver"], strict=True)
        row[f"{contestant}/archiver"] = statistics.median(ours["cpu_seconds"] / none["cpu_seconds"] for ours, none in pairs)
    return row


def main() -> int:
    """Measures, prints a table, and says by its exit code whether what is wanted was reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of files")
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    rows = []
    for workload in WORKLOADS[:2]:
        row = measure(workload, arguments.rounds, arguments.scale, cores)
        rows.append(row)
        print(f"{workload.name}: {row['archiver']:.1f} µs of CPU an item", end="")
        print("".join(f"; {name[9:]} × {row[f'{name}/archiver']:.3f}" for name in CONTESTANTS[1:]), flush=True)
    missed = [row["workload"] for row in rows if row["archiver-metrics/archiver"] > WANTED_RATIO]
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": rows, "missed": missed}, indent=2) + "\n")
    print(f"missed: {', '.join(missed)}" if missed else "every figure that is wanted was reached")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
