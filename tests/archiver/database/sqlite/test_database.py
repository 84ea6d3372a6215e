"""The SQLite database as a whole: the conformance kit, two processes, and what a kill leaves."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from archiver.database.conformance import DatabaseConformance
from archiver.database.conformance.journal import JournalConformance
from archiver.database.conformance.world import NOW, archived, due, world
from archiver.database.port import Database
from archiver.database.sqlite import SqliteDatabase
from archiver.errors import DatabaseHeldError, DatabaseUnavailableError, ProcessError
from archiver.model import CustomerState

# Settles batch after batch; each receipt names its batch, and a batch is told once it is committed.
SETTLER = """
import asyncio, sys
import msgspec
from archiver.database.conformance.world import NOW, archived, due
from archiver.database.sqlite import SqliteDatabase

async def main():
    database = SqliteDatabase(sys.argv[1])
    await database.open()
    await database.serve()
    print("serving", flush=True)
    batch = int(sys.argv[2])
    for batch in range(batch, batch + int(sys.argv[4])):
        found = await due(database, int(sys.argv[3]), 200)
        settled = []
        for delivery in found:
            entry = archived(delivery)
            settled.append(msgspec.structs.replace(entry, receipt=msgspec.structs.replace(entry.receipt, revision=str(batch))))
        assert not await database.settle(settled, {found[0].customer_id: 0})
        print(batch, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
PAUSER = """
import asyncio, sys
from archiver.database.sqlite import SqliteDatabase
from archiver.model import CustomerState

async def main():
    database = SqliteDatabase(sys.argv[1])
    await database.open()
    await database.set_customer_state("airline", CustomerState.PAUSED)
    await database.close()

asyncio.run(main())
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    """A process of its own."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str]) -> list[str]:
    """Kills a process; the rest of what it said."""
    process.kill()
    with process:
        # Not `communicate`: with two pipes it reads past what `readline` has buffered, and loses it.
        assert process.stdout is not None
        return process.stdout.read().splitlines()


class TestConformance(DatabaseConformance):
    """The kit; the fixture is the one of this folder."""

    @pytest.fixture
    async def database(self, path: Path) -> AsyncIterator[Database]:
        """An open, empty database."""
        opened = SqliteDatabase(path)
        await opened.open()
        yield opened
        await opened.close()


class TestJournal(JournalConformance):
    """The kit of what one process serves alone."""

    @pytest.fixture
    async def database(self, path: Path) -> AsyncIterator[Database]:
        """An open, empty database."""
        opened = SqliteDatabase(path)
        await opened.open()
        yield opened
        await opened.close()


async def test_killed_while_it_settles_a_batch_is_written_whole_or_not_at_all(database: SqliteDatabase, path: Path) -> None:
    """After each of several kills: every batch that was told is there, none is half there, and the counters are right."""
    klm = await world(database)
    for first in range(0, 6000, 1000):
        await database.add_births(klm.source, klm.births(1000, first=first), now=NOW, cursor=None)
    batch = 0
    for kills in range(5):
        process = start(SETTLER, path, batch, klm.lanes[0], kills + 3)  # bounded: on a busy machine it would run out of items
        assert process.stdout is not None
        assert process.stdout.readline() == "serving\n"
        for _ in range(kills + 1):
            batch = int(process.stdout.readline()) + 1
        told = [int(line) for line in end(process)]
        with sqlite3.connect(path) as raw:
            written = dict(raw.execute("SELECT CAST(revision AS INTEGER), count(*) FROM receipts GROUP BY revision"))
            ((states,),) = raw.execute("SELECT count(*) FROM deliveries WHERE state = 'archived'").fetchall()
        raw.close()
        batch = max([batch - 1, *told]) + 1
        assert set(written.values()) == {200}
        assert len(written) in {batch, batch + 1}, "what was told, and perhaps the one that was being written"
        assert states == 200 * len(written)
        (counters,) = await database.counters()
        assert (counters.archived, counters.waiting) == (states, 6000 - states)
        batch = len(written)
    assert await due(database, klm.lanes[0]) != []


async def test_a_second_process_may_look_and_write_but_not_serve(database: SqliteDatabase, path: Path) -> None:
    """The error names who serves; a kill frees the database at once."""
    klm = await world(database)
    await database.add_births(klm.source, klm.births(20), now=NOW, cursor=None)
    process = start(SETTLER, path, 0, klm.lanes[0], 0)
    assert process.stdout is not None
    assert process.stdout.readline() == "serving\n"
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(DatabaseHeldError, match=rf"process {process.pid} on \S+ since \d{{4}}-\d\d-\d\d"):
        await database.serve()
    owner = await database.owner()
    assert owner is not None
    assert owner.pid == process.pid
    assert len(await database.deliveries()) == 20
    end(process)
    assert await database.owner() is None
    await database.serve()
    owner = await database.owner()
    assert owner is not None
    assert owner.pid == os.getpid()


async def test_what_another_process_wrote_is_noticed(database: SqliteDatabase, path: Path) -> None:
    """`changes` differs after another's write, and not after our own."""
    klm = await world(database)
    before = await database.changes()
    await database.add_births(klm.source, klm.births(3), now=NOW, cursor="a")
    assert list(await database.ready_lanes(NOW)) == list(klm.lanes)
    assert await database.changes() == before
    process = start(PAUSER, path)
    process.communicate()
    assert process.returncode == 0
    assert await database.changes() != before
    assert [customer.state for customer in await database.customers()] == [CustomerState.PAUSED]
    assert await database.ready_lanes(NOW) == {}


async def test_a_full_disk_loses_nothing(database: SqliteDatabase) -> None:
    """Settling is refused whole; when there is space again the same batch is written."""
    klm = await world(database)
    await database.add_births(klm.source, klm.births(500), now=NOW, cursor=None)
    batch = [archived(delivery) for delivery in await due(database, klm.lanes[0])]
    (pages,) = await database._writer.run(lambda raw: raw.execute("PRAGMA page_count").fetchone())
    await database._writer.run(lambda raw: raw.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    with pytest.raises(DatabaseUnavailableError, match="disk is full"):
        await database.settle(batch, klm.epochs)
    with pytest.raises(DatabaseUnavailableError, match="disk is full"):
        await database.add_births(klm.source, klm.births(5000), now=NOW, cursor="a")
    assert len(await due(database, klm.lanes[0])) == 500
    assert await database.cursor(klm.source.id) == ""
    assert [(counters.waiting, counters.archived) for counters in await database.counters()] == [(500, 0)]
    await database._writer.run(lambda raw: raw.execute("PRAGMA max_page_count = 1000000").fetchone())
    assert await database.settle(batch, klm.epochs) == frozenset()
    assert [(counters.waiting, counters.archived) for counters in await database.counters()] == [(0, 500)]


async def test_a_database_that_stays_locked_is_told_and_tried_again(database: SqliteDatabase, path: Path) -> None:
    """Reading goes on meanwhile; SQLite's own error reaches nobody."""
    klm = await world(database)
    await database.add_births(klm.source, klm.births(2), now=NOW, cursor=None)
    await database._writer.run(lambda raw: raw.execute("PRAGMA busy_timeout = 1").fetchone())
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    batch = [archived(delivery) for delivery in await due(database, klm.lanes[0])]
    for call in (database.settle(batch, klm.epochs), database.set_customer_state("airline", CustomerState.PAUSED)):
        with pytest.raises(DatabaseUnavailableError, match="locked by another process") as caught:
            await call
        assert caught.value.retryable
    other.execute("ROLLBACK")
    other.close()
    assert await database.settle(batch, klm.epochs) == frozenset()


async def test_a_writer_waits_for_another(database: SqliteDatabase, path: Path) -> None:
    """A lock that is held for a moment is waited for."""
    klm = await world(database)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.ensure_future(database.add_births(klm.source, klm.births(1), now=NOW, cursor=None))
    await asyncio.to_thread(other.execute, "COMMIT")
    other.close()
    assert (await waiting).items == 1


async def test_a_cancelled_caller_leaves_a_whole_transaction(database: SqliteDatabase) -> None:
    """Whether it was written or not, the next call finds no half."""
    klm = await world(database)
    for first in range(0, 1000, 100):
        task = asyncio.ensure_future(database.add_births(klm.source, klm.births(100, first=first), now=NOW, cursor=None))
        await asyncio.to_thread(lambda: None)
        task.cancel()
    await database.changes()  # waits in the same line as the writes
    counters = (await database.counters())[0].waiting
    assert counters == len(await database.deliveries(limit=2000))
    assert counters % 100 == 0


async def test_calls_may_overlap(database: SqliteDatabase) -> None:
    """Readers and writers at the same time: every birth is settled once."""
    klm = await world(database)
    for first in range(0, 1000, 250):
        await database.add_births(klm.source, klm.births(250, first=first), now=NOW, cursor=None)
    whole = list(await due(database, klm.lanes[0], 1000))
    async with asyncio.TaskGroup() as group:
        for start_ in range(0, 1000, 50):
            batch = [archived(delivery) for delivery in whole[start_ : start_ + 50]]
            group.create_task(database.settle(batch, klm.epochs))
            group.create_task(database.counters())
            group.create_task(due(database, klm.lanes[0]))
    assert [(counters.waiting, counters.archived) for counters in await database.counters()] == [(0, 1000)]


async def test_closing_twice_and_opening_again(database: SqliteDatabase) -> None:
    """A closed database says so; it can be opened again and has kept everything."""
    await world(database)
    await database.serve()
    await database.close()
    await database.close()
    with pytest.raises(ProcessError, match="not open"):
        await database.customers()
    await database.open()
    assert [customer.name for customer in await database.customers()] == ["airline"]
    await database.serve()


async def test_its_text_shows_where_it_is_and_no_more(database: SqliteDatabase, path: Path) -> None:
    """For logs."""
    assert repr(database) == f"SqliteDatabase({str(path)!r})"
