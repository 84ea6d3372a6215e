"""How near a lane lives to a limit that it does not know: the real pacer alone, hours of virtual time in seconds.

``python -m benchmarks.pacer [--json FILE] [--plot FILE.svg] [--seeds N]``; ``make bench-pacer``. Exit code 1 if a target is missed.

Used is what was taken of what a client that knew the limit could have got through: rate times time, and a bucket's burst. The silence
after a refusal counts as not used. What is wanted is in each row; medians over the seeds, the worst beside them.

Judged is the first hour, from nothing known. A Retry-After of 300 seconds takes a twelfth of it each time, and to know a rate *and* a
burst from refusals takes two or three of them (see ``docs/pacing.md``); so there the hour after it is shown, too.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks.pacer_plot import plot
from benchmarks.pacer_providers import Bucket, CommitLock, Limiter, Unlimited, Window
from benchmarks.pacer_world import RetryAfter, Trace, World

__all__ = ["main"]

HOUR = 3600


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A provider, and what is wanted of the pacer there.

    Attributes:
        name: For people.
        limiter: Makes the provider, from a seed.
        retry_after: Seconds that a refused call is told; None for nothing; -1 for the rest of the window.
        seconds: How long it runs; the last hour is judged.
        lock: Whether commits hold a lock.
        used: Least share of the permitted rate.
        refused: Largest share of the calls that may be refused.
        refusals: Fewest and most refused calls; None if only the share counts.
        raised_at: When the limit comes back.
        recovered: Most seconds from then until nine tenths of it are used again.
        in_flight: Most seconds until this many calls are in flight, as ``(calls, seconds)``.
    """

    name: str
    limiter: Callable[[int], Limiter]
    retry_after: float | None
    seconds: int = HOUR
    lock: bool = False
    used: float | None = 0.95
    refused: float | None = 0.01
    refusals: tuple[int, int] | None = None
    raised_at: int | None = None
    recovered: int = 600
    in_flight: tuple[int, int] | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What came out, over all seeds: shares are medians, with the worst.

    Attributes:
        provider: The case's name.
        retry_after: As in the case.
        used: Share of the permitted rate, in the hour that begins with nothing known; it is judged.
        used_worst: Of the worst seed.
        used_next_hour: Of the hour after it; None if the case ends before.
        used_wanted: None if it is not judged.
        refused: Share of all calls that were refused, of both kinds.
        refused_worst: Of the worst seed.
        refusals: Refused calls, median.
        disobeyed: Calls sent before a Retry-After was over, of all seeds together.
        recovered: Seconds until a raised limit is used again, worst seed; None if none was raised.
        misses: What was wanted and not reached.
    """

    provider: str
    retry_after: float | None
    used: float
    used_worst: float
    used_next_hour: float | None
    used_wanted: float | None
    refused: float
    refused_worst: float
    refusals: float
    disobeyed: int
    recovered: float | None
    misses: list[str]


def cases() -> list[Case]:
    """Every row."""
    made: list[Case] = []
    for retry_after in (None, 1.0, 15.0, 300.0):
        kinds: list[tuple[str, Callable[[int], Limiter], bool]] = [
            ("12 a second, burst 12", lambda _: Bucket([(0, 12)], 12), False),
            ("12 a second, burst 60", lambda _: Bucket([(0, 12)], 60), False),
            ("12 a second, refused calls count", lambda _: Bucket([(0, 12)], 12, count_refused=True), False),
            ("40 a minute, fixed window", lambda seed: Window(40, 60, seed * 17 % 60), False),
            ("3 a second, burst 3", lambda _: Bucket([(0, 3)], 3), False),
            ("3 a second, burst 15", lambda _: Bucket([(0, 3)], 15), False),
            ("12 a second, commit lock", lambda _: Bucket([(0, 12)], 12), True),
        ]
        dear = retry_after == 300
        made += [
            Case(
                name=name,
                limiter=limiter,
                retry_after=retry_after,
                lock=lock,
                used=0.9 if dear else 0.95,
                seconds=2 * HOUR if dear else HOUR,
            )
            for name, limiter, lock in kinds
        ]
    made.append(Case(name="40 a minute, fixed window", limiter=lambda seed: Window(40, 60, seed * 17 % 60), retry_after=-1))
    for retry_after in (None, 1.0, 15.0):
        made.append(
            Case(
                name="12, then 4, then 12 a second",
                limiter=lambda _: Bucket([(0, 12), (1200, 4), (2400, 12)], 12),
                retry_after=retry_after,
                raised_at=2400,
            )
        )
    made.append(
        Case(
            name="a minute: 2.5, then 1.2, then 2.5",
            limiter=lambda _: Bucket([(0, 2.5), (20, 1.2), (35, 2.5)], 5),
            retry_after=2,
            seconds=60,
            used=0.85,
            refused=None,
            refusals=(1, 6),
        )
    )
    made.append(Case(name="no limit", limiter=lambda _: Unlimited(), retry_after=None, used=None, in_flight=(30, 60)))
    return made


def measure(case: Case, seeds: int) -> Row:
    """Runs a case once a seed."""
    runs = [_run(case, seed) for seed in range(1, seeds + 1)]
    used = [_used(limiter, trace, 0, min(case.seconds, HOUR)) for limiter, trace in runs]
    then = [_used(limiter, trace, HOUR, case.seconds) for limiter, trace in runs] if case.seconds > HOUR else []
    refusals = [sum(trace.refused) + trace.contended for _, trace in runs]
    refused = [count / (sum(trace.taken) + sum(trace.refused)) for count, (_, trace) in zip(refusals, runs, strict=True)]
    recovered = None if case.raised_at is None else max(_recovered(trace, case.raised_at) for _, trace in runs)
    row = Row(
        provider=case.name,
        retry_after=case.retry_after,
        used=round(statistics.median(used), 4),
        used_worst=round(min(used), 4),
        used_next_hour=round(statistics.median(then), 4) if then else None,
        used_wanted=case.used,
        refused=round(statistics.median(refused), 5),
        refused_worst=round(max(refused), 5),
        refusals=statistics.median(refusals),
        disobeyed=sum(trace.disobeyed for _, trace in runs),
        recovered=recovered,
        misses=[],
    )
    return msgspec.structs.replace(row, misses=_misses(case, row, [trace for _, trace in runs]))


def _run(case: Case, seed: int) -> tuple[Limiter, Trace]:
    limiter = case.limiter(seed)
    retry_after: RetryAfter = lambda _: case.retry_after  # noqa: E731 - shorter than a function, and as clear
    if case.retry_after == -1:
        assert isinstance(limiter, Window)
        window = limiter
        retry_after = lambda now: float(int(window.rest(now)) + 1)  # noqa: E731 - as above
    world = World(limiter, retry_after, case.seconds, seed, CommitLock(0.12, 0.005) if case.lock else None)
    return limiter, world.run()


def _used(limiter: Limiter, trace: Trace, start: int, end: int) -> float:
    return sum(trace.taken[start:end]) / limiter.permitted(start, end)


def _recovered(trace: Trace, raised_at: int) -> float:
    """Seconds from a raise to the first ten seconds at nine tenths of 12 calls a second."""
    for second in range(raised_at, len(trace.taken) - 10):
        if sum(trace.taken[second : second + 10]) >= 0.9 * 12 * 10:
            return float(second - raised_at)
    return float("inf")


def _misses(case: Case, row: Row, traces: list[Trace]) -> list[str]:
    misses = []
    if case.used is not None and row.used < case.used:
        misses.append(f"used {row.used:.3f} < {case.used}")
    if case.refused is not None and row.refused > case.refused:
        misses.append(f"refused {row.refused:.2%} > {case.refused:.0%}")
    if case.refusals is not None and not case.refusals[0] <= row.refusals <= case.refusals[1]:
        misses.append(f"{row.refusals} refused calls, not {case.refusals[0]} to {case.refusals[1]}")
    if row.disobeyed:
        misses.append(f"{row.disobeyed} calls before a Retry-After was over")
    if row.recovered is not None and row.recovered > case.recovered:
        misses.append(f"a raised limit used again after {row.recovered:.0f} s")
    if case.in_flight is not None:
        calls, seconds = case.in_flight
        if any(max(trace.in_flight[:seconds]) < calls for trace in traces):
            misses.append(f"fewer than {calls} calls in flight after {seconds} s")
    return misses


def _table(rows: list[Row]) -> str:
    head = f"{'provider':<34} {'Retry-After':>11} {'used':>6} {'(worst)':>8} {'wanted':>6} {'next hour':>9}"
    lines = [f"{head} {'refused':>8} {'(worst)':>8} {'disobeyed':>9} {'raised, s':>9}"]
    for row in rows:
        told = "none" if row.retry_after is None else "rest" if row.retry_after < 0 else f"{row.retry_after:.0f} s"
        shares = () if row.used_wanted is None else (f"{row.used:.3f}", f"{row.used_worst:.3f}", f"{row.used_wanted:.2f}")
        used, worst, wanted = shares or ("", "", "")
        then = "" if row.used_next_hour is None else f"{row.used_next_hour:.3f}"
        raised = "" if row.recovered is None else f"{row.recovered:.0f}"
        lines.append(
            f"{row.provider:<34} {told:>11} {used:>6} {worst:>8} {wanted:>6} {then:>9} {row.refused:>8.2%} {row.refused_worst:>8.2%} "
            f"{row.disobeyed:>9} {raised:>9}{'  <- ' + '; '.join(row.misses) if row.misses else ''}"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Runs every case, prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pacer", description="How near a lane lives to a limit it does not know.")
    parser.add_argument("--json", type=Path, help="write the rows here, too")
    parser.add_argument("--plot", type=Path, help="draw the falling limit into this SVG file")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each case (default 3)")
    options = parser.parse_args(arguments)
    rows = [measure(case, options.seeds) for case in cases()]
    print(_table(rows))
    missed = sum(bool(row.misses) for row in rows)
    print(f"{len(rows) - missed} of {len(rows)} rows reach what is wanted ({options.seeds} seeds; median, worst in brackets)")
    if options.json is not None:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode({"rows": rows, "missed": missed}), indent=2))
    if options.plot is not None:
        limiter = Bucket([(0, 12), (1200, 4), (2400, 12)], 12)
        trace = World(limiter, lambda _: 15.0, HOUR, 1).run()
        options.plot.write_text(plot(limiter, trace, "12 calls a second, then 4, then 12 again; Retry-After 15 s"), encoding="utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
