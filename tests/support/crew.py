"""A fleet of real processes on a real PostgreSQL, with a Dropbox on loopback that keeps the ledger, and what must be true of it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
from psycopg import sql

from archiver.app import Archiver, ConnectionSpec
from archiver.sandbox.ledger import Caller
from archiver.sandbox.limits import Limits
from archiver.sandbox.remote import SandboxProcess
from archiver.settings import load
from support.machine import Machine, write_files
from support.postgres import Server

__all__ = ["TTL", "Change", "Crew", "Hand"]

TTL = 2.0

# The database's own notes of who owned whom, which no worker knows of.
_NOTES = """
CREATE TABLE owner_notes (at double precision, customer text, owner text, epoch bigint);
CREATE FUNCTION note_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO owner_notes VALUES (extract(epoch FROM clock_timestamp()), NEW.name, NEW.owner, NEW.epoch);
    RETURN NEW;
END $$;
CREATE TRIGGER note_owner AFTER UPDATE OF owner, epoch ON customers FOR EACH ROW
WHEN (OLD.owner IS DISTINCT FROM NEW.owner OR OLD.epoch <> NEW.epoch) EXECUTE FUNCTION note_owner();
"""


class Change(msgspec.Struct, frozen=True):
    """A customer has another owner, or none."""

    at: float
    customer: str
    owner: str
    epoch: int


class Hand(Protocol):
    """A worker's process, however it was started."""

    @property
    def pid(self) -> int:
        """Its number."""
        ...

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""
        ...

    async def wait(self) -> int:
        """Its exit code, when it has ended."""
        ...


class Crew:
    """Workers, and customers with a folder each from which new files go on coming.

    Args:
        machine: Where they work.
        server: Has their database.
        address: Of their database.
        sandbox: Has an account for each customer.
        name: What the customers' names begin with; another for each crew of a sandbox.

    Attributes:
        workers: Those that were started, in order; also the dead.
        hashes: Of every file that was written, by customer.
    """

    def __init__(self, machine: Machine, server: Server, address: str, sandbox: SandboxProcess, *, name: str = "c") -> None:
        self.machine = machine
        self.server = server
        self.sandbox = sandbox
        self.address = address
        self.database = urlsplit(address).path.removeprefix("/")
        self.name = name
        self.workers: list[Hand] = []
        self.hashes: dict[str, set[str]] = {}
        self._waves = 0
        machine.environment |= {
            "ARCHIVER_DATABASE": address,
            "ARCHIVER_WORKER_TTL_SECONDS": str(TTL),
            "ARCHIVER_KEY_FILE": str(machine.home / "archiver.key"),
        }

    def _folder(self, customer: str) -> Path:
        return self.machine.home / "recordings" / customer

    async def add_customers(self, count: int, limits: Limits) -> None:
        """So many customers whose folders go into accounts of the sandbox."""
        environment = {name: text for name, text in self.machine.environment.items() if name.startswith("ARCHIVER_")}
        async with Archiver.open(load(environment=environment)) as archiver:
            self.server.execute(sql.SQL(_NOTES), self.database)
            for number in range(count):
                name = f"{self.name}{number:02}"
                account = await self.sandbox.add_account(name, limits)
                self._folder(name).mkdir(parents=True)
                self.hashes[name] = set()
                options = {"root": "/Archive", "api_url": self.sandbox.url, "content_url": self.sandbox.url, "app_key": account.app_key}
                secrets = {"refresh_token": account.refresh_token, "app_secret": account.app_secret}
                source = ConnectionSpec(adapter="folder", options={"path": str(self._folder(name))})
                await archiver.add_customer(
                    name, [source], [ConnectionSpec(adapter="dropbox", options=options, secrets=secrets)], ping=False
                )

    def rain(self, files: int, large: int = 0) -> None:
        """So many new files for each customer, and one of so many bytes."""
        self._waves += 1
        for name, hashes in self.hashes.items():
            hashes |= set(write_files(self._folder(name), files, size=2000, prefix=f"{name}-{self._waves}").values())
            if large:
                hashes |= set(write_files(self._folder(name), 1, size=large, prefix=f"{name}-{self._waves}-large").values())

    @asynccontextmanager
    async def raining(self, files: int, every: float, large: int = 0) -> AsyncIterator[None]:
        """New files for each customer all the time, as long as the block lasts."""

        async def rain() -> None:
            while True:
                self.rain(files, large)
                await asyncio.sleep(every)

        async with asyncio.TaskGroup() as group:
            task = group.create_task(rain())
            try:
                yield
            finally:
                task.cancel()

    # -- workers --------------------------------------------------------------------------------------------------------------------

    async def start(self, count: int = 1) -> None:
        """Starts workers and waits until they share the customers."""
        for _ in range(count):
            self.workers.append(await self._launch(self._log(len(self.workers))))
        await self.until_shared()

    async def _launch(self, log: Path) -> Hand:
        with log.open("wb") as output:
            return await self.machine.start("run", output=output)

    def _log(self, worker: int) -> Path:
        return self.machine.home / f"worker-{worker}.log"

    def send(self, worker: int, number: signal.Signals) -> float:
        """Sends a worker a signal; the moment."""
        os.kill(self.workers[worker].pid, number)
        return time.time()

    def log(self, worker: int) -> str:
        """What a worker has said."""
        return self._log(worker).read_text()

    def names(self, worker: int) -> set[str]:
        """The names under which a worker has entered, one after the other."""
        return {event["worker"] for event in self.told(worker, "WorkerEntered")}

    def told(self, worker: int, event: str) -> list[dict[str, Any]]:
        """What a worker has said of one kind of event."""
        lines = (line for line in self.log(worker).splitlines() if line.startswith("{") and line.endswith("}") and event in line)
        return [told for line in lines if (told := msgspec.json.decode(line))["event"] == event]

    async def until_shared(self, seconds: float = 60.0) -> None:
        """Returns when every customer is owned, and the owners' shares are fair."""
        living = sum(worker.returncode is None for worker in self.workers)
        async with asyncio.timeout(seconds):
            while True:
                counts = await asyncio.to_thread(self._counts)
                shares = [count for owner, count in counts.items() if owner]
                if "" not in counts and len(shares) == min(living, len(self.hashes)) and max(shares) - min(shares) <= 1:
                    return
                await asyncio.sleep(0.1)

    def _counts(self) -> dict[str, int]:
        rows = self.server.execute(sql.SQL("SELECT owner, count(*) FROM customers GROUP BY owner"), self.database)
        return {str(owner): int(str(count)) for owner, count in rows}

    async def owned_by(self, worker: int) -> set[str]:
        """Customers that a worker owns now."""
        query = sql.SQL("SELECT name FROM customers JOIN workers ON workers.id = owner WHERE pid = {}").format(
            sql.Literal(self.workers[worker].pid)
        )
        return {str(row[0]) for row in await asyncio.to_thread(self.server.execute, query, self.database)}

    async def stop_all(self) -> None:
        """Drains every worker that still runs; each ends well."""
        for number, worker in enumerate(self.workers):
            if worker.returncode is None:
                self.send(number, signal.SIGTERM)
        for number, worker in enumerate(self.workers):
            if worker.returncode is None:
                async with asyncio.timeout(40):
                    assert await worker.wait() == 0, self.log(number)

    # -- what must be true ----------------------------------------------------------------------------------------------------------

    async def until_archived(self, seconds: float = 60.0) -> None:
        """Returns when everything that was written until now is archived, by the database."""
        wanted = sum(len(hashes) for hashes in self.hashes.values())
        try:
            async with asyncio.timeout(seconds):
                while await asyncio.to_thread(self.archived) < wanted:
                    await asyncio.sleep(0.1)
        except TimeoutError:
            query = sql.SQL("SELECT state, reason, detail, count(*), min(id) FROM deliveries WHERE state <> 'archived' GROUP BY 1, 2, 3")
            rest = self.server.execute(query, self.database)
            raise AssertionError(f"{self.archived()} of {wanted} are archived after {seconds:g} s; the others: {rest}") from None

    def archived(self) -> int:
        """How many deliveries are archived, by the database."""
        count = sql.SQL("SELECT coalesce(sum(archived), 0)::bigint FROM lane_counters")
        return int(str(self.server.execute(count, self.database)[0][0]))

    def changes(self, customer: str | None = None) -> list[Change]:
        """Who owned whom, in order of time."""
        rows = self.server.execute(sql.SQL("SELECT at, customer, owner, epoch FROM owner_notes ORDER BY at, epoch"), self.database)
        changes = [Change(*row) for row in rows]  # type: ignore[arg-type]  # the columns are of these types
        return [change for change in changes if customer in {None, change.customer}]

    async def check(self) -> None:
        """Nothing lost, nothing twice, nothing corrupt; nobody had two owners, by the database and by the storage's own ledger."""
        ledger = await self.sandbox.ledger()
        processes = {name: number for number in range(len(self.workers)) for name in self.names(number)}
        for name, hashes in self.hashes.items():
            files = ledger.files_of(name)
            assert len(files) == len(hashes), f"{name}: {len(files)} files of {len(hashes)}"
            assert {record.sha256 for record in files} == hashes
            assert all(record.revisions == 1 for record in files), "something was overwritten"
            assert not [record.path for record in files if "(1)" in record.path or "conflict" in record.path]
            self._check_owners(name, ledger.accounts[name].callers, processes)
        query = sql.SQL("SELECT count(*) FROM deliveries WHERE state <> 'archived'")
        assert self.server.execute(query, self.database) == [(0,)]

    def _check_owners(self, customer: str, callers: Iterable[Caller], processes: Mapping[str, int]) -> None:
        taken = [change for change in self.changes(customer) if change.owner]
        epochs = [change.epoch for change in taken]
        assert epochs == sorted(set(epochs)), f"an epoch of {customer} was given twice: {taken}"
        moments = [(change.at, processes[change.owner]) for change in taken]
        tokens: dict[int, int] = {}
        for caller in callers:
            # Who owned the customer at the first of these calls, and whoever took it until the last of them.
            before = [worker for at, worker in moments if at <= caller.first_call]
            assert before, f"{customer} was called before anybody owned it"
            owners = {before[-1], *(worker for at, worker in moments if caller.first_call < at <= caller.last_call)}
            when = f"from {caller.first_call:.3f} to {caller.last_call:.3f}"
            assert len(owners) == 1, f"{customer} was called {when}, and changed hands meanwhile: {taken}"
            (owner,) = owners
            # A process has a token of its own, so the same token is the same process.
            assert tokens.setdefault(caller.token, owner) == owner, f"{customer} was called by two processes in turn: {taken}"

    async def transfers(self) -> int:
        """How many uploads travelled though the storage had the item already."""
        ledger = await self.sandbox.ledger()
        return sum(record.transfers - 1 for record in ledger.files if record.account in self.hashes)
