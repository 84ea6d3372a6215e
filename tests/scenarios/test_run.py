"""``archiver run`` as its users know it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from archiver.sandbox.limits import Limits
from archiver.sandbox.remote import SandboxProcess
from support.machine import Machine, add_dropbox_customer, write_files


def archived_files(folder: Path) -> dict[str, str]:
    """Every file below, with its hash."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.scenario
async def test_three_commands_archive_a_folder_and_go_on(machine: Machine, tmp_path: Path) -> None:
    """The README's promise: add, run, status; and a file that is dropped in while it runs is archived within a second when idle."""
    source, target = tmp_path / "in", tmp_path / "out"
    hashes = write_files(source, 20)
    target.mkdir()
    await machine.archiver("customers", "add", "me", "--from", f"folder:{source}", "--to", f"folder:{target}")
    process = await machine.start("run")
    await machine.until_archived("me", 20)
    await asyncio.sleep(0.5)  # idle now
    dwell = []
    for number in range(5):
        draft = tmp_path / "draft"
        draft.write_bytes(os.urandom(5000))
        wanted = hashlib.sha256(draft.read_bytes()).hexdigest()
        (source / f"new-{number}.wav").write_bytes(draft.read_bytes())
        closed = time.monotonic()
        async with asyncio.timeout(10):
            while wanted not in archived_files(target).values():
                await asyncio.sleep(0.02)
        dwell.append(time.monotonic() - closed)
    assert sorted(dwell)[2] < 1.0, dwell
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    status = await machine.status("me")
    assert (status["archived"], status["waiting"]) == (25, 0)
    assert set(hashes.values()) <= set(archived_files(target).values())


@pytest.mark.scenario
async def test_row_35_sigterm_drains_and_exits_zero(machine: Machine, sandbox: SandboxProcess, tmp_path: Path) -> None:
    """What has begun ends and is settled, the rest waits; the storage and the database agree."""
    write_files(tmp_path / "in", 2000)
    await add_dropbox_customer(machine, sandbox, "airline", tmp_path / "in", Limits(latency=0.05, commit_seconds=0.1))
    process = await machine.start("run")
    async with asyncio.timeout(20):
        while not (await sandbox.stats())["accounts"]["airline"]["files"]:
            await asyncio.sleep(0.01)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert time.monotonic() - began < 20
    status = await machine.status("airline")
    assert status["archived"] == (await sandbox.stats())["accounts"]["airline"]["files"]
    assert status["archived"] + status["waiting"] == 2000


@pytest.mark.scenario
async def test_row_35_a_second_signal_exits_at_once(machine: Machine, sandbox: SandboxProcess, tmp_path: Path) -> None:
    """Somebody who cannot wait does not have to; nothing is lost either way."""
    write_files(tmp_path / "in", 200)
    await add_dropbox_customer(machine, sandbox, "airline", tmp_path / "in", Limits(latency=5.0))
    pinged = (await sandbox.stats())["accounts"]["airline"]["calls"]
    process = await machine.start("run")
    async with asyncio.timeout(20):
        while (await sandbox.stats())["accounts"]["airline"]["calls"] == pinged:
            await asyncio.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    await asyncio.sleep(0.3)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert time.monotonic() - began < 2
    assert process.returncode in (130, 143, -signal.SIGTERM)


@pytest.mark.scenario
@pytest.mark.timeout(240)
async def test_memory_does_not_grow_with_the_backlog(machine: Machine, sandbox: SandboxProcess) -> None:
    """A million waiting deliveries, and `archiver run` stays under 150 MB."""
    account = await sandbox.add_account("airline", Limits(calls_per_second=5.0, burst=5.0, retry_after=1))
    await machine.archiver(
        *("customers", "add", "airline", "--from", "memory", "--from-option", "items=1000000", "--from-option", "size=1000"),
        *("--to", "dropbox:/Archive", "--to-option", f"api_url={sandbox.url}", "--to-option", f"content_url={sandbox.url}"),
        *("--to-option", f"app_key={account.app_key}"),
        ARCHIVER_DROPBOX_REFRESH_TOKEN=account.refresh_token,
        ARCHIVER_DROPBOX_APP_SECRET=account.app_secret,
    )
    await machine.archiver("import", "airline")
    assert (await machine.status("airline"))["waiting"] == 1_000_000
    process = await machine.start("run", "--log-level", "error")  # nobody reads its pipe, which holds a few hundred lines
    async with asyncio.timeout(60):
        while (await sandbox.stats())["accounts"]["airline"]["files"] < 2000:
            await asyncio.sleep(0.05)
    peak = psutil.Process(process.pid).memory_info().rss
    for _ in range(20):
        await asyncio.sleep(0.1)
        peak = max(peak, psutil.Process(process.pid).memory_info().rss)
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert process.returncode == 0
    assert peak < 150_000_000, f"{peak / 1e6:.0f} MB"
