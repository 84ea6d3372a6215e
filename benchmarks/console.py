"""The console with very much behind it: what viewers cost, and how soon the Overview and a search are there.

    python -m benchmarks.console [--json FILE] [--customers 100000] [--items 10000000] [--viewers 300]

A SQLite file with so many customers, all whose items are archived but for those of a few; beside it `archiver console` as a process of its
own. Asked are, one after the other, the Overview and searches by number, by name, by customer, kind and month, and by combinations of
them, each for other words every time. Then so many browsers hold the live stream open while something changes every second. CPU is that of
the console's process from the moment at which all of them are there; what it costs to come is told beside it, in milliseconds for each.
Where a figure of ``WANTED`` is missed the command exits with 1. A million items take half a gigabyte of disk.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from archiver.app import Archiver
from archiver.database.engine.words import words_of
from archiver.people import Means, Rank, Who
from archiver.settings import load

WANTED = {"overview_p95_ms": 100.0, "search_p95_ms": 100.0, "viewers_cpu": 0.02}
"""The largest values."""
NAMES = ("anna", "ben", "carla", "dirk", "eva", "finn", "gina", "hans", "ines", "jan", "kira", "leo", "mia", "nora", "olaf", "pia")
KINDS = ("recording", "recording", "recording", "sms", "sms", "voicemail", "fax")
NOW = 1_790_000_000_000
_BATCH = 20_000
_ASKED = 150
_SECONDS = 20


def sender(number: int) -> str:
    """The number that an item came from."""
    return f"+4930{number * 7919 % 9_999_991:07}"


def items(count: int, customers: int) -> Iterator[tuple[Any, ...]]:
    """Rows of items: 95 of a hundred are the first customer's; the newest last."""
    for number in range(1, count + 1):
        owner = 1 if number % 20 else 1 + number // 20 % customers
        moment = NOW - (count - number) * 3_000
        name = f"{NAMES[number % 16]} {number % 997}"
        kind = KINDS[number % 7]
        yield number, customers + owner, kind, f"{3_636_000_000_000 + number}", moment, sender(number), "+498912345", name, owner


def fill(path: Path, customers: int, count: int) -> None:
    """Puts everything into a database that has its tables."""
    with sqlite3.connect(path, isolation_level=None) as raw:
        raw.execute("PRAGMA synchronous = OFF")
        raw.execute("PRAGMA cache_size = -400000")
        raw.execute("BEGIN")
        rows = range(1, customers + 1)
        raw.executemany(
            "INSERT INTO customers (id, name, state, weight, epoch, path_template, created_at, has_source)"
            " VALUES (?, ?, 'active', 1, 0, 'x', 0, 1)",
            ((row, f"customer-{row:06}") for row in rows),
        )
        raw.executemany(
            "INSERT INTO connections (id, customer_id, role, adapter, options, secrets, state, reason, state_since, throttled_until, pace)"
            " VALUES (?, ?, ?, ?, '{}', x'80', 'active', '', 0, 0, x'')",
            (
                (row + shift, row, role, adapter)
                for shift, role, adapter in ((0, "destination", "dropbox"), (customers, "source", "folder"))
                for row in rows
            ),
        )
        raw.executemany("INSERT INTO lane_counters VALUES (?, 0, ?, 0, 0, ?)", ((row, count // customers, 10**9) for row in rows))
        batch: list[tuple[Any, ...]] = []
        for row in items(count, customers):
            batch.append(row)
            if len(batch) == _BATCH:
                _write(raw, batch)
                batch.clear()
        _write(raw, batch)
        raw.executemany("UPDATE deliveries SET state = 'waiting' WHERE id = ?", ((20 * lane,) for lane in range(1, 21)))
        raw.execute("COMMIT")
        raw.execute("ANALYZE")


def _write(raw: sqlite3.Connection, batch: list[tuple[Any, ...]]) -> None:
    raw.executemany(
        "INSERT INTO items (id, source_id, kind, external_id, part, occurred_at, discovered_at, locator, media_type, size, direction,"
        " sender, recipient, owner, metadata) VALUES (?, ?, ?, ?, '', ?, 0, 'x', 'audio/x-wav', 100000, 'inbound', ?, ?, ?, '{}')",
        (row[:8] for row in batch),
    )
    raw.executemany(
        "INSERT INTO deliveries (id, item_id, lane, customer_id, state, priority, ready_at, attempt, path, reason, detail)"
        " VALUES (?1, ?1, ?2, ?2, 'archived', 0, 0, 0, '/x/' || ?1 || '.wav', '', '')",
        ((row[0], row[8]) for row in batch),
    )
    raw.executemany(
        "INSERT INTO receipts VALUES (?1, '/Archive/x/' || ?1 || '.wav', 'id:x', 'r', 100000, 'ab', 'dropbox:cd', ?2, 0)",
        ((row[0], row[4]) for row in batch),
    )
    raw.executemany(
        "INSERT INTO items_words (rowid, words) VALUES (-?, ?)",
        ((row[0], words_of((row[5], row[6], row[7], row[3]), row[1], row[2], row[4])) for row in reversed(batch)),
    )


def questions(count: int, customers: int) -> Iterator[str]:
    """Searches as people make them, no two alike."""
    chance = random.Random(1)  # noqa: S311  the same questions each time
    while True:
        some = chance.randrange(1, count + 1)
        yield f"q={sender(some).replace('+', '%2B')}"
        yield f"q={NAMES[chance.randrange(16)]}+{chance.randrange(997)}"
        yield f"q={NAMES[chance.randrange(16)]}&kind=fax"
        yield f"customer=customer-{chance.randrange(1, customers + 1):06}"
        yield f"customer=customer-000001&kind=voicemail&q={chance.randrange(997)}"
        yield f"kind=sms&since=2026-0{chance.randrange(1, 9)}-01&until=2026-09-2{chance.randrange(9)}"
        yield f"q={3_636_000_000_000 + some}"


def p95(values: list[float]) -> float:
    """Of a hundred, five are longer."""
    return statistics.quantiles(values, n=20)[-1]


async def measure(url: str, key: str, arguments: argparse.Namespace, process: psutil.Process, database: Path) -> dict[str, Any]:
    """Asks, and looks."""
    found: dict[str, Any] = {}
    async with aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {key}"}, connector=aiohttp.TCPConnector(limit=0)) as http:

        async def ask(path: str) -> float:
            began = time.perf_counter()
            async with http.get(path) as answer:
                await answer.read()
                if answer.status != 200:
                    raise SystemExit(f"{path}: {answer.status}")
            return (time.perf_counter() - began) * 1000

        first = await ask("/")
        overview = [await ask("/") for _ in range(_ASKED)]
        searches: dict[str, list[float]] = {}
        asked = questions(arguments.items, arguments.customers)
        for number in range(_ASKED * 2):
            searches.setdefault(f"{number % 7}", []).append(await ask(f"/archive?{next(asked)}"))
        everything = [took for kind in searches.values() for took in kind]
        found |= {f"search_{kind}_worst_ms": max(took) for kind, took in searches.items()}
        found |= {"first_overview_ms": first, "overview_p50_ms": statistics.median(overview), "overview_p95_ms": p95(overview)}
        found |= {"search_p50_ms": statistics.median(everything), "search_p95_ms": p95(everything), "search_worst_ms": max(everything)}

        async def look(come: Callable[[], None], stop: asyncio.Event) -> int:
            seen = 0
            async with http.get("/events") as stream:
                await stream.content.readany()
                come()
                while not stop.is_set():
                    seen += len(await stream.content.readany())
            return seen

        async def change(stop: asyncio.Event) -> None:
            with sqlite3.connect(database, isolation_level=None) as raw:
                while not stop.is_set():
                    raw.execute("UPDATE lane_counters SET waiting = waiting + 1 WHERE lane <= 22")
                    await asyncio.sleep(0.5)

        async def cpu(viewers: int) -> tuple[float, float, int]:
            stop, there, come = asyncio.Event(), asyncio.Event(), itertools.count(1)
            began = sum(process.cpu_times()[:2])
            async with asyncio.TaskGroup() as group:
                group.create_task(change(stop))
                arrive = lambda: there.set() if next(come) == viewers else None  # noqa: E731  two words of a count
                watching = [group.create_task(look(arrive, stop)) for _ in range(viewers)]
                await there.wait()
                before = sum(process.cpu_times()[:2])
                await asyncio.sleep(_SECONDS)
                used = sum(process.cpu_times()[:2]) - before
                stop.set()
            return used / _SECONDS, (before - began) / viewers * 1000, sum(task.result() for task in watching) // viewers

        found["one_viewer_cpu"], _, _ = await cpu(1)
        found["viewers_cpu"], found["arriving_cpu_ms"], found["bytes_per_viewer"] = await cpu(arguments.viewers)
        found["rss_megabytes"] = process.memory_info().rss / 1e6
    return found


async def prepare(home: Path) -> str:
    """Tables, and a key."""
    async with Archiver.open(load(environment={}, flags={"home": str(home)})) as archiver:
        return await archiver.door.add_key("bench", Rank.VIEWER, by=Who(name="bench", rank=Rank.ADMIN, means=Means.KEY, digest=""))


def main() -> int:
    """Measures, prints, and says whether it is good enough."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=10_000_000)
    parser.add_argument("--viewers", type=int, default=300)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory) / "home"
        key = asyncio.run(prepare(home))
        began = time.perf_counter()
        fill(home / "archiver.db", arguments.customers, arguments.items)
        filled = time.perf_counter() - began
        size = (home / "archiver.db").stat().st_size
        command = [sys.executable, "-m", "archiver", "console", "--listen", "127.0.0.1:0", "--home", str(home), "--json"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603  our own words
            assert process.stderr is not None
            url = process.stderr.readline().split()[-1]
            figures = asyncio.run(measure(url, key, arguments, psutil.Process(process.pid), home / "archiver.db"))
            process.terminate()
            process.stderr.read()
    figures |= {"customers": arguments.customers, "items": arguments.items, "viewers": arguments.viewers}
    figures |= {"database_gigabytes": size / 1e9, "fill_seconds": filled}
    for name, value in figures.items():
        print(f"{name:22} {value:12,.3f}" + (f"   wanted: at most {WANTED[name]:g}" if name in WANTED else ""))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    return int(any(figures[name] > most for name, most in WANTED.items()))


if __name__ == "__main__":
    sys.exit(main())
