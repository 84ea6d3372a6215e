"""What the sources of our own files have in common: they find what the Database tells, and make bytes when these are asked for."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any

from archiver.adapter import Option
from archiver.database.port import Database
from archiver.errors import ArchiverError
from archiver.model import Connection, Item
from archiver.sources.port import ALONE, Context, Page, Source
from genstage.clock import Clock

__all__ = ["OwnAdapter", "OwnSource"]


class OwnSource(ABC):
    """Finds one customer's files of a sort, and makes their bytes.

    Args:
        database: Where everything is; None finds nothing, for a connection that is about to be added.
        connection: The customer's connection that stands for this source.
        clock: Time.
    """

    def __init__(self, database: Database | None, connection: Connection | None, clock: Clock) -> None:
        self._database = database
        self._connection = connection
        self._clock = clock
        self._closing = asyncio.Event()

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    @abstractmethod
    def discover(self, cursor: str) -> AsyncGenerator[Page, None]:
        """See `Source.discover`."""

    @abstractmethod
    def stream(self, item: Item, offset: int = 0) -> AsyncIterator[bytes]:
        """See `Source.stream`."""

    async def read_many(self, items: Sequence[Item]) -> Sequence[bytes | ArchiverError]:
        """Whole files; see `Source.read_many`."""
        results: list[bytes | ArchiverError] = []
        for item in items:
            try:
                results.append(b"".join([chunk async for chunk in self.stream(item)]))
            except ArchiverError as error:
                results.append(error)
        return results

    async def close(self) -> None:
        """Ends the watch."""
        self._closing.set()

    async def _wait(self, until: float) -> None:
        """Returns at that moment of the clock's time, or when the source is closed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until - self._clock.time())):
                await self._closing.wait()


class OwnAdapter:
    """Registers a source of our own files. What it opens finds nothing: the real one is made where the database is.

    Args:
        name: As people write it.
        summary: For people.
        make: Makes the source.
    """

    options: tuple[Option, ...] = ()

    def __init__(self, name: str, summary: str, make: Callable[[Database | None, Connection | None, Clock], Source]) -> None:
        self.name = name
        self.summary = summary
        self._make = make

    def open(self, options: dict[str, Any], context: Context = ALONE) -> Source:
        """See `archiver.sources.port.SourceAdapter.open`."""
        del options
        return self._make(None, None, context.clock)
