"""What systemd hears."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from archiver.observe.supervisor import Supervisor
from genstage.clock import SystemClock
from genstage.testing import VirtualClock, run


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[socket.socket]:
    """The end that systemd holds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(0)
        yield listening


def heard(ear: socket.socket) -> list[str]:
    """What has come so far."""
    messages = []
    while True:
        try:
            messages.append(ear.recv(4096).decode())
        except BlockingIOError:
            return messages


def test_it_is_ready_and_lives_and_stops(ear: socket.socket) -> None:
    """Ready at once, then three pings in the time that systemd waits, then that it stops."""

    async def main() -> None:
        environment = {"NOTIFY_SOCKET": ear.getsockname(), "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}
        supervisor = Supervisor(environment, lambda: True, VirtualClock())
        running = asyncio.create_task(supervisor.run())
        await VirtualClock().sleep(31.0)
        running.cancel()
        supervisor.stopping()
        ready, *pings, stopping = heard(ear)
        assert ready.startswith("READY=1\n")
        assert pings == ["WATCHDOG=1"] * 3
        assert stopping.startswith("STOPPING=1\n")

    run(main)


def test_a_process_that_hangs_does_not_ping(ear: socket.socket) -> None:
    """The loop turns, but nothing moves: systemd must start it again."""

    async def main() -> None:
        supervisor = Supervisor({"NOTIFY_SOCKET": ear.getsockname(), "WATCHDOG_USEC": "3000000"}, lambda: False, VirtualClock())
        running = asyncio.create_task(supervisor.run())
        await VirtualClock().sleep(10.0)
        running.cancel()
        assert [message for message in heard(ear) if "WATCHDOG" in message] == []

    run(main)


def test_a_watchdog_that_is_meant_for_another_process_is_left_alone(ear: socket.socket) -> None:
    """The variables are inherited by whatever a service starts."""

    async def main() -> None:
        environment = {"NOTIFY_SOCKET": ear.getsockname(), "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}
        running = asyncio.create_task(Supervisor(environment, lambda: True, VirtualClock()).run())
        await VirtualClock().sleep(10.0)
        running.cancel()
        assert [message.partition("\n")[0] for message in heard(ear)] == ["READY=1"]

    run(main)


def test_the_abstract_namespace() -> None:
    """An address that begins with @ has a zero in its place."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        name = f"archiver-test-{os.getpid()}"
        listening.bind("\0" + name)
        listening.settimeout(0)
        Supervisor({"NOTIFY_SOCKET": f"@{name}"}, lambda: True, SystemClock()).tell("READY=1")
        assert heard(listening) == ["READY=1"]


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere/at/all"}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_nobody_listens(environment: dict[str, str]) -> None:
    """Without a supervisor, or with one that has gone, nothing happens."""
    Supervisor(environment, lambda: True, SystemClock()).stopping()
