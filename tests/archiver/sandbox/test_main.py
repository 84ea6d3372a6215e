"""The sandbox's command."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import sys
from pathlib import Path

import aiohttp
import pytest


async def start(*flags: str) -> tuple[asyncio.subprocess.Process, dict[str, str]]:
    """A process and what it said when it was ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "archiver.sandbox", *flags, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    return process, json.loads(await process.stdout.readline())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signals_end_it(number: signal.Signals, tmp_path: Path, http: aiohttp.ClientSession) -> None:
    """With exit code 0, and the state written."""
    process, ready = await start("--state", str(tmp_path))
    async with http.post(f"{ready['url']}/sandbox/accounts", json={"name": "airline"}) as response:
        assert response.status == 201
    process.send_signal(number)
    assert await process.wait() == 0
    assert "airline" in (tmp_path / "journal.jsonl").read_text()
    assert (tmp_path / "activity.jsonl").exists()


async def test_it_ends_when_its_input_closes() -> None:
    """If it was asked to."""
    process, _ = await start("--until-stdin-closes")
    assert process.stdin is not None
    process.stdin.write(b"ignored\n")
    await process.stdin.drain()
    process.stdin.close()
    assert await process.wait() == 0


async def test_it_ends_when_its_parent_is_gone() -> None:
    """By the number of the process that wanted it."""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE)
    process, ready = await start("--parent-pid", str(parent.pid), "--no-content")
    assert int(ready["pid"]) != os.getpid()
    await parent.communicate(b"\n")
    async with asyncio.timeout(10):
        assert await process.wait() == 0


async def test_it_serves_https(authority: tuple[ssl.SSLContext, Path], http: aiohttp.ClientSession) -> None:
    """With a certificate and key in files."""
    trusted = authority[1]
    process, ready = await start("--tls-certificate", str(trusted.parent / "server.pem"), "--tls-key", str(trusted.parent / "server.pem"))
    trust = ssl.create_default_context(cafile=str(trusted))
    async with http.get(f"{ready['tls_url']}/sandbox/stats", ssl=trust) as response:
        assert response.status == 200
    process.terminate()
    assert await process.wait() == 0
