"""A sandbox in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import aiohttp
import pytest

from archiver.sandbox import Fault, Limits
from archiver.sandbox.remote import SandboxProcess, SandboxRefusedError
from support.dropbox_client import Client


async def test_everything_can_be_done_from_outside(http: aiohttp.ClientSession) -> None:
    """Accounts, limits, faults, the clock, and the ledger with its bytes."""
    async with SandboxProcess() as sandbox:
        client = Client(sandbox, await sandbox.add_account("airline", Limits(calls_per_second=100, burst=100)), http)
        await sandbox.add_fault(Fault(action="reply", status=503))
        assert (await client.upload("/a", b"sound")).status == 503
        await sandbox.add_fault(Fault(action="reply", status=503))
        await sandbox.clear_faults()
        assert (await client.upload("/a", b"sound")).status == 200
        await sandbox.set_limits("airline", calls_per_second=0.001, burst=0)
        assert (await client.upload("/b", b"sound")).status == 429
        await sandbox.change_account("airline", suspended=True)
        assert (await client.upload("/b", b"sound")).tags == "user_suspended"
        await sandbox.advance(14_401)
        assert (await client.upload("/b", b"sound")).tags == "expired_access_token"
        ledger, stats = await sandbox.ledger(), await sandbox.stats()
        [file] = ledger.files
        contents = sandbox.contents()
        assert b"".join(contents.chunks(file.sha256)) == b"sound"
        contents.close()
        assert stats["accounts"]["airline"]["refused"] == {"too_many_requests": 1}
        with pytest.raises(SandboxRefusedError, match="no such account"):
            await sandbox.set_limits("nobody", burst=1)


async def test_a_killed_process_goes_on_in_another(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    """What was answered is there."""
    async with SandboxProcess(state=tmp_path) as sandbox:
        client = Client(sandbox, await sandbox.add_account("airline"), http)
        assert (await client.upload("/a", b"sound")).status == 200
        await sandbox.kill()
    async with SandboxProcess(state=tmp_path) as sandbox:
        client = Client(sandbox, client.account, http)
        assert [file.path for file in (await sandbox.ledger()).files] == ["/a"]
        assert (await client.content("files/download", {"path": "/a"})).body == b"sound"


async def test_a_process_that_cannot_start_says_so() -> None:
    """And is not waited for."""
    with pytest.raises(SandboxRefusedError, match="did not start"):
        await SandboxProcess(command=("--unknown",)).start()
    with pytest.raises(SandboxRefusedError, match="was not started"):
        await SandboxProcess().stats()


async def test_the_process_ends_with_its_parent(tmp_path: Path) -> None:
    """Even if the parent is killed."""
    code = (
        "import asyncio\n"
        "from archiver.sandbox.remote import SandboxProcess\n"
        "async def main():\n"
        "    async with SandboxProcess() as sandbox:\n"
        "        print((await sandbox.stats())['now'], sandbox.url, flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    script = tmp_path / "parent.py"
    script.write_text(code)
    parent = await asyncio.create_subprocess_exec(os.sys.executable, str(script), stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    port = int((await parent.stdout.readline()).decode().rpartition(":")[2])
    # An open connection ends when the sandbox does: no need to ask again and again.
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()
