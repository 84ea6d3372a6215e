"""Rows 24 and 35 to 39: the machine and the process, with real ones."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import sqlite3
import sys
import time
from pathlib import Path

import psutil
import pytest

from archiver.sandbox.limits import Limits
from archiver.sandbox.remote import SandboxProcess
from support.machine import Machine, add_dropbox_customer, write_files

MIB = 1024 * 1024
FULL = Path("/dev/full")


async def until_files(sandbox: SandboxProcess, name: str, count: int, seconds: float = 30.0) -> None:
    """Returns when so many files are visible."""
    async with asyncio.timeout(seconds):
        while (await sandbox.stats())["accounts"][name]["files"] < count:
            await asyncio.sleep(0.02)


async def until_quiet(sandbox: SandboxProcess, name: str) -> None:
    """Returns when nothing has become visible for two seconds: what was in flight has ended."""
    stored, since = -1, time.monotonic()
    async with asyncio.timeout(30):
        while time.monotonic() - since < 2:
            await asyncio.sleep(0.1)
            if (now := (await sandbox.stats())["accounts"][name]["files"]) != stored:
                stored, since = now, time.monotonic()


async def check(machine: Machine, sandbox: SandboxProcess, name: str, hashes: dict[str, str]) -> None:
    """Every file is there once, with its bytes, and the database says so."""
    status = await machine.status(name)
    assert (status["archived"], status["waiting"], status["rejected"], status["gone"]) == (len(hashes), 0, 0, 0)
    files = (await sandbox.ledger()).files_of(name)
    assert sorted(file.sha256 for file in files) == sorted(hashes.values())
    assert all(file.revisions == 1 for file in files)


@pytest.mark.scenario
async def test_row_24_a_full_disk_stops_the_asking_and_nothing_else(machine: Machine, sandbox: SandboxProcess, tmp_path: Path) -> None:
    """No byte more can be written to the database: uploads in flight end, their outcomes wait, nothing is asked; with room it goes on."""
    folder = tmp_path / "in"
    hashes = write_files(folder, 1000)
    await add_dropbox_customer(machine, sandbox, "acme", folder, Limits(latency=0.05, commit_seconds=0.3, calls_per_second=8.0, burst=8))
    process = await machine.start("run")
    assert process.stderr is not None
    await until_files(sandbox, "acme", 1)
    # A limit on the size of files is felt as a full disk is: each write beyond it fails. Pipes have none.
    psutil.Process(process.pid).rlimit(psutil.RLIMIT_FSIZE, (4096, -1))
    hashes |= write_files(folder, 300, prefix="later")
    async with asyncio.timeout(20):
        while b"DatabaseAway" not in await process.stderr.readline():
            pass
    await until_quiet(sandbox, "acme")
    assert (await sandbox.stats())["accounts"]["acme"]["files"] < 1300, "somebody went on asking"
    assert process.returncode is None
    psutil.Process(process.pid).rlimit(psutil.RLIMIT_FSIZE, (-1, -1))
    await until_files(sandbox, "acme", 1300)
    await machine.until_archived("acme", 1300)
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert process.returncode == 0
    await check(machine, sandbox, "acme", hashes)
    assert all(file.transfers == 1 for file in (await sandbox.ledger()).files), "an outcome was lost, and found again"


@pytest.mark.scenario
async def test_row_24_a_log_that_cannot_be_written_stops_nothing(machine: Machine, sandbox: SandboxProcess, tmp_path: Path) -> None:
    """Standard output and standard error are full: every file is archived all the same, and the process ends as it should."""
    hashes = write_files(tmp_path / "in", 200)
    await add_dropbox_customer(machine, sandbox, "acme", tmp_path / "in", Limits())
    with FULL.open("wb") as full:  # noqa: ASYNC230  a device that never waits
        process = await machine.start("run", "--until-empty", "--log-level", "debug", output=full)
        async with asyncio.timeout(30):
            assert await process.wait() == 0
    await check(machine, sandbox, "acme", hashes)


@pytest.mark.scenario
async def test_row_24_a_log_that_nobody_reads_stops_nothing(machine: Machine, sandbox: SandboxProcess, tmp_path: Path) -> None:
    """Whoever started it does not read its pipe, which holds a few hundred lines: all is archived, and who reads at last finds lines."""
    hashes = write_files(tmp_path / "in", 3000)
    await add_dropbox_customer(machine, sandbox, "acme", tmp_path / "in", Limits())
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader:
        with os.fdopen(writing, "wb") as writer:
            process = await machine.start("run", "--until-empty", "--log-level", "debug", output=writer)
        async with asyncio.timeout(60):
            assert await process.wait() == 0
        assert reader.read().count(b"DeliveryArchived") > 50
    await check(machine, sandbox, "acme", hashes)


@pytest.mark.scenario
async def test_row_35_a_drain_saves_where_a_big_file_stands(machine: Machine, sandbox: SandboxProcess, tmp_path: Path) -> None:
    """SIGTERM in the middle of a file that cannot end in time: exit 0 within the deadline; what Dropbox has of it is not sent again."""
    folder = tmp_path / "in"
    folder.mkdir()
    data = os.urandom(MIB) * 64
    (folder / "big.wav").write_bytes(data)
    await add_dropbox_customer(machine, sandbox, "acme", folder, Limits(latency=1.0))
    process = await machine.start("run", "--drain-seconds", "0.5")
    async with asyncio.timeout(30):
        while (await sandbox.stats())["accounts"]["acme"]["received_bytes"] < 16 * MIB:
            await asyncio.sleep(0.02)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert time.monotonic() - began < 5
    assert (await machine.status("acme"))["waiting"] == 1
    assert not (await sandbox.stats())["accounts"]["acme"]["files"], "half a file became visible"
    await sandbox.set_limits("acme", latency=0.0)
    await machine.archiver("run", "--until-empty")
    await check(machine, sandbox, "acme", {"big.wav": hashlib.sha256(data).hexdigest()})
    account = (await sandbox.ledger()).accounts["acme"]
    assert account.received_bytes <= len(data) + 8 * MIB
    assert account.calls["files/upload_session/start"] == 1


@pytest.mark.scenario
async def test_row_36_a_kill_during_the_drain_loses_nothing(machine: Machine, sandbox: SandboxProcess, tmp_path: Path) -> None:
    """SIGTERM, and a moment later SIGKILL, five times over."""
    hashes = write_files(tmp_path / "in", 800)
    await add_dropbox_customer(machine, sandbox, "acme", tmp_path / "in", Limits(latency=0.05, commit_seconds=0.1))
    killed = 0
    for moment in range(5):
        process = await machine.start("run")
        before = (await sandbox.stats())["accounts"]["acme"]["calls"]
        async with asyncio.timeout(20):
            while (await sandbox.stats())["accounts"]["acme"]["calls"] < before + 3 and process.returncode is None:
                await asyncio.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.04 + moment * 0.02)
        killed += process.returncode is None
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.communicate()
    assert killed >= 3, "the drains were over before they could be killed"
    await machine.archiver("run", "--until-empty")
    await check(machine, sandbox, "acme", hashes)


@pytest.mark.scenario
async def test_row_37_a_second_run_is_told_who_holds_the_database(machine: Machine, tmp_path: Path) -> None:
    """Two on one database: the second exits 75 with a line that names the first's pid; status works beside it."""
    write_files(tmp_path / "in", 1)
    (tmp_path / "out").mkdir()
    await machine.archiver("customers", "add", "me", "--from", f"folder:{tmp_path / 'in'}", "--to", f"folder:{tmp_path / 'out'}")
    first = await machine.start("run")
    await machine.until_archived("me", 1)
    message = await machine.archiver("run", code=75)
    assert str(first.pid) in message
    assert "Traceback" not in message
    first.send_signal(signal.SIGTERM)
    assert await first.wait() == 0


CANARY = "Q0FOQVJZLWNhbmFyeS1DQU5BUlktY2FuYXJ5LTMyYg=="


@pytest.mark.scenario
async def test_row_38_what_cannot_work_is_told_before_anything_is_touched(
    machine: Machine, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    """An unknown setting, one of a wrong type, a key that opens nothing: exit 78 with the name, never the value, and nothing changes."""
    write_files(tmp_path / "in", 5)
    await add_dropbox_customer(machine, sandbox, "acme", tmp_path / "in", Limits())
    database = machine.home / "home" / "archiver.db"

    def state() -> list[tuple[str, ...]]:
        with sqlite3.connect(database) as connection:
            lines = [tuple(connection.iterdump())]
        connection.close()
        return lines

    before, calls = state(), (await sandbox.stats())["accounts"]["acme"]["calls"]
    for variable, value, told in (
        ("ARCHIVER_UPLOADS_IN_FLIGHT", CANARY, "uploads_in_flight"),
        ("ARCHIVER_SWEEP_SECONDS", "-1", "sweep_seconds"),
        ("ARCHIVER_KEY", CANARY, "key"),
    ):
        message = await machine.archiver("run", code=78, **{variable: value})
        assert told in message.lower()
        assert CANARY not in message
        assert "Traceback" not in message
    (machine.home / "home" / "archiver.toml").write_text(f'no_such_setting = "{CANARY}"\n')
    message = await machine.archiver("run", code=78)
    assert "no_such_setting" in message
    assert CANARY not in message
    assert state() == before
    assert (await sandbox.stats())["accounts"]["acme"]["calls"] == calls


KILLED_AT = """
import os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
left = int(sys.argv.pop(1))

@event.listens_for(Engine, "before_cursor_execute")
def count(connection, cursor, statement, *more):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

from archiver.cli import main
main()
"""


@pytest.mark.scenario
async def test_row_39_a_migration_that_was_killed_is_completed_by_the_next_start(tmp_path: Path) -> None:
    """Killed at one statement after the other of the first start: the next start finds the old schema or the new one, never half of one."""
    script = tmp_path / "killed.py"
    script.write_text(KILLED_AT)
    kills, statement = 0, 1
    while True:
        home = tmp_path / f"home-{statement}"
        machine = Machine(home)
        home.mkdir()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(script), str(statement), "status", "--json"),
            env=machine.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        await process.communicate()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL
        kills += 1
        await machine.archiver("customers", "list", "--json")
        with sqlite3.connect(home / "home" / "archiver.db") as connection:
            assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
        connection.close()
        statement += 8
    assert kills >= 4


@pytest.mark.scenario
async def test_row_39_a_newer_schema_is_not_touched(machine: Machine) -> None:
    """A database that a newer Archiver wrote: exit 78, and it stays as it is."""
    await machine.archiver("customers", "list")
    database = machine.home / "home" / "archiver.db"
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = database.read_bytes()
    message = await machine.archiver("run", code=78)
    assert "newer" in message
    assert database.read_bytes() == before
