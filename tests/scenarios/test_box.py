"""The whole line into a Box: killed at every step of a call; never two files, and every new token kept."""

from __future__ import annotations

import hashlib
import os
import signal
from pathlib import Path

import pytest

from archiver.sandbox.box import Box, Limits, Login
from support.machine import Machine, write_files

ITEMS = 40
SMALL = "F8:5"
"""While some of many files are there, and have no receipt."""
KILLS = ("F5:2", "F6:1", "F7:1", SMALL)
"""While parts of the big one are there, while nothing but its commit is missing, and while Box puts it together."""


async def add_box_customer(machine: Machine, box: Box, login: Login, folder: Path) -> None:
    """A customer whose folder goes into a Box of the sandbox."""
    await machine.archiver(
        *("customers", "add", login.name, "--from", f"folder:{folder}", "--to", "box:/Archive"),
        *("--to-option", f"api_url={box.url}", "--to-option", f"client_id={login.client_id}"),
        ARCHIVER_BOX_REFRESH_TOKEN=login.refresh_token,
        ARCHIVER_BOX_CLIENT_SECRET=login.client_secret,
    )


async def run_until(machine: Machine, point: str) -> bytes:
    """Runs until it dies at a point; what it said."""
    process = await machine.start("run", "--until-empty", ARCHIVER_TESTING="1", ARCHIVER_FAILPOINTS=f"{point}=kill")
    _, said = await process.communicate()
    assert process.returncode == -signal.SIGKILL, f"{point}: {said.decode()}"
    return said


@pytest.mark.scenario
@pytest.mark.timeout(240)
async def test_kills_make_no_second_file(machine: Machine, tmp_path: Path) -> None:
    """At the end every file is there once, with its bytes, and archived; each new token was kept, and none is told."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    big = os.urandom(25 * 1024 * 1024)
    (folder / "big.wav").write_bytes(big)
    async with Box() as box:
        login = box.add_user("acme", Limits(calls=None, uploads=None, latency=0.01, commit_lag=1))
        await add_box_customer(machine, box, login, folder)
        shown, hashes, secrets = b"", dict[str, str](), {login.client_secret, login.refresh_token}
        for point in KILLS:
            if point == SMALL:
                hashes = write_files(folder, ITEMS)
            shown += await run_until(machine, point)
            secrets |= {grant.refresh for grant in box.grants.of("acme")}
        await machine.archiver("run", "--until-empty")
        status = await machine.status("acme")
        assert (status["archived"], status["waiting"], status["rejected"], status["gone"]) == (ITEMS + 1, 0, 0, 0)
        files = box.ledger().files
        assert len(files) == ITEMS + 1
        assert {file.sha256 for file in files} == {*hashes.values(), hashlib.sha256(big).hexdigest()}
        assert all(file.revisions == 1 for file in files)
        assert len(secrets) > len(KILLS), "each process has traded one token for another"
        shown += b"".join(path.read_bytes() for path in machine.home.rglob("*") if path.is_file() and "recordings" not in path.parts)
        assert not [secret for secret in secrets if secret.encode() in shown]
