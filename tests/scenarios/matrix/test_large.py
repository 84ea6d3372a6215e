"""Row 27: a file of 5 GB, killed again and again. `make soak` sends all of it; each other run sends a tenth."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from archiver.sandbox.remote import SandboxProcess
from archiver.sources.memory import generated_bytes
from support.machine import Machine, write_files

MIB = 1024 * 1024
KILLS = 4
MOST_MEMORY = 150_000_000


@pytest.fixture
async def forgetful() -> AsyncIterator[SandboxProcess]:
    """A Dropbox that keeps hashes only: no disk holds 5 GB here."""
    async with SandboxProcess(keep_content=False) as process:
        yield process


async def killed_large_file(machine: Machine, sandbox: SandboxProcess, folder: Path, size: int) -> None:
    """One file of this size and two hundred small ones of the same account; killed at each fifth of the way."""
    hashes = write_files(folder, 200)
    account = await sandbox.add_account("acme")
    await machine.archiver(
        *("customers", "add", "acme", "--from", "memory", "--from-option", "items=1", "--from-option", f"size={size}"),
        *("--from", f"folder:{folder}", "--to", "dropbox:/Archive", "--to-option", f"api_url={sandbox.url}"),
        *("--to-option", f"app_key={account.app_key}"),
        ARCHIVER_DROPBOX_REFRESH_TOKEN=account.refresh_token,
        ARCHIVER_DROPBOX_APP_SECRET=account.app_secret,
    )
    peak = kills = 0
    began = time.monotonic()
    process = await machine.start("run", "--log-level", "error")
    while True:
        await asyncio.sleep(0.05)
        peak = max(peak, psutil.Process(process.pid).memory_info().rss)
        stats = (await sandbox.stats())["accounts"]["acme"]
        if kills < KILLS and stats["received_bytes"] > size * (kills + 1) / (KILLS + 1):
            # Half a second after the start nobody may have found them yet.
            assert not kills or stats["files"] == 200, "the small files waited for the large one"
            process.send_signal(signal.SIGKILL)
            await process.communicate()
            kills += 1
            process = await machine.start("run", "--log-level", "error")
        if stats["files"] == 201:
            break
    await machine.until_archived("acme", 201)
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert (process.returncode, kills) == (0, KILLS)
    assert peak <= MOST_MEMORY, f"{peak / 1e6:.0f} MB"
    whole = hashlib.sha256()
    for start in range(0, size, MIB):
        whole.update(generated_bytes("000000000", start, min(start + MIB, size)))
    ledger = await sandbox.ledger()
    assert sorted(file.sha256 for file in ledger.files) == sorted([*hashes.values(), whole.hexdigest()])
    record = ledger.accounts["acme"]
    assert record.calls["files/upload_session/start"] == 1, "it was begun anew"
    again = record.received_bytes - size - 200 * 1000
    print(f"{size / 1e9:.1f} GB in {time.monotonic() - began:.0f} s, {kills} kills, {peak / 1e6:.0f} MB, {again / 1e6:.1f} MB sent again")  # noqa: T201  for who looks
    assert record.received_bytes <= size + 200 * 1000 * (KILLS + 1) + KILLS * 8 * MIB, "more than a chunk was repeated at a kill"


@pytest.mark.scenario
@pytest.mark.timeout(180)
async def test_row_27_half_a_gigabyte_survives_four_kills(machine: Machine, forgetful: SandboxProcess, tmp_path: Path) -> None:
    """Under 150 MB, in one session, beside small files that do not wait for it."""
    await killed_large_file(machine, forgetful, tmp_path / "in", 512 * MIB)


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_row_27_five_gigabytes_survive_four_kills(machine: Machine, forgetful: SandboxProcess, tmp_path: Path) -> None:
    """As above, ten times as large: neither memory nor repetition grows with it."""
    await killed_large_file(machine, forgetful, tmp_path / "in", 5 * 1024 * MIB)
