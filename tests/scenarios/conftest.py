"""What scenarios start from: a home of Archiver, and a Dropbox on loopback."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from archiver.sandbox.remote import SandboxProcess
from support.machine import Machine

if TYPE_CHECKING:
    from support.seaweed import Seaweed  # Amazon's client costs every run of any scenario a third of a second


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


@pytest.fixture(scope="session")
def seaweed() -> Iterator[Seaweed]:
    """A real server that speaks S3, for all scenarios that want one."""
    from support.seaweed import Seaweed  # noqa: PLC0415  as above

    with Seaweed() as server:
        yield server
