"""Archiver as a contestant of ``benchmarks.archiver``: ``archiver run`` as a real process, a folder and a Dropbox per customer."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from archiver.app import Archiver, ConnectionSpec
from archiver.cli.demo.verdict import all_deliveries
from archiver.settings import Settings, load
from benchmarks.archiver_world import Claim, Recording, Stage

__all__ = ["NewDesign"]

_DRAIN_SECONDS = 30.0


class NewDesign:
    """Nothing is set: no batch size, no interval, no number of threads."""

    def __init__(self) -> None:
        self.name = "Archiver"
        self.about = "`archiver run`, nothing set"
        self._process: asyncio.subprocess.Process | None = None
        self._settings: Settings | None = None
        self._said = Path()

    async def prepare(self, stage: Stage) -> None:
        """Adds the customers; the airline last."""
        self._settings = load(environment={}, flags={"home": str(stage.directory / "home")})
        async with Archiver.open(self._settings, serve=True) as archiver:
            for customer, account in reversed(stage.accounts.items()):
                options = {"app_key": account.app_key, "api_url": stage.sandbox_url, "content_url": stage.sandbox_url}
                secrets = {"refresh_token": account.refresh_token, "app_secret": account.app_secret}
                source = ConnectionSpec(adapter="folder", options={"path": str(stage.folders[customer])})
                destination = ConnectionSpec(adapter="dropbox", options={"root": "/Archive", **options}, secrets=secrets)
                await archiver.add_customer(customer, [source], [destination], ping=False)

    async def begin(self) -> None:
        """Starts the process."""
        assert self._settings is not None
        environment = {**os.environ, "ARCHIVER_HOME": str(self._settings.home), "ARCHIVER_LOG_LEVEL": "warning"}
        command = [sys.executable, "-m", "archiver", "run", "--json"]
        self._said = self._settings.home / "said.txt"
        with self._said.open("wb") as said:
            self._process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=said, stderr=said)

    def arrived(self, customer: str, recording: Recording) -> None:
        """It sees its folders itself."""

    def processes(self) -> Iterable[int]:
        """The one."""
        return [] if self._process is None else [self._process.pid]

    async def end(self) -> set[Claim]:
        """Drains, and looks into the database."""
        assert self._process is not None
        assert self._settings is not None
        self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(_DRAIN_SECONDS):
            code = await self._process.wait()
        if code:
            raise SystemExit(f"archiver run ended with {code}\n{self._said.read_text()}")
        async with Archiver.open(self._settings) as archiver:
            return {(row.customer, row.receipt.sha256) for row in await all_deliveries(archiver) if row.receipt is not None}
