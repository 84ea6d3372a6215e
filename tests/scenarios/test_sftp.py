"""A big file onto OpenSSH's server, killed on the way. `make soak` sends 5 GB; each other run sends 200 MB."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from archiver.sources.memory import generated_bytes
from support.machine import Machine
from support.sftp_servers import CLIENT_KEY, SSHD, OpenSsh, host_key, text_of

MIB = 1024 * 1024
MOST_MEMORY = 150_000_000


@pytest.fixture(scope="module")
def openssh() -> Iterator[OpenSsh]:
    """OpenSSH's server."""
    if SSHD is None:
        pytest.skip("OpenSSH's sshd is not installed; Debian has it as openssh-server")
    with OpenSsh() as server:
        yield server


def digests_of(folder: Path) -> list[str]:
    """The SHA-256 of each file in a folder and under it."""
    digests = []
    for path in (found for found in folder.rglob("*") if found.is_file()):
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return digests


async def killed_large_file(machine: Machine, server: OpenSsh, size: int, kills: int) -> None:
    """One item of this size, killed at equal distances; it goes on in the same part, and nothing of it is held in memory."""
    folder = server.empty()
    options = {"port": server.port, "username": server.user, "path": folder, "host_key": host_key()}
    await machine.archiver(
        *("customers", "add", "acme", "--from", "memory", "--from-option", "items=1", "--from-option", f"size={size}"),
        *("--to", "sftp:127.0.0.1", *(word for name, value in options.items() for word in ("--to-option", f"{name}={value}"))),
        ARCHIVER_SFTP_PRIVATE_KEY=text_of(CLIENT_KEY),
    )
    parts = folder / ".archiver-parts"
    peak = done = 0
    began = time.monotonic()
    begun: dict[str, int] = {}
    process = await machine.start("run", "--log-level", "error")
    while done < kills or not begun or any(parts.iterdir()):
        await asyncio.sleep(0.05)
        peak = max(peak, psutil.Process(process.pid).memory_info().rss)
        for part in parts.glob("*.part"):
            begun[part.name] = part.stat().st_size
        if done < kills and any(there > size * (done + 1) / (kills + 1) for there in begun.values()):
            process.send_signal(signal.SIGKILL)
            await process.communicate()
            done += 1
            process = await machine.start("run", "--log-level", "error")
    await machine.until_archived("acme", 1, seconds=60)
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert (process.returncode, done) == (0, kills)
    print(f"{size / 1e9:.1f} GB in {time.monotonic() - began:.0f} s, {done} kills, {peak / 1e6:.0f} MB")  # noqa: T201  for who looks
    assert peak <= MOST_MEMORY, f"{peak / 1e6:.0f} MB"
    assert len(begun) == 1, "it was begun anew"
    whole = hashlib.sha256()
    for start in range(0, size, MIB):
        whole.update(generated_bytes("000000000", start, min(start + MIB, size)))
    assert await asyncio.to_thread(digests_of, folder) == [whole.hexdigest()]


@pytest.mark.scenario
@pytest.mark.timeout(180)
async def test_two_hundred_megabytes_survive_a_kill(machine: Machine, openssh: OpenSsh) -> None:
    """Under 150 MB of memory, in one part, with the same hash."""
    await killed_large_file(machine, openssh, 200 * MIB, kills=1)


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_five_gigabytes_survive_three_kills(machine: Machine, openssh: OpenSsh) -> None:
    """As above, twenty-five times as large."""
    await killed_large_file(machine, openssh, 5 * 1024 * MIB, kills=3)
