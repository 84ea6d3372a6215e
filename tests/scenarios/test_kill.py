"""A killed ``archiver run`` loses nothing and leaves no second copy (fault matrix rows 1-7)."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from pathlib import Path

import pytest

from archiver.sandbox.limits import Limits
from archiver.sandbox.remote import SandboxProcess
from support.machine import Machine, add_dropbox_customer, write_files

KILLS = 24
ITEMS = 1500


@pytest.mark.scenario
@pytest.mark.timeout(240)
async def test_twenty_four_kills_at_random_moments_lose_nothing(machine: Machine, sandbox: SandboxProcess, tmp_path: Path) -> None:
    """SIGKILL at any moment, again and again: at the end every file is in Dropbox once, with its bytes, and in the database archived."""
    folder = tmp_path / "recordings"
    hashes = write_files(folder, ITEMS)
    # Slow enough that many kills fall into the middle of calls and commits.
    limits = Limits(latency=0.03, commit_seconds=0.05, commit_seconds_per_file=0.001)
    await add_dropbox_customer(machine, sandbox, "airline", folder, limits)
    moments = random.Random(20)
    stored: list[int] = []
    longest = 0.5
    for _ in range(KILLS):
        process = await machine.start("run", "--json")
        assert process.stderr is not None
        # From its first line on (people's text goes to standard error with --json): what comes before could lose nothing.
        async with asyncio.timeout(20):
            await process.stderr.readline()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(moments.uniform(0.0, longest)):
                await process.wait()
        process.send_signal(signal.SIGKILL)
        await process.communicate()
        stored.append((await sandbox.stats())["accounts"]["airline"]["files"])
        longest *= 1.0 if stored[-1] else 1.2  # a busy machine takes longer to begin
    assert any(0 < files < ITEMS for files in stored), "no kill fell into the work"
    await machine.archiver("run", "--until-empty")
    status = await machine.status("airline")
    assert (status["archived"], status["waiting"], status["rejected"], status["gone"]) == (ITEMS, 0, 0, 0)
    ledger = await sandbox.ledger()
    files = ledger.files
    assert len(files) == ITEMS
    assert sorted(record.sha256 for record in files) == sorted(hashes.values())
    assert all(record.revisions == 1 for record in files), "something was overwritten"
    assert not [record.path for record in files if "(1)" in record.path or "conflict" in record.path]
