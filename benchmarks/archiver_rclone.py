"""Real rclone as a contestant of ``benchmarks.archiver``, untouched, through a proxy that answers for Dropbox's hosts.

rclone copies one folder into one remote and ends. It knows neither many customers nor new files. So it is run as people run it: the
airline's backlog by one process, and the small customers one after the other, a few processes at a time, round after round.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from benchmarks.archiver_world import AIRLINE, Claim, Recording, Stage
from benchmarks.tunnel import environment_through

__all__ = ["BEST", "Rclone", "RcloneSettings"]

_FAR = "2099-01-01T00:00:00Z"
_AT_ONCE = 4  # processes for the small customers
_END_SECONDS = 5.0


class RcloneSettings(msgspec.Struct, frozen=True):
    """How the airline's process is set; flags that are not named keep their defaults."""

    flags: Sequence[str]

    def __str__(self) -> str:
        return " ".join(self.flags)


BEST = RcloneSettings(["--transfers", "4", "--tpslimit", "12", "--dropbox-batch-mode", "off"])
"""The best of those that `python -m benchmarks.archiver --tune` tries."""


class Rclone:
    """One process for the airline, a few for everybody else.

    Args:
        settings: Of the airline's process.
    """

    def __init__(self, settings: RcloneSettings = BEST) -> None:
        self.name = "rclone"
        self.about = f"one `rclone copy {settings}` for the airline; for the others {_AT_ONCE} processes at a time, round after round"
        self._settings = settings
        self._stage: Stage | None = None
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._work: asyncio.Task[None] | None = None
        self._hashes: dict[tuple[str, str], str] = {}

    async def prepare(self, stage: Stage) -> None:
        """Writes the configuration: a remote per customer."""
        self._stage = stage
        lines = []
        for customer, account in stage.accounts.items():
            token = json.dumps({"access_token": account.access_token, "token_type": "bearer", "expiry": _FAR})
            lines += [f"[{customer}]", "type = dropbox", f"token = {token}", ""]
        (stage.directory / "rclone.conf").write_text("\n".join(lines))
        airline = stage.folders[AIRLINE]
        self._hashes = {(AIRLINE, str(recording.path.relative_to(airline))): recording.sha256 for recording in stage.backlog}

    async def begin(self) -> None:
        """Starts the airline's process, and the rounds."""
        self._work = asyncio.create_task(self._everybody())

    def arrived(self, customer: str, recording: Recording) -> None:
        """The next round will find it."""
        assert self._stage is not None
        self._hashes[customer, str(recording.path.relative_to(self._stage.folders[customer]))] = recording.sha256

    def processes(self) -> Iterable[int]:
        """All that run now."""
        return list(self._running)

    async def end(self) -> set[Claim]:
        """Stops all of them; what their logs say."""
        assert self._stage is not None
        assert self._work is not None
        self._work.cancel()
        with suppress(asyncio.CancelledError):
            await self._work
        claims: set[Claim] = set()
        for log in self._stage.directory.glob("*.log"):
            customer = log.stem
            for line in log.read_text(errors="replace").splitlines():
                with suppress(json.JSONDecodeError):  # a killed process may leave half a line
                    entry = json.loads(line)
                    if str(entry.get("msg", "")).startswith("Copied"):
                        claims.add((customer, self._hashes[customer, entry["object"]]))
        return claims

    async def _everybody(self) -> None:
        assert self._stage is not None
        line = deque(self._stage.plan.names)

        async def rounds() -> None:
            while True:
                customer = line.popleft()
                try:
                    await self._copy(customer, [])
                finally:
                    line.append(customer)
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as group:
            group.create_task(self._copy(AIRLINE, self._settings.flags))
            for _ in range(_AT_ONCE if line else 0):
                group.create_task(rounds())

    async def _copy(self, customer: str, flags: Sequence[str]) -> None:
        """One process, from its start to its end."""
        stage = self._stage
        assert stage is not None
        stage.folders[customer].mkdir(parents=True, exist_ok=True)
        command = [str(Path(sys.executable).with_name("rclone")), "copy", str(stage.folders[customer]), f"{customer}:/Archive", *flags]
        command += ["--config", str(stage.directory / "rclone.conf"), "--ca-cert", str(stage.certificates.authority)]
        command += ["--exclude", "*.part", "--stats", "0", "--use-json-log", "--log-level", "INFO"]
        command += ["--log-file", str(stage.directory / f"{customer}.log")]
        environment = environment_through(stage.proxy_url, os.environ)
        process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.DEVNULL)
        self._running[process.pid] = process
        try:
            await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                try:
                    async with asyncio.timeout(_END_SECONDS):
                        await process.wait()
                except TimeoutError:
                    process.kill()
                    await process.wait()
            del self._running[process.pid]
