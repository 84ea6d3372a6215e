"""The real database, called inline so that virtual time decides when it answers, and what a process sees of it when it ails.

Every statement is SQLite's, on a real file; only the threads are left out. A call takes effect in one moment, and takes its time before
and after it: what was read may be old when it comes, and what was written may be written although its writer is dead by now.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from archiver.database.sqlite import SqliteDatabase
from archiver.errors import DatabaseUnavailableError, ProcessError
from archiver.model import Role
from simulation.cloud import Caller
from simulation.story import Story
from support.membership import SharedDatabase

__all__ = ["Ailments", "InlineDatabase", "InlineSharedDatabase", "Link", "Ready", "Watcher", "prepared_database", "quick_folder"]

T = TypeVar("T")

_WRITES = frozenset({"settle", "add_births", "save_sessions", "save_pace", "set_connection_state", "journal", "clear_journal"})


class _Inline:
    """What stands in for a handle's thread: the caller itself."""

    def __init__(self) -> None:
        self.running = False

    def start(self) -> None:
        """Begins."""
        self.running = True

    def stop(self) -> None:
        """Ends."""
        self.running = False

    async def run(self, call: Callable[[], T]) -> T:
        """Runs a call at once."""
        if not self.running:
            raise ProcessError("the database is not open")
        return call()


class _WithoutThreads(SqliteDatabase):
    """A database whose file is there (see `prepared_database`), without its threads."""

    async def open(self) -> None:
        """Connects."""
        for handle in (self._writer, self._reader, self._looker):
            handle._thread = _Inline()  # type: ignore[assignment]
            await handle.open()


class InlineDatabase(_WithoutThreads):
    """For one process that serves everything, and for people."""


class InlineSharedDatabase(_WithoutThreads, SharedDatabase):
    """For one of several workers."""


class Ready(msgspec.Struct, frozen=True):
    """A customer that is in the file already.

    Attributes:
        id: Its id.
        sources: Its sources' ids.
        lanes: Its destinations' ids, by adapter.
    """

    id: int
    sources: tuple[int, ...]
    lanes: Mapping[str, int]


@cache
def prepared_database(customers: int, adapters: tuple[str, ...]) -> tuple[bytes, tuple[Ready, ...]]:
    """The file of a database as the migrations leave it, with customers who have two sources, and a destination of each kind.

    Making it takes longer than most seeds, so it is made once; a seed takes from it what it does not want.
    """

    async def make(path: Path) -> list[Ready]:
        database = SqliteDatabase(path)
        await database.open()
        made = []
        for number in range(customers):
            customer = await database.add_customer(f"c{number}", path_template="/{kind}/{id}")
            sources = [await database.add_connection(customer.id, Role.SOURCE, "simulated", {}, {}) for _ in range(2)]
            lanes = {name: (await database.add_connection(customer.id, Role.DESTINATION, name, {}, {})).id for name in adapters}
            made.append(Ready(customer.id, tuple(source.id for source in sources), lanes))
        await database.close()
        return made

    with tempfile.TemporaryDirectory(dir=quick_folder()) as folder:
        path = Path(folder, "archiver.db")
        with asyncio.Runner() as runner:
            made = runner.run(make(path))
        return path.read_bytes(), tuple(made)


def quick_folder() -> str | None:
    """A folder in memory, where there is one: a simulation's files need not outlive the machine."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  a fresh folder is made in it


class Ailments:
    """How the database does, for every process alike.

    Attributes:
        away: It cannot be reached.
        breaks: How often a call finds it away for a moment.
        slow: Seconds that a call takes about, half before its effect and half after.
        ever: Whether it ever was not well.
        late: How often a write takes seconds to begin: its rows become visible after later ones.
    """

    def __init__(self) -> None:
        self.away = False
        self.breaks = 0.0
        self.slow = 0.0
        self.late = 0.0
        self.ever = False


class Watcher(Protocol):
    """Sees what processes do to the database."""

    def calls(self, caller: Caller, name: str, args: tuple[Any, ...]) -> None:
        """A call sets out."""
        ...

    def called(self, caller: Caller, name: str, args: tuple[Any, ...], result: Any) -> None:
        """A call took effect."""
        ...


class Link:
    """The database as one process sees it. Whatever the port has can be called; a dead process's calls never take effect."""

    def __init__(
        self, database: SqliteDatabase, caller: Caller, ailments: Ailments, *, chance: random.Random, watcher: Watcher, story: Story
    ) -> None:
        self._database = database
        self._caller = caller
        self._ailments = ailments
        self._chance = chance
        self._watcher = watcher
        self._story = story

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._database, name)
        caller, watcher, story = self._caller, self._watcher, self._story
        told = name != "changes"

        async def call(*args: Any, **named: Any) -> Any:
            watcher.calls(caller, name, args)
            await self._go(name)
            result = await method(*args, **named)
            watcher.called(caller, name, args, result)
            if told:
                story.tell("database", f"{caller.name} {name} {_short(args)}")
            await self._come()
            return result

        setattr(self, name, call)
        return call

    async def _go(self, name: str) -> None:
        """A call's way to the database."""
        ailments, chance = self._ailments, self._chance
        if self._caller.dead:
            raise asyncio.CancelledError
        if ailments.slow:
            await asyncio.sleep(ailments.slow * chance.random())
        if ailments.late and name in _WRITES and chance.random() < ailments.late:
            await asyncio.sleep(chance.uniform(0.5, 4.0))
        if self._caller.freezes_at == name:
            self._caller.frozen, self._caller.freezes_at = True, ""
            await asyncio.sleep(0)
        if self._caller.dead:
            raise asyncio.CancelledError
        if ailments.away or (ailments.breaks and chance.random() < ailments.breaks):
            await asyncio.sleep(0.01)
            raise DatabaseUnavailableError(f"{name}: the database is away")

    async def _come(self) -> None:
        """The answer's way back."""
        if self._ailments.slow:
            await asyncio.sleep(self._ailments.slow * self._chance.random())
        if self._caller.dead:
            raise asyncio.CancelledError


def _short(args: tuple[Any, ...]) -> str:
    """What the story needs of arguments: enough to tell two runs apart."""
    return " ".join(
        str(arg) if isinstance(arg, int) else str(len(arg)) if isinstance(arg, (list, dict, tuple)) else "…" for arg in args[:2]
    )
