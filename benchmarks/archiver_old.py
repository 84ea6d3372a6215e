"""The old design, as a contestant of ``benchmarks.archiver``: a job every interval, a thread per customer, a thread per item.

    python -m benchmarks.archiver_old DATABASE --proxy URL --authority FILE --interval 1 --threads 4 --batch 1000

Every interval the job looks into the database for customers that have something, and starts a thread for each one that has none
running. That thread reads a batch, and a bounded number of threads of its own upload it, one ``files/upload`` per item, through
Dropbox's own package, which sleeps in the thread when it is answered 429. What is uploaded is marked, item by item.

It is written as well as this design can be: connections are kept, customers do not wait for each other, the tables have an index, a
failed item is tried again by the next job. Its three numbers must be guessed; ``benchmarks.archiver --tune`` guesses.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from dropbox import Dropbox, create_session
from dropbox.exceptions import DropboxException
from dropbox.files import WriteMode
from requests.exceptions import RequestException

from benchmarks.archiver_world import AIRLINE, Claim, Recording, Stage
from benchmarks.tunnel import environment_through

__all__ = ["AS_WRITTEN", "TUNED", "OldDesign", "OldSettings"]

_SCHEMA = """
CREATE TABLE customers (name TEXT PRIMARY KEY, token TEXT NOT NULL);
CREATE TABLE recordings (
    id INTEGER PRIMARY KEY, customer TEXT NOT NULL REFERENCES customers, path TEXT NOT NULL, sha256 TEXT NOT NULL, archived INTEGER NOT NULL
);
CREATE INDEX waiting ON recordings (customer, id) WHERE archived = 0;
"""
_BUSY_SECONDS = 30.0
_END_SECONDS = 3.0  # for uploads under way; whoever sleeps in a Retry-After would not hear anything for longer


class OldSettings(msgspec.Struct, frozen=True):
    """What must be guessed.

    Attributes:
        interval: Seconds from one job to the next.
        threads: Uploads of one customer at one time.
        batch: Items of one customer in one job.
    """

    interval: float
    threads: int
    batch: int

    def __str__(self) -> str:
        return f"a job every {self.interval:g} s, {self.threads} threads a customer, {self.batch} items a job"


AS_WRITTEN = OldSettings(interval=5, threads=50, batch=50)
TUNED = OldSettings(interval=1, threads=4, batch=1000)
"""The best of those that `python -m benchmarks.archiver --tune` tries."""


class OldDesign:
    """The contestant: prepares the database and starts the process.

    Args:
        name: For the table.
        settings: What was guessed.
    """

    def __init__(self, name: str, settings: OldSettings) -> None:
        self.name = name
        self.about = str(settings)
        self._settings = settings
        self._database: sqlite3.Connection | None = None
        self._command: list[str] = []
        self._environment: dict[str, str] = {}
        self._process: asyncio.subprocess.Process | None = None

    async def prepare(self, stage: Stage) -> None:
        """Fills the database with customers and the airline's backlog."""
        path = stage.directory / "old.db"
        database = self._database = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_SECONDS)
        database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + _SCHEMA)
        tokens = [(customer, account.access_token) for customer, account in stage.accounts.items()]
        backlog = [(AIRLINE, str(recording.path), recording.sha256) for recording in stage.backlog]
        with database:
            database.execute("BEGIN")
            database.executemany("INSERT INTO customers VALUES (?, ?)", tokens)
            database.executemany("INSERT INTO recordings (customer, path, sha256, archived) VALUES (?, ?, ?, 0)", backlog)
        settings = self._settings
        self._command = [sys.executable, "-m", "benchmarks.archiver_old", str(path), "--proxy", stage.proxy_url]
        self._command += ["--authority", str(stage.certificates.authority), "--interval", str(settings.interval)]
        self._command += ["--threads", str(settings.threads), "--batch", str(settings.batch)]
        self._environment = environment_through(stage.proxy_url, os.environ)

    async def begin(self) -> None:
        """Starts the process."""
        self._process = await asyncio.create_subprocess_exec(*self._command, env=self._environment)

    def arrived(self, customer: str, recording: Recording) -> None:
        """Whoever made the recording writes it into the database."""
        assert self._database is not None
        row = (customer, str(recording.path), recording.sha256)
        self._database.execute("INSERT INTO recordings (customer, path, sha256, archived) VALUES (?, ?, ?, 0)", row)

    def processes(self) -> Iterable[int]:
        """The one."""
        return [] if self._process is None else [self._process.pid]

    async def end(self) -> set[Claim]:
        """Asks the process to stop, then stops it; what is marked in the database."""
        assert self._process is not None
        assert self._database is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_END_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        rows = self._database.execute("SELECT customer, sha256 FROM recordings WHERE archived = 1").fetchall()
        self._database.close()
        return set(rows)


class Job:
    """The old program itself.

    Args:
        database: The file.
        session: What Dropbox's package is given: proxy and authority.
        settings: What was guessed.
        stop: Set when nothing may begin any more.
    """

    def __init__(self, database: Path, session: dict[str, str], settings: OldSettings, stop: threading.Event) -> None:
        self._connection = sqlite3.connect(database, isolation_level=None, timeout=_BUSY_SECONDS, check_same_thread=False)
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._lock = threading.Lock()  # one connection for all threads: many would only wait for each other inside SQLite
        self._session = session
        self._settings = settings
        self._stop = stop
        self._running: dict[str, threading.Thread] = {}
        self._clients: dict[str, Dropbox] = {}

    def run(self) -> None:
        """A job every interval, until it is told to stop."""
        while not self._stop.wait(self._settings.interval):
            self._running = {customer: thread for customer, thread in self._running.items() if thread.is_alive()}
            for customer, token in self._query(
                "SELECT name, token FROM customers WHERE EXISTS (SELECT 1 FROM recordings WHERE customer = name AND archived = 0)"
            ):
                if customer not in self._running:
                    thread = self._running[customer] = threading.Thread(target=self._customer, args=(customer, token), daemon=True)
                    thread.start()
        for thread in self._running.values():
            thread.join()

    def _customer(self, customer: str, token: str) -> None:
        """One customer's batch: a thread per item, as many at a time as was guessed."""
        client = self._client(customer, token)
        rows = self._query(
            "SELECT id, path FROM recordings WHERE customer = ? AND archived = 0 ORDER BY id LIMIT ?", customer, self._settings.batch
        )
        with ThreadPoolExecutor(self._settings.threads) as threads:
            for number, path in rows:
                threads.submit(self._item, client, number, Path(path))

    def _item(self, client: Dropbox, number: int, path: Path) -> None:
        """One item: read, upload, mark. Whatever cannot be uploaded now is left to the next job."""
        if self._stop.is_set():
            return
        with suppress(DropboxException, RequestException):
            client.files_upload(path.read_bytes(), f"/Archive/{path.parent.name}/{path.name}", mode=WriteMode.add, mute=True)
            self._query("UPDATE recordings SET archived = 1 WHERE id = ?", number)

    def _client(self, customer: str, token: str) -> Dropbox:
        if customer not in self._clients:
            session = create_session(
                max_connections=self._settings.threads, proxies={"https": self._session["proxy"]}, ca_certs=self._session["authority"]
            )
            self._clients[customer] = Dropbox(token, session=session)
        return self._clients[customer]

    def _query(self, text: str, *values: str | int) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(text, values).fetchall()


def main() -> None:
    """Runs the old program until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database", type=Path)
    parser.add_argument("--proxy", required=True)
    parser.add_argument("--authority", required=True)
    parser.add_argument("--interval", type=float, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    given = parser.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    settings = OldSettings(given.interval, given.threads, given.batch)
    Job(given.database, {"proxy": given.proxy, "authority": given.authority}, settings, stop).run()


if __name__ == "__main__":
    main()
