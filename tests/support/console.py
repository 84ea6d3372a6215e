"""A console on loopback with a user of each rank, and browsers of theirs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from archiver.app import Archiver, ConnectionSpec
from archiver.console.listening import Listening
from archiver.console.serving import ConsoleServer
from archiver.people import Rank
from archiver.settings import load

PASSWORD = "seven green boats"


class ConsoleWorld:
    """A console that answers.

    Attributes:
        archiver: What it shows.
        url: Where it is.
        cookies: The session cookie of each rank's user.
    """

    def __init__(self, archiver: Archiver, url: str, home: Path) -> None:
        self.archiver = archiver
        self.url = url
        self.home = home
        self.cookies: dict[Rank, dict[str, str]] = {}

    async def add_people(self, listening: Listening) -> None:
        """A user of each rank, named like it; only the viewer has a password, since each takes time."""
        for rank in Rank:
            token = await self.archiver.door.known(rank.value, rank)
            entered = await self.archiver.door.accept(token, "", PASSWORD if rank is Rank.VIEWER else "", origin="127.0.0.1")
            self.cookies[rank] = {listening.cookie: entered.token}

    def browser(self, rank: Rank | None = None, **headers: str) -> aiohttp.ClientSession:
        """A browser as somebody of this rank, or as nobody; its requests come from our own pages unless ``headers`` say otherwise."""
        said = {"Sec-Fetch-Site": "same-origin"} | {name.replace("_", "-"): value for name, value in headers.items()}
        said = {name: value for name, value in said.items() if value}
        jar = aiohttp.CookieJar(unsafe=True)
        if rank is not None:
            jar.update_cookies(self.cookies[rank], aiohttp.client.URL(self.url))
        return aiohttp.ClientSession(self.url, cookie_jar=jar, headers=said)

    async def add_customer(self, name: str, items: int = 0) -> None:
        """A customer with a folder of so many messages, and one for them to go to."""
        source, target = self.home / name / "in", self.home / name / "out"
        source.mkdir(parents=True)
        target.mkdir()
        for number in range(items):
            (source / f"{number}.txt").write_text(f"message {number}")
        await self.archiver.add_customer(
            name,
            [ConnectionSpec(adapter="folder", options={"path": str(source), "sidecars": "ignored"})],
            [ConnectionSpec(adapter="folder", options={"path": str(target)})],
        )


@asynccontextmanager
async def console_world(home: Path) -> AsyncIterator[ConsoleWorld]:
    """A console that answers as long as this is entered."""
    settings = load(environment={}, flags={"home": str(home / "home"), "console": "127.0.0.1:0"})
    async with Archiver.open(settings, serve=True) as archiver, asyncio.TaskGroup() as group:
        server = ConsoleServer(archiver, Listening.of(settings))
        world = ConsoleWorld(archiver, server.url, home)
        serving = group.create_task(server.serve())
        try:
            await world.add_people(server.listening)
            yield world
        finally:
            serving.cancel()
