"""The whole line into a Google Drive: killed at every step of a call, throttled, and with searches that lag behind; never two files."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from archiver.sandbox.google import GoogleDrive, Limits, Login
from support.machine import Machine, write_files

ITEMS = 60
KILLS = ("F12:1", "F3:1", "F5:1", "F7:1", "F6:2", "F7:5", "F8:3")
"""While a token is new, an upload has begun, bytes are on their way, a chunk or a file is there and nobody knows."""


@pytest.fixture
async def drive() -> AsyncIterator[GoogleDrive]:
    """A Drive on loopback, in this process: the one that is killed is another."""
    async with GoogleDrive() as drive:
        yield drive


async def add_drive_customer(machine: Machine, drive: GoogleDrive, login: Login, folder: Path) -> None:
    """A customer whose folder goes into a Drive of the sandbox."""
    await machine.archiver(
        *("customers", "add", login.name, "--from", f"folder:{folder}", "--to", "google_drive:/Archive"),
        *("--to-option", f"api_url={drive.url}", "--to-option", f"client_id={login.client_id}"),
        ARCHIVER_GOOGLE_DRIVE_REFRESH_TOKEN=login.refresh_token,
        ARCHIVER_GOOGLE_DRIVE_CLIENT_SECRET=login.client_secret,
    )


@pytest.mark.scenario
@pytest.mark.timeout(240)
async def test_kills_throttles_and_a_lagging_search_make_no_second_file(machine: Machine, drive: GoogleDrive, tmp_path: Path) -> None:
    """At the end every file is in the Drive once, with its bytes, and archived; no item was charged for a limit."""
    folder = tmp_path / "recordings"
    hashes = write_files(folder, ITEMS)
    big = os.urandom(20 * 1024 * 1024)
    (folder / "big.wav").write_bytes(big)
    wanted = {*hashes.values(), hashlib.sha256(big).hexdigest()}
    login = drive.add_user("acme", Limits(list_lag=3600.0, latency=0.01, writes_per_second=30.0, write_burst=4.0))
    await add_drive_customer(machine, drive, login, folder)
    killed, shown = [], b""
    for point in KILLS:
        process = await machine.start("run", "--until-empty", ARCHIVER_TESTING="1", ARCHIVER_FAILPOINTS=f"{point}=kill")
        _, said = await process.communicate()
        assert process.returncode in {0, -signal.SIGKILL}, said.decode()
        shown += said
        if process.returncode == -signal.SIGKILL:
            killed.append(point)
    assert killed == list(KILLS)
    await machine.archiver("run", "--until-empty")
    status = await machine.status("acme")
    assert (status["archived"], status["waiting"], status["rejected"], status["gone"]) == (ITEMS + 1, 0, 0, 0)
    files = drive.ledger().files
    assert len(files) == ITEMS + 1
    assert {file.sha256 for file in files} == wanted
    assert all(file.revisions == 1 for file in files)
    shown += b"".join(path.read_bytes() for path in machine.home.rglob("*") if path.is_file() and "recordings" not in path.parts)
    tokens = [token for grant in drive.grants.of("acme") for token in grant.access]
    assert tokens
    assert not [secret for secret in (login.refresh_token, login.client_secret, *tokens) if secret.encode() in shown]
