"""Worlds whose processes are killed, and what must be true of them after each kill.

A `Forge` starts the processes that are killed; a `KillWorld` is a home with customers whose folders go into accounts of a sandbox. After
each kill and a run to the end, `KillWorld.check` compares the files that were written, the sandbox's ledger and the database.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from archiver.app import Archiver, ConnectionSpec
from archiver.sandbox.limits import Limits
from archiver.sandbox.remote import SandboxProcess
from archiver.settings import load
from support.forking import WHOLE_BYTES, Run

__all__ = ["IN_FLIGHT", "Forge", "Forged", "KillWorld", "Killed"]

IN_FLIGHT = 4
"""Uploads in flight of each process: so few that a kill falls between many small steps."""
_RUN_SECONDS = 60.0


class Killed(msgspec.Struct, frozen=True):
    """How a process ended.

    Attributes:
        code: Its exit code; negative if a signal ended it.
        log: What it said.
    """

    code: int
    log: str

    @property
    def by_kill(self) -> bool:
        """Whether SIGKILL ended it."""
        return self.code == -signal.SIGKILL


class Forged:
    """A process of a forge's, with what a process of asyncio's has.

    Args:
        pid: Its number.
        end: Ends with its exit code.
    """

    def __init__(self, pid: int, end: asyncio.Task[int]) -> None:
        self.pid = pid
        self._end = end

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""
        return self._end.result() if self._end.done() else None

    async def wait(self) -> int:
        """Its exit code, when it has ended."""
        return await asyncio.shield(self._end)


class Forge:
    """``async with Forge() as forge`` runs ``archiver …`` in processes that cost little to start, one at a time."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._end: asyncio.Task[int] | None = None
        self.pid = 0

    async def __aenter__(self) -> Self:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "support.forking", stdin=PIPE, stdout=PIPE, env=environment, start_new_session=True
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        process = self._process
        if process is not None and process.stdin is not None:
            if self.pid:
                with suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
            process.stdin.close()
            await process.wait()
            if self._end is not None:
                await asyncio.wait({self._end})

    async def run(self, words: Sequence[str], environment: dict[str, str], log: Path) -> Killed:
        """Runs ``archiver …`` to whatever its end is."""
        async with asyncio.timeout(_RUN_SECONDS):
            code = await (await self.start(words, environment, log)).wait()
        return Killed(code, await asyncio.to_thread(log.read_text))

    async def start(self, words: Sequence[str], environment: dict[str, str], log: Path) -> Forged:
        """Starts ``archiver …``, after whatever it started before has ended."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(Run(words=list(words), environment=environment, log=str(log))) + b"\n")
        self.pid = await self._answer(process)
        self._end = asyncio.create_task(self._ended(process))
        return Forged(self.pid, self._end)

    async def _ended(self, process: Process) -> int:
        code = await self._answer(process)
        self.pid = 0
        return code

    async def _answer(self, process: Process) -> int:
        assert process.stdout is not None
        line = await process.stdout.readline()
        assert line, "the forge ended"
        return int(json.loads(line))


class KillWorld:
    """Customers with a folder each, in which new files come before each kill.

    Attributes:
        kills: How many processes were killed.
        repeated: How many transfers were made in vain, after each kill that was checked.
    """

    def __init__(self, home: Path, name: str, sandbox: SandboxProcess) -> None:
        self.home = home
        self.name = name
        self.sandbox = sandbox
        self.environment = {
            **{key: text for key, text in os.environ.items() if not key.startswith("ARCHIVER_")},
            "ARCHIVER_HOME": str(home),
            "ARCHIVER_UPLOADS_IN_FLIGHT": str(IN_FLIGHT),
            "ARCHIVER_TESTING": "1",
        }
        self.kills = 0
        self.repeated: list[int] = []
        self._written: dict[str, Counter[str]] = {}
        self._in_flight: list[int] = []  # at each end that was no good one
        self._rounds = 0

    async def add_customers(self, count: int, limits: Limits | None = None) -> None:
        """So many customers, each with an account of its own."""
        settings = load(environment={key: text for key, text in self.environment.items() if key != "ARCHIVER_TESTING"})
        async with Archiver.open(settings) as archiver:
            for number in range(count):
                name = f"{self.name}-{number:02}"
                account = await self.sandbox.add_account(name, limits or Limits())
                folder = self.home / "in" / name
                folder.mkdir(parents=True)
                self._written[name] = Counter()
                source = ConnectionSpec(adapter="folder", options={"path": str(folder), "watch": "no"})
                options = {"root": "/Archive", "api_url": self.sandbox.url, "app_key": account.app_key}
                secrets = {"refresh_token": account.refresh_token, "app_secret": account.app_secret}
                await archiver.add_customer(
                    name, [source], [ConnectionSpec(adapter="dropbox", options=options, secrets=secrets)], ping=False
                )

    def rain(self, large: int = 4) -> None:
        """A new small file for each customer, and for the first ones a large one that goes in chunks."""
        self._rounds += 1
        for number, (name, written) in enumerate(self._written.items()):
            sizes = [1000, 3 * WHOLE_BYTES + 777] if number < large else [1000]
            for size in sizes:
                key = f"{name}-{self._rounds:03}-{size}"
                data = (hashlib.sha256(key.encode()).hexdigest().encode() * (size // 64 + 1))[:size]
                (self.home / "in" / name / f"{key}.txt").write_bytes(data)
                written[hashlib.sha256(data).hexdigest()] += 1

    async def run(self, forge: Forge, *, failpoints: str = "", until_empty: bool = True) -> Killed:
        """Serves until nothing is left, or until a signal or a failpoint ends it."""
        environment = self.environment | ({"ARCHIVER_FAILPOINTS": failpoints} if failpoints else {})
        words = ["run", "--json", *(["--until-empty"] if until_empty else [])]
        ended = await forge.run(words, environment, self.home / "run.log")
        self.kills += ended.by_kill
        if ended.code:
            self._in_flight.append(await self._unsettled())
        return ended

    async def _unsettled(self) -> int:
        """How many files are visible of which the database does not know it: uploads that were in flight at the very end."""
        accounts = (await self.sandbox.stats())["accounts"]
        return sum(accounts[name]["files"] for name in self._written) - await asyncio.to_thread(self.archived)

    def archived(self) -> int:
        """How many deliveries are archived, by the database."""
        with sqlite3.connect(self.home / "archiver.db") as raw:
            (count,) = raw.execute("SELECT sum(archived) FROM lane_counters").fetchone()
        raw.close()
        return int(count)

    async def check(self) -> None:
        """Everything that was written is in the storage once, with its bytes, and archived in the database; little was sent twice."""
        await asyncio.to_thread(self._check_database)
        await self._check_storage()

    async def _check_storage(self) -> None:
        ledger = await self.sandbox.ledger()
        repeated = 0
        for name, written in self._written.items():
            files = ledger.files_of(name)
            assert Counter(file.sha256 for file in files) == written, f"{name}: other files than were written"
            assert [file.path for file in files if file.revisions != 1] == [], "something was overwritten"
            assert [file.path for file in files if "(1)" in file.path or "conflict" in file.path] == []
            repeated += sum(file.transfers - 1 for file in files)
        self.repeated.append(repeated - sum(self.repeated))
        # Those that ended while a write was under way wait for the next one, and others have begun: so some more than the limit.
        assert max(self._in_flight, default=0) <= 4 * IN_FLIGHT, f"so many uploads were in flight: {self._in_flight}"
        assert repeated <= sum(self._in_flight), f"{repeated} transfers were repeated; in flight were {self._in_flight}"

    def _check_database(self) -> None:
        total = sum(sum(written.values()) for written in self._written.values())
        with sqlite3.connect(self.home / "archiver.db") as raw:
            states = {row[:3]: row[3] for row in raw.execute("SELECT state, reason, detail, count(*) FROM deliveries GROUP BY 1, 2, 3")}
            receipts = raw.execute("SELECT count(*) FROM receipts").fetchone()
            journal = raw.execute("SELECT count(*) FROM journal").fetchone()
            counters = raw.execute("SELECT sum(archived), sum(waiting), sum(rejected), sum(gone) FROM lane_counters").fetchone()
        raw.close()
        assert states == {("archived", "", ""): total}, f"{total} were written, and the database has {states}"
        assert receipts[0] == total, "an archived delivery has no receipt"
        assert journal == (0,), "something of the journal was left"
        assert counters == (total, 0, 0, 0), f"the counters say {counters}"
