"""Servers of WebDAV, a folder for each test, and destinations in front of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from archiver.adapter import check_options
from archiver.destinations.port import Context, Unpaced
from archiver.destinations.webdav import ADAPTER, WebDavDestination
from genstage.clock import SystemClock
from support.refusing import Refusing
from support.sftp_servers import files_of
from support.webdav_servers import PASSWORD, USER, WebDavServer


class Folder:
    """A folder of a server, the way to it, and destinations in front of it."""

    def __init__(self, path: Path, between: Refusing, http: aiohttp.ClientSession) -> None:
        self.path = path
        self.between = between
        self._http = http

    def open(self, **options: Any) -> WebDavDestination:
        """A destination, as the app opens one; an option that is None is left out."""
        given = {"url": f"{self.between.url}/{self.path.name}", "username": USER, "password": PASSWORD, **options}
        checked = check_options("webdav", ADAPTER.options, {name: value for name, value in given.items() if value is not None})
        return ADAPTER.open(checked, Context(pace=Unpaced(), clock=SystemClock(), http=self._http))

    def refuse(self, method: str, status: int, **headers: str) -> None:
        """From now on each call of a method, or each call, is refused."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.between.refuse = lambda request: web.Response(status=status, headers=named) if method in {"", request.method} else None

    def stored(self) -> Mapping[str, bytes]:
        """Everything in it, by the paths of deliveries."""
        return files_of(self.path)

    def parts(self) -> list[Path]:
        """What is begun and not named."""
        return list((self.path / ".archiver-parts").iterdir())


@pytest.fixture(scope="session")
def webdav() -> Iterator[Callable[[str], WebDavServer]]:
    """Starts each kind of server when it is first asked for."""
    with ExitStack() as stack:
        running: dict[str, WebDavServer] = {}

        def server(kind: str) -> WebDavServer:
            if kind not in running:
                running[kind] = stack.enter_context(WebDavServer(kind))
            return running[kind]

        yield server


@pytest.fixture
def kind() -> str:
    """Which server."""
    return "rclone"


@pytest.fixture
async def folder(webdav: Callable[[str], WebDavServer], kind: str) -> AsyncIterator[Folder]:
    """An empty folder behind somebody who can refuse."""
    server = webdav(kind)
    async with Refusing(server.url) as between, aiohttp.ClientSession() as http:
        yield Folder(server.empty(), between, http)
