"""How many events a second go through the toolkit, beside plain Python, hand-written asyncio and other libraries, in the same run.

    python -m benchmarks.genstage [--json FILE] [--scale 1.0] [--only abc,await_10ms]

Each figure is the median of five rounds after a warm-up. The physical limit (lists of 500 in a plain loop) is measured before each of
them, since machines are shared: ``ratio`` is the median of the rounds' ratios. What computes is counted per second of CPU; what waits per
second on the clock, and its ratio is to bare tasks in the same round. Libraries that are not installed are left out with a line that says
so; none of them is a dependency.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

from benchmarks.genstage_cases import CASES, Case, idle_pipeline_bytes, limit
from benchmarks.genstage_peers import PEERS

ROUNDS = 5


def measured(case: Case, scale: float) -> tuple[float, float, float]:
    """Events a second, what they are set against, and the ratio: the medians of the rounds."""
    events = max(case.least, int(case.events * scale))
    case.rate(max(case.least, events // 5))
    rounds = []
    for _ in range(ROUNDS):
        top = limit() if case.against is None else case.against(events)
        rounds.append((case.rate(events), top))
    ratios = [rate / top for rate, top in rounds]
    return statistics.median(rate for rate, _ in rounds), statistics.median(top for _, top in rounds), statistics.median(ratios)


def wanted(case: Case) -> str:
    """What the case is measured against, for the table."""
    return "" if case.goal is None else f"wanted {case.goal:.3f}"


def main() -> None:
    """Prints a line per case, and writes the figures where they are wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--scale", type=float, default=1.0, help="more or fewer events")
    parser.add_argument("--only", default="", help="only the cases with these names, separated by commas")
    arguments = parser.parse_args()
    only = set(filter(None, arguments.only.split(",")))
    rows: list[dict[str, object]] = []
    limits: list[float] = []
    print(f"{'case':<28}{'max_demand':>11}{'handlers':>10}{'per second':>16}{'ratio':>10}")
    for case in (*CASES, *PEERS):
        if only and case.name not in only:
            continue
        if case.missing:
            print(f"{case.name:<28}{'':>11}{'':>10}{'':>16}{'':>10}  left out: {case.missing}")
            continue
        rate, top, ratio = measured(case, arguments.scale)
        if case.against is None:
            limits.append(top)
        rows.append({"case": case.name, "max_demand": case.max_demand, "handlers": case.handlers, "per_second": round(rate)})
        print(f"{case.name:<28}{case.max_demand:>11}{case.handlers:>10}{rate:>16,.0f}{ratio:>10.4f}  {wanted(case)}".rstrip(), flush=True)
    size = idle_pipeline_bytes()
    print(
        f"physical limit: {statistics.median(limits or [limit()]):,.0f}/s; an idle pipeline of three stages: {size:,} bytes (wanted 8,192)"
    )
    if arguments.json:
        figures = {"limit": round(statistics.median(limits or [limit()])), "rows": rows, "idle_pipeline_bytes": size}
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
