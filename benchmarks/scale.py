"""Very many customers: what a hundred thousand of them cost, one of which has 95 % of everything; and how fast the queue alone is.

    python -m benchmarks.scale [--json FILE] [--quick]

On SQLite, with a million waiting items and then with ten million: from the start of the process to the first archived item, how long a
read of the Database takes, peak memory, the CPU of a process that has nothing to do, and how long the items of quiet customers dwell
beside the airline and without it. On PostgreSQL, with two processes: items a second, with two thousand and with twenty thousand customers;
and on one process what limits cost that are never met. Where the figures of ``WANTED`` are missed the command exits with 1.
``--quick`` leaves out the ten million.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import psutil
import psycopg

from archiver.database.postgres import PostgresDatabase
from benchmarks import scale_world

CUSTOMERS = 100_000
MILLION = 1_000_000
WANTED = {
    "start_seconds": 3.0,
    "read_p99_ms": 5.0,
    "idle_cpu": 0.03,
    "peak_megabytes": 150.0,
    "dwell_ratio": 2.0,
    "queue_per_second": 25_000.0,
    "queue_at_20000_customers": 0.7,
    "cost_of_limits": 0.10,
    "growth_at_ten_million": 0.20,
}
"""The largest values, but for ``queue_…``, which are the smallest."""
_DWELL_FLOOR = 0.05  # seconds: below, a ratio of two dwell times says nothing
_QUEUE_ITEMS = 400_000
_QUEUE_SECONDS = 300.0
_WORKERS = 2
_HOUR = 3_600_000


def worker(database: str, customers: int, *flags: str) -> subprocess.Popen[str]:
    """Starts a process that serves a database."""
    command = [sys.executable, "-m", "benchmarks.scale_worker", database, "--customers", str(customers), *flags]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603  our own process


def figures(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a worker printed last."""
    printed, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"a worker ended with {process.returncode}")
    result: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return result


def embedded(folder: Path, items: int) -> dict[str, float]:
    """The figures of one process on a SQLite database with so many items."""
    airline = items * 95 // 100
    path = folder / f"{items}.db"
    say(f"building {items:,} items over {CUSTOMERS:,} customers")
    scale_world.build_sqlite(path, customers=CUSTOMERS, items=items, airline=airline, now=now())
    say("serving the backlog")
    backlog = figures(worker(str(path), CUSTOMERS, "--seconds", "15"))
    say("beside the airline")
    scale_world.settle_quiet(path)
    beside = figures(worker(str(path), CUSTOMERS, "--seconds", "20", "--births", "50"))
    say("doing nothing")
    scale_world.put_off(path, now() + _HOUR)
    idle = figures(worker(str(path), CUSTOMERS, "--seconds", "65", "--idle"))
    say("without the airline")
    alone = figures(worker(str(path), CUSTOMERS, "--seconds", "20", "--births", "50"))
    row = {
        "items": items,
        "start_seconds": backlog["first_seconds"],
        "read_p99_ms": max(backlog["read_p99_ms"], beside["read_p99_ms"]),
        "idle_cpu": idle["idle_cpu"],
        "peak_megabytes": max(each["peak_bytes"] for each in (backlog, beside, idle, alone)) / 1e6,
        "dwell_beside_s": beside["dwell_p95_s"],
        "dwell_alone_s": alone["dwell_p95_s"],
        "dwell_ratio": max(beside["dwell_p95_s"], _DWELL_FLOOR) / max(alone["dwell_p95_s"], _DWELL_FLOOR),
    }
    say(" ".join(f"{name} {value:.3g}" for name, value in row.items()))
    return row


def queue(server: Any, customers: int) -> float:
    """Items a second of two processes on one PostgreSQL, storages without limits: from the moment at which the items are there.

    Before that each process has got its share of the customers; a process that came to a backlog alone would have served much of it
    before the other is there.
    """
    address = server.create(f"queue_{customers}")
    migrate(address)
    scale_world.build_postgres(address, customers=customers, now=now())
    workers = [worker(address, customers) for _ in range(_WORKERS)]
    with psycopg.connect(address, autocommit=True) as raw:
        until(
            raw,
            "SELECT count(*) FROM (SELECT FROM customers WHERE owner <> '' GROUP BY owner HAVING count(*) > %s) AS ready",
            customers // _WORKERS - 2,
            equals=_WORKERS,
        )
        scale_world.fill_postgres(address, customers=customers, items=_QUEUE_ITEMS, now=now())
        began = time.monotonic()
        until(raw, "SELECT sum(waiting) FROM lane_counters WHERE lane > %s", 0, equals=0)
        seconds = time.monotonic() - began
    for each in workers:
        each.terminate()
    done = [figures(each) for each in workers]
    archived = sum(each["archived"] for each in done)
    if archived != _QUEUE_ITEMS:
        raise SystemExit(f"{archived:,} of {_QUEUE_ITEMS:,} were archived in {seconds:.0f} s")
    cost = sum(each["cpu_seconds"] for each in done) / archived * 1e6
    say(f"{customers:,} customers: {archived / seconds:,.0f} items a second, {cost:.0f} us of the processes' CPU each")
    return archived / seconds


def until(raw: psycopg.Connection[Any], query: str, value: int, *, equals: int) -> None:
    """Asks until the answer is that."""
    deadline = time.monotonic() + _QUEUE_SECONDS
    while time.monotonic() < deadline:
        row = raw.execute(query, [value]).fetchone()
        if row is not None and row[0] == equals:
            return
        time.sleep(0.1)
    raise SystemExit(f"not {equals} within {_QUEUE_SECONDS:.0f} s: {query}")


def migrate(address: str) -> None:
    """Gives an empty PostgreSQL database the newest schema."""
    import asyncio  # noqa: PLC0415  only here

    async def opened() -> None:
        database = PostgresDatabase(address)
        await database.open()
        await database.close()

    asyncio.run(opened())


def limits(folder: Path) -> float:
    """What limits cost that are never met: the part of the throughput that is lost, the median of three pairs."""
    losses = []
    customers, items = 200, 100_000
    for turn in range(3):
        speeds = []
        for flags in ((), ("--limit", "1000000")):
            path = folder / f"limits-{turn}-{len(flags)}.db"
            scale_world.build_sqlite(path, customers=customers, items=items, airline=0, now=now())
            done = figures(worker(str(path), customers, "--until-empty", *flags))
            speeds.append(done["archived"] / done["cpu_seconds"])
        losses.append(1 - speeds[1] / speeds[0])
    return max(0.0, statistics.median(losses))


def judge(result: dict[str, Any]) -> list[str]:
    """What was missed, in words."""
    missed = []
    for row in result["embedded"]:
        missed += [
            f"{name} with {row['items']:,} items is {row[name]:.3g}, wanted at most {WANTED[name]:g}"
            for name in ("start_seconds", "read_p99_ms", "idle_cpu", "peak_megabytes", "dwell_ratio")
            if row[name] > WANTED[name]
        ]
    if len(result["embedded"]) > 1:
        small, large = result["embedded"]
        most = 1 + WANTED["growth_at_ten_million"]
        missed += [
            f"{name} grows to {large[name] / small[name]:.2f} times with ten million, wanted at most {most:g}"
            for name in ("start_seconds", "read_p99_ms", "idle_cpu", "peak_megabytes")
            if large[name] > small[name] * most
        ]
    few, many = result["queue"]["2000"], result["queue"]["20000"]
    if few < WANTED["queue_per_second"]:
        missed.append(f"the queue passes {few:,.0f} items a second, wanted at least {WANTED['queue_per_second']:,.0f}")
    if many < few * WANTED["queue_at_20000_customers"]:
        missed.append(f"with 20,000 customers it passes {many / few:.2f} of that, wanted at least {WANTED['queue_at_20000_customers']}")
    if result["cost_of_limits"] > WANTED["cost_of_limits"]:
        missed.append(f"limits cost {result['cost_of_limits']:.1%} of the throughput, wanted at most {WANTED['cost_of_limits']:.0%}")
    return missed


def show(result: dict[str, Any]) -> None:
    """Prints the tables."""
    print(f"\n{CUSTOMERS:,} customers on SQLite, one with 95 % of the items")
    names = ("start_seconds", "read_p99_ms", "idle_cpu", "peak_megabytes", "dwell_alone_s", "dwell_beside_s")
    print(f"{'items':>12}" + "".join(f"{name:>16}" for name in names))
    for row in result["embedded"]:
        print(f"{row['items']:>12,}" + "".join(f"{row[name]:>16.3g}" for name in names))
    print("\nTwo processes on one PostgreSQL, the queue alone")
    for customers, speed in result["queue"].items():
        print(f"{int(customers):>12,} customers {speed:>12,.0f} items/s")
    print(f"\nLimits that are never met cost {result['cost_of_limits']:.1%} of the throughput")


def say(text: str) -> None:
    """Tells what is being done; it takes minutes."""
    print(f"… {text}", file=sys.stderr, flush=True)


def now() -> int:
    """Milliseconds since the epoch."""
    return int(time.time() * 1000)


def main() -> None:
    """Measures everything, prints it, and exits with 1 where a wanted figure is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--quick", action="store_true", help="leave out the ten million")
    arguments = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a machine without XDG_RUNTIME_DIR is told so on import
        sys.path.insert(0, "tests")
        from support.postgres import OwnServer  # noqa: PLC0415  what the tests start, too
    psutil.cpu_percent()
    folder = Path(tempfile.mkdtemp(prefix="archiver-scale-"))
    try:
        result: dict[str, Any] = {
            "embedded": [embedded(folder, items) for items in ([MILLION] if arguments.quick else [MILLION, 10 * MILLION])]
        }
        say("two processes on PostgreSQL")
        with OwnServer() as server:
            result["queue"] = {str(customers): queue(server, customers) for customers in (2_000, 20_000)}
        say("limits on and off")
        result["cost_of_limits"] = limits(folder)
        result["cpu_load"] = psutil.cpu_percent()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    result["missed"] = judge(result)
    show(result)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2))
    for text in result["missed"]:
        print(f"Missed: {text}")
    sys.exit(1 if result["missed"] else 0)


if __name__ == "__main__":
    main()
