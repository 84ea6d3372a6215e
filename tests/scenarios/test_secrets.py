"""No secret and nobody's number leaves through a log, a traceback, an error or the database, whatever the provider says."""

from __future__ import annotations

import base64
import hashlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from archiver.sandbox.faults import Fault
from archiver.sandbox.limits import Limits
from archiver.sandbox.remote import SandboxProcess
from support.canary import NUMBER, TEXT, echoing_faults, secrets_of, write_messages
from support.machine import Machine

KEY = base64.b64encode(hashlib.sha256(b"canary").digest()).decode()
LOUD = {"ARCHIVER_KEY": KEY, "ARCHIVER_DEBUG": "1", "ARCHIVER_LOG_LEVEL": "debug"}


def written(home: Path) -> str:
    """Everything that Archiver keeps: the database as SQL and as bytes, and whatever stands beside it."""
    with sqlite3.connect(home / "archiver.db") as connection:
        dump = "\n".join(connection.iterdump())
    connection.close()
    return dump + "".join(path.read_bytes().decode("latin-1") for path in home.iterdir() if path.is_file())


@pytest.mark.scenario
@pytest.mark.timeout(180)
async def test_no_secret_leaves_whatever_goes_wrong(machine: Machine, sandbox: SandboxProcess, tmp_path: Path) -> None:
    """Refusals of every kind that repeat the secrets, at the loudest level, with tracebacks: none is in any output or in the database."""
    account = await sandbox.add_account("airline", Limits())
    secrets = secrets_of(account) | {"key": KEY}
    source = tmp_path / "in"
    write_messages(source, 3)
    said: list[str] = []

    async def say(*words: str, codes: tuple[int, ...] = (0,), **environment: str) -> str:
        process = await machine.start(*words, **(LOUD | environment))
        out, err = await process.communicate()
        said.append(out.decode() + err.decode())
        assert process.returncode in codes, said[-1]
        return said[-1]

    add = ("customers", "add", "airline", "--from", f"folder:{source}", "--to", "dropbox:/Archive")
    options = ("--to-option", f"api_url={sandbox.url}", "--to-option", f"app_key={account.app_key}")
    given = {"ARCHIVER_DROPBOX_REFRESH_TOKEN": account.refresh_token, "ARCHIVER_DROPBOX_APP_SECRET": account.app_secret}
    await say(*add, "--to-option", f"refresh_token={account.refresh_token}", codes=(78,))
    await sandbox.add_fault(Fault(action="reply", route="oauth2/token", status=400, body=" ".join(secrets.values())))
    await say(*add, *options, codes=(1,), **given)
    await say(*add, *options, "--json", **given)
    for number, faults in enumerate(echoing_faults(secrets)):
        await sandbox.clear_faults()
        await sandbox.add_fault(*faults)
        # Something new each time, since what was deferred does not make `--until-empty` wait.
        shutil.copy(source / "0.txt", source / f"more-{number}.txt")
        if "LaneParked" in await say("run", "--until-empty", "--log-format", "text" if number % 2 else "json"):
            await say("customers", "resume", "airline")
    await sandbox.clear_faults()
    await say("customers", "pause", "nobody", codes=(78,))
    await say("run", "--until-empty", codes=(0, 78), ARCHIVER_KEY=base64.b64encode(bytes(32)).decode())
    for words in (("status", "--json"), ("customers", "list", "--json"), ("settings",)):
        await say(*words)
    everything = "\n".join(said)
    assert "Traceback" in everything, "the loudest level was not loud"
    assert "LaneParked" in everything
    assert "DeliveryFailed" in everything
    assert [name for name, secret in secrets.items() if secret in everything] == []
    assert NUMBER not in everything
    assert NUMBER.removeprefix("+") not in everything
    assert TEXT not in everything
    # Numbers are what an item is about, and stand in its row; secrets and contents do not.
    kept = written(machine.home / "home")
    assert [name for name, secret in (secrets | {"content": TEXT}).items() if secret in kept] == []
