"""Real processes: ``archiver run`` as a person starts it, and a Dropbox on loopback in a process of its own."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import IO, Any

from archiver.sandbox.limits import Limits
from archiver.sandbox.remote import SandboxProcess


class Machine:
    """A home of Archiver, and the processes that work in it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {**os.environ, "ARCHIVER_HOME": str(home / "home"), "ARCHIVER_LOG_FORMAT": "json"}
        self.started: list[asyncio.subprocess.Process] = []

    async def start(self, *arguments: str, output: IO[bytes] | None = None, **environment: str) -> asyncio.subprocess.Process:
        """Starts ``archiver …`` and does not wait for it; what it says goes into pipes, or into one file."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "archiver",
            *arguments,
            env=self.environment | environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output or asyncio.subprocess.PIPE,
            stderr=output or asyncio.subprocess.PIPE,
        )
        self.started.append(process)
        return process

    async def archiver(self, *arguments: str, code: int = 0, **environment: str) -> str:
        """Runs ``archiver …`` to its end; what it printed on standard output."""
        process = await self.start(*arguments, **environment)
        out, err = await process.communicate()
        assert process.returncode == code, f"archiver {' '.join(arguments)} ended with {process.returncode}\n{out.decode()}{err.decode()}"
        return out.decode() if code == 0 else err.decode()

    async def status(self, customer: str) -> dict[str, Any]:
        """A customer's row of ``archiver status --json``."""
        document = json.loads(await self.archiver("status", "--json"))
        return next(row for row in document["lanes"] if row["customer"] == customer)

    async def until_archived(self, customer: str, count: int, seconds: float = 30.0) -> None:
        """Looks at the database, as any second process may, until so many are archived."""
        async with asyncio.timeout(seconds):
            while (await self.status(customer))["archived"] < count:
                await asyncio.sleep(0.05)


def write_files(folder: Path, count: int, size: int = 1000, prefix: str = "call") -> dict[str, str]:
    """So many small files that all differ; name → sha256."""
    folder.mkdir(parents=True, exist_ok=True)
    hashes = {}
    for number in range(count):
        name = f"{prefix}-{number:05}.txt"
        data = (hashlib.sha256(name.encode()).hexdigest().encode() * (size // 64 + 1))[:size]
        (folder / name).write_bytes(data)
        hashes[name] = hashlib.sha256(data).hexdigest()
    return hashes


async def add_dropbox_customer(machine: Machine, sandbox: SandboxProcess, name: str, folder: Path, limits: Limits) -> None:
    """A customer whose folder goes into an account of the sandbox."""
    account = await sandbox.add_account(name, limits)
    await machine.archiver(
        *("customers", "add", name, "--from", f"folder:{folder}", "--to", "dropbox:/Archive"),
        *("--to-option", f"api_url={sandbox.url}", "--to-option", f"content_url={sandbox.url}"),
        *("--to-option", f"app_key={account.app_key}"),
        ARCHIVER_DROPBOX_REFRESH_TOKEN=account.refresh_token,
        ARCHIVER_DROPBOX_APP_SECRET=account.app_secret,
    )
