"""``python -m simulation``: plays seeds, as many at a time as there are cores, and tells which of them found a broken promise."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from simulation.mutants import MUTANTS, first_noticed
from simulation.run import Played, play

__all__ = ["main", "play_many"]

_MUTANT_SEEDS = 60


def play_many(seeds: Iterable[int], *, jobs: int, budget: float | None = None) -> Iterator[Played]:
    """Plays seeds in so many processes, until they are used up or the time is.

    Args:
        seeds: Which.
        jobs: How many processes.
        budget: Seconds after which no seed is begun any more; None for none.
    """
    began = time.monotonic()

    def while_there_is_time() -> Iterator[int]:
        for seed in seeds:
            if budget is not None and time.monotonic() - began > budget:
                return
            yield seed

    if jobs == 1:
        yield from map(play, while_there_is_time())
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        waiting: list[Any] = []
        for seed in while_there_is_time():
            waiting.append(pool.apply_async(play, (seed,)))
            while len(waiting) >= 2 * jobs:
                yield waiting.pop(0).get()
        for result in waiting:
            yield result.get()


def _report(played: list[Played], took: float) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    for one in played:
        counts.update(one.counts)
    virtual = sum(one.seconds for one in played)
    return {
        "seeds": len(played),
        "broken": {str(one.seed): one.broken for one in played if one.broken},
        "seconds": round(took, 1),
        "seeds_per_minute": round(len(played) / took * 60, 1),
        "virtual_seconds": round(virtual),
        "times_real": round(virtual / took),
        "median_seed_seconds": round(statistics.median(one.took for one in played), 3),
        "counts": dict(sorted(counts.items())),
    }


def _try_mutants(most: int) -> int:
    unnoticed = 0
    for name in MUTANTS:
        seeds, broken = first_noticed(name, most)
        unnoticed += not seeds
        print(f"{name:36} {f'noticed at seed {seeds}: {broken}' if seeds else f'NOT NOTICED in {most} seeds'}", flush=True)
    return 1 if unnoticed else 0


def main() -> int:
    """Plays what the command line says; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many seeds are played")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="one seed, with its story's last lines")
    parser.add_argument("--story", type=Path, help="write the whole story of --seed there")
    parser.add_argument("--seconds", type=float, help="begin no seed after so many seconds")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    parser.add_argument("--mutants", action="store_true", help="break the product on purpose, and tell after how many seeds it is noticed")
    parser.add_argument("--json", type=Path, help="write the figures there")
    arguments = parser.parse_args()
    if arguments.mutants:
        return _try_mutants(min(arguments.seeds, _MUTANT_SEEDS))
    began = time.monotonic()
    played = []
    if arguments.seed is not None:
        many = iter([play(arguments.seed, whole=arguments.story is not None)])
    else:
        many = play_many(range(arguments.first, arguments.first + arguments.seeds), jobs=arguments.jobs, budget=arguments.seconds)
    for one in many:
        played.append(one)
        if arguments.story:
            arguments.story.write_text("\n".join(one.last))
        if one.broken:
            print(*one.last[-60:], f"seed {one.seed} breaks {one.broken}", f"  again: make sim SEED={one.seed}", sep="\n")
    report = _report(played, time.monotonic() - began)
    if arguments.seed is not None:
        report["digest"] = played[0].digest
    print(json.dumps(report, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(report))
    return 1 if report["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
