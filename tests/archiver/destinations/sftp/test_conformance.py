"""The kit of destinations against real servers of SFTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from archiver.destinations.conformance import DestinationConformance, Rig
from support.sftp_servers import CLIENT_KEY, PASSWORD, OpenSsh, SftpServer, files_of, host_key, text_of


class TestAsyncSsh(DestinationConformance):
    """The kit against asyncssh's server, with a password."""

    @pytest.fixture
    async def rig(self, server: SftpServer, shelf: Any) -> Rig:
        """An empty folder."""

        async def stored() -> Mapping[str, bytes]:
            return files_of(server.root)

        reopen = partial(shelf.open, server.port)
        return Rig(destination=reopen(), stored=stored, reopen=reopen, secrets=(PASSWORD,))


class TestReplacing(DestinationConformance):
    """The kit against a server whose rename goes over what is there, and with each file read back."""

    @pytest.fixture
    async def rig(self, tmp_path: Path, shelf: Any) -> AsyncIterator[Rig]:
        """An empty folder."""
        async with SftpServer(tmp_path, version="Replacing_1.0", replaces=True) as server:

            async def stored() -> Mapping[str, bytes]:
                return files_of(server.root)

            reopen = partial(shelf.open, server.port, verify="read", fsync="no")
            yield Rig(destination=reopen(), stored=stored, reopen=reopen, secrets=(PASSWORD,))


class TestOpenSsh(DestinationConformance):
    """The kit against OpenSSH's server, with a key."""

    @pytest.fixture
    async def rig(self, openssh: OpenSsh, shelf: Any, tmp_path: Path) -> Rig:
        """An empty folder."""

        async def stored() -> Mapping[str, bytes]:
            return files_of(tmp_path)

        reopen = partial(
            shelf.open,
            openssh.port,
            username=openssh.user,
            password=None,
            private_key=text_of(CLIENT_KEY),
            host_key=f"[127.0.0.1]:{openssh.port} {host_key()}",
            path=str(tmp_path),
        )
        key = text_of(CLIENT_KEY)
        return Rig(destination=reopen(), stored=stored, reopen=reopen, secrets=tuple(key.splitlines()[1:-1]))
