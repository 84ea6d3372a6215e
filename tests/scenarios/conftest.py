"""What scenarios start from: a home of Archiver, and a Dropbox on loopback."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from archiver.sandbox.remote import SandboxProcess
from support.machine import Machine


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    """A fresh home; whatever still runs at the end is killed."""
    machine = Machine(tmp_path)
    yield machine
    for process in machine.started:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.communicate()


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxProcess]:
    """A Dropbox on loopback, in a process of its own."""
    async with SandboxProcess() as process:
        yield process
