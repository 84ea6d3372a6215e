"""The demo's world with its console, for as long as somebody looks: an airline whose Dropbox refuses it for long, and quiet customers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from archiver.app import Archiver
from archiver.cli.demo.world import Plan, open_world
from archiver.console.listening import Listening
from archiver.console.serving import ConsoleServer
from archiver.people import Rank
from archiver.sandbox.remote import SandboxProcess
from archiver.settings import load

PLAN = Plan(
    items=4000,
    calls_per_second=2.0,
    lowered_calls_per_second=0.2,
    burst=2,
    retry_after=15,  # as a real Dropbox says
    lowered_from=14.0,
    lowered_until=60.0,
    arriving_seconds=60.0,
    patience=600.0,
)


@dataclass(frozen=True)
class Living:
    """A running demo.

    Attributes:
        url: Where its console is.
        link: Lets an admin in, once.
        sandbox: The customers' Dropboxes.
    """

    url: str
    link: str
    sandbox: SandboxProcess


@asynccontextmanager
async def living_demo(directory: Path, plan: Plan = PLAN) -> AsyncIterator[Living]:
    """A running pipeline, and a console that shows it."""
    settings = load(environment={}, flags={"home": str(directory / "home"), "console": "127.0.0.1:0"})
    async with open_world(plan, directory, lambda _: None) as world, Archiver.open(settings, serve=True) as archiver:
        await world.introduce(archiver)
        server = ConsoleServer(archiver, Listening.of(settings))
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(archiver.run(stop, beside=[server.serve(), world.unfold(archiver, asyncio.Event())]))
            try:
                yield Living(server.url, f"{server.url}/welcome/{await archiver.door.known('demo', Rank.ADMIN)}", world.sandbox)
            finally:
                stop.set()
