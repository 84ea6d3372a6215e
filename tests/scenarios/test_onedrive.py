"""The whole line into a OneDrive: killed at every step of a call, and slowed down by what Graph says is left; never two files."""

from __future__ import annotations

import hashlib
import os
import signal
from pathlib import Path

import pytest

from archiver.sandbox.microsoft import Limits, Login, OneDrive
from support.machine import Machine, write_files

ITEMS = 40
KILLS = ("F12:1", "F3:1", "F5:1", "F7:1")
"""While a token is new, an upload has begun, a fragment or a file is there and nobody knows."""


async def add_onedrive_customer(machine: Machine, onedrive: OneDrive, login: Login, folder: Path) -> None:
    """A customer whose folder goes into a OneDrive of the sandbox."""
    await machine.archiver(
        *("customers", "add", login.name, "--from", f"folder:{folder}", "--to", "onedrive:/Archive"),
        *("--to-option", f"api_url={onedrive.url}", "--to-option", f"client_id={login.client_id}"),
        ARCHIVER_ONEDRIVE_REFRESH_TOKEN=login.refresh_token,
        ARCHIVER_ONEDRIVE_CLIENT_SECRET=login.client_secret,
    )


@pytest.mark.scenario
@pytest.mark.timeout(240)
async def test_kills_make_no_second_file(machine: Machine, tmp_path: Path) -> None:
    """At the end every file is in the drive once, with its bytes, and archived; no token is told."""
    folder = tmp_path / "recordings"
    hashes = write_files(folder, ITEMS)
    big = os.urandom(20 * 1024 * 1024)
    (folder / "big.wav").write_bytes(big)
    async with OneDrive() as onedrive:
        login = onedrive.add_user("acme", Limits(units=None, latency=0.01))
        await add_onedrive_customer(machine, onedrive, login, folder)
        shown = b""
        for point in KILLS:
            process = await machine.start("run", "--until-empty", ARCHIVER_TESTING="1", ARCHIVER_FAILPOINTS=f"{point}=kill")
            _, said = await process.communicate()
            assert process.returncode == -signal.SIGKILL, f"{point}: {said.decode()}"
            shown += said
        await machine.archiver("run", "--until-empty")
        status = await machine.status("acme")
        assert (status["archived"], status["waiting"], status["rejected"], status["gone"]) == (ITEMS + 1, 0, 0, 0)
        files = onedrive.ledger().files
        assert len(files) == ITEMS + 1
        assert {file.sha256 for file in files} == {*hashes.values(), hashlib.sha256(big).hexdigest()}
        assert all(file.revisions == 1 for file in files)
        shown += b"".join(path.read_bytes() for path in machine.home.rglob("*") if path.is_file() and "recordings" not in path.parts)
        (grant,) = onedrive.grants.of("acme")
        assert len(grant.refresh) > 1, "each use gave another one"
        assert not [secret for secret in (login.client_secret, *grant.refresh, *grant.access) if secret.encode() in shown]


@pytest.mark.scenario
async def test_a_lane_lives_within_its_minute(machine: Machine, tmp_path: Path) -> None:
    """More than a minute permits, and not one call is refused: what Graph says is left is believed."""
    folder = tmp_path / "recordings"
    write_files(folder, ITEMS)
    async with OneDrive() as onedrive:
        login = onedrive.add_user("acme", Limits(units=60, window=3.0, latency=0.02))
        await add_onedrive_customer(machine, onedrive, login, folder)
        await machine.archiver("run", "--until-empty")
        record = onedrive.ledger().accounts["acme"]
        assert record.files == ITEMS
        assert (record.refused, record.disobeyed) == ({}, {})
