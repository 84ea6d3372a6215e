"""Servers of SFTP, and destinations in front of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from archiver.adapter import check_options
from archiver.destinations.port import Context, Unpaced
from archiver.destinations.sftp import ADAPTER, SftpDestination
from genstage.clock import SystemClock
from support.sftp_servers import HOST_KEY, PASSWORD, SSHD, USER, OpenSsh, SftpServer


class Shelf:
    """Makes destinations, and closes them at the end."""

    def __init__(self) -> None:
        self.stack = AsyncExitStack()

    def open(self, port: int, **options: Any) -> SftpDestination:
        """A destination, as the app opens one; an option that is None is left out."""
        given = {
            "host": "127.0.0.1",
            "port": port,
            "username": USER,
            "password": PASSWORD,
            "host_key": HOST_KEY.get_fingerprint(),
            "path": "/",
            **options,
        }
        checked = check_options("sftp", ADAPTER.options, {name: value for name, value in given.items() if value is not None})
        destination = ADAPTER.open(checked, Context(pace=Unpaced(), clock=SystemClock()))
        self.stack.push_async_callback(destination.close)
        return destination


@pytest.fixture
async def shelf() -> AsyncIterator[Shelf]:
    """What makes destinations."""
    shelf = Shelf()
    async with shelf.stack:
        yield shelf


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[SftpServer]:
    """Asyncssh's server in front of an empty folder."""
    root = tmp_path / "root"
    root.mkdir()
    async with SftpServer(root) as server:
        yield server


@pytest.fixture(scope="session")
def openssh() -> Iterator[OpenSsh]:
    """OpenSSH's server."""
    if SSHD is None:
        pytest.skip("OpenSSH's sshd is not installed; Debian has it as openssh-server")
    with OpenSsh() as server:
        yield server
