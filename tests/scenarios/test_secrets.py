"""No secret and nobody's number leaves through a log, a traceback, an error or the database, whatever the provider says."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest

from archiver.sandbox.account import Account
from archiver.sandbox.faults import Fault
from archiver.sandbox.limits import Limits
from archiver.sandbox.remote import SandboxProcess
from support.machine import Machine

KEY = base64.b64encode(hashlib.sha256(b"canary").digest()).decode()
NUMBER = "+493055501477"
TEXT = "canary-what-somebody-wrote"
LOUD = {"ARCHIVER_KEY": KEY, "ARCHIVER_DEBUG": "1", "ARCHIVER_LOG_LEVEL": "debug"}


def secrets_of(account: Account) -> dict[str, str]:
    """What the sandbox gave, and the key that seals it."""
    return {
        "refresh token": account.refresh_token,
        "access token": account.access_token,
        "app secret": account.app_secret,
        "key": KEY,
    }


def write_messages(folder: Path, count: int) -> None:
    """Messages between two numbers, each with its sidecar."""
    folder.mkdir()
    for number in range(count):
        sidecar = {"kind": "sms", "external_id": f"id-{number}", "sender": NUMBER, "recipient": NUMBER, "metadata": {"note": NUMBER}}
        (folder / f"{number}.txt.json").write_text(json.dumps(sidecar))
        (folder / f"{number}.txt").write_text(f"{TEXT} {number}")


def echoing_faults(secrets: Mapping[str, str]) -> list[tuple[Fault, ...]]:
    """Providers and proxies that repeat in their refusals what they were sent; a round of `archiver run` each."""
    page = f"<html><body>{' '.join(secrets.values())} {NUMBER} {TEXT}</body></html>"
    union = json.dumps({"error_summary": f"{page}/..", "error": {".tag": page, "reason": {".tag": page}}})
    upload, finish, token = "files/upload_session/*", "files/upload_session/finish*", "oauth2/token"
    html = "text/html"
    return [
        (Fault(action="expire_token", route=upload), Fault(action="reply", route=token, status=503, body=page, content_type=html)),
        (Fault(action="reply", route=upload, status=401, body=union, content_type="application/json"),),
        (Fault(action="reply", route=upload, status=409, body=union, content_type="application/json"),),
        (Fault(action="reply", route=finish, status=409, body=union, content_type="application/json"),),
        (Fault(action="reply", route=upload, status=400, body=page),),
        (Fault(action="reply", route=upload, status=500, body=page, content_type=html),),
        (Fault(action="reply", route=upload, status=502, body=page, content_type=html, headers={"Location": f"https://x/{page[:40]}"}),),
        (Fault(action="reply", route=upload, status=429, body=page, headers={"Retry-After": "1"}),),
        (Fault(action="reply", route=upload, status=200, body=f'{{"{page}', content_type="application/json"),),
        (Fault(action="lose_answer", route=finish), Fault(action="cut_request", route=upload, after_bytes=10)),
        (Fault(action="expire_token", route=upload), Fault(action="reply", route=token, status=400, body=union)),
    ]


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
    secrets = secrets_of(account)
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
