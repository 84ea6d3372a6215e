"""The whole line into object stores: killed at every step of a call, throttled; each object is written once, and no secret is told."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from archiver.sandbox.faults import Fault
from archiver.sandbox.gcs import GoogleStorage
from support.machine import Machine, write_files
from support.seaweed import ACCESS_KEY, SECRET_KEY, Seaweed

ITEMS = 40
MIB = 1024 * 1024


def recordings(folder: Path) -> set[bytes]:
    """Small files and a big one that goes in parts; what is in them."""
    write_files(folder, ITEMS)
    (folder / "big.wav").write_bytes(os.urandom(20 * MIB))
    return {path.read_bytes() for path in folder.iterdir()}


async def killed_at(machine: Machine, *points: str) -> bytes:
    """Runs once for each failpoint, at which it dies, and then to the end; what was said."""
    shown = b""
    for point in points:
        process = await machine.start("run", "--until-empty", ARCHIVER_TESTING="1", ARCHIVER_FAILPOINTS=f"{point}=kill")
        _, said = await process.communicate()
        assert process.returncode == -signal.SIGKILL, f"{point}: {said.decode()}"
        shown += said
    await machine.archiver("run", "--until-empty")
    status = await machine.status("acme")
    assert (status["archived"], status["waiting"], status["rejected"], status["gone"]) == (ITEMS + 1, 0, 0, 0)
    return shown


def kept(machine: Machine) -> bytes:
    """Everything that Archiver has written on this machine."""
    return b"".join(path.read_bytes() for path in (machine.home / "home").rglob("*") if path.is_file())


def check(stored: Mapping[str, bytes], wanted: set[bytes]) -> None:
    """Every file once, with its bytes."""
    assert len(stored) == ITEMS + 1
    assert set(stored.values()) == wanted


@pytest.mark.scenario
@pytest.mark.timeout(240)
async def test_kills_and_throttles_on_the_way_to_google(machine: Machine, tmp_path: Path) -> None:
    """While a token is new, an upload has begun, a part or an object is there and nobody knows: no object is made twice."""
    wanted = recordings(tmp_path / "recordings")
    async with GoogleStorage() as storage:
        storage.add_bucket("archive")
        key = storage.add_account("acme").json
        busy = json.dumps({"error": {"code": 429, "errors": [{"reason": "rateLimitExceeded"}]}})
        refused = Fault(action="reply", route="objects.insert", nth=9, status=429, body=busy, headers={"Retry-After": "1"})
        storage.add_fault(refused)
        await machine.archiver(
            *("customers", "add", "acme", "--from", f"folder:{tmp_path / 'recordings'}", "--to", "gcs:archive"),
            *("--to-option", f"endpoint={storage.url}"),
            ARCHIVER_GCS_SERVICE_ACCOUNT=key,
        )
        shown = await killed_at(machine, "F12:1", "F3:1", "F6:1", "F7:3")
        check(storage.stored("archive"), wanted)
        assert set(storage.buckets["archive"].puts.values()) == {1}
    secret = json.loads(key)["private_key"].splitlines()[5].encode()
    assert secret not in shown + kept(machine)


@pytest.mark.scenario
@pytest.mark.timeout(240)
async def test_kills_on_the_way_to_s3(machine: Machine, seaweed: Seaweed, tmp_path: Path) -> None:
    """The same into a real S3, in whose bucket with versions each key has one version."""
    wanted = recordings(tmp_path / "recordings")
    seaweed.bucket("archive", lock=True)
    await machine.archiver(
        *("customers", "add", "acme", "--from", f"folder:{tmp_path / 'recordings'}", "--to", "s3:archive"),
        *("--to-option", f"endpoint={seaweed.url}", "--to-option", f"access_key={ACCESS_KEY}"),
        ARCHIVER_S3_SECRET_KEY=SECRET_KEY,
    )
    shown = await killed_at(machine, "F5:1", "F7:3")
    check(await asyncio.to_thread(seaweed.objects, "archive"), wanted)
    versions = seaweed.client.list_object_versions(Bucket="archive")
    assert len(versions["Versions"]) == ITEMS + 1, "something was written twice"
    assert "DeleteMarkers" not in versions
    assert SECRET_KEY.encode() not in shown + kept(machine)
