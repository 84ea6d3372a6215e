"""Where items are born in a simulation: what a source has, and the adapter by which a process reads it."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from archiver.errors import ArchiverError, SourceGoneError, TransientError, UnavailableError
from archiver.model import Discovery, Item, Kind
from archiver.sources.memory import generated_bytes
from archiver.sources.port import Page
from simulation.cloud import Caller

__all__ = ["Origin", "SimulatedSource"]

_PIECE_BYTES = 6_000


class Origin:
    """What one source has; it outlives every process.

    Attributes:
        found: Everything that can be discovered, oldest first.
        sizes: Of the bytes that are really there, by locator; what is gone is missing.
        born: When each came, by locator.
        hurt: Locators of what was once gone or changed.
        away: It cannot be reached.
        short: How often a read ends too early.
        breaks: How often a read fails.
        latency: Seconds that a read takes.
    """

    def __init__(self, chance: random.Random) -> None:
        self.found: list[Discovery] = []
        self.sizes: dict[str, int] = {}
        self.born: dict[str, float] = {}
        self.hurt: set[str] = set()
        self.away = False
        self.short = self.breaks = 0.0
        self.latency = 0.0
        self._chance = chance
        self._changed = asyncio.Event()

    def add(self, *, name: str, key: str, size: int, knows_size: bool, knows_hash: bool, occurred_at: int, now: float) -> None:
        """One more item."""
        digest = hashlib.sha256(generated_bytes(key, 0, size)).hexdigest() if knows_hash else None
        self.sizes[key] = size
        self.born[key] = now
        self.found.append(
            Discovery(
                kind=Kind.SMS,
                external_id=name,
                occurred_at=occurred_at,
                locator=key,
                media_type="text/plain",
                size=size if knows_size else None,
                sha256=digest,
            )
        )

    def stir(self) -> None:
        """Something changed: whoever watches looks."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    @property
    def changed(self) -> asyncio.Event:
        """Set at the next change."""
        return self._changed

    def read(self, key: str, offset: int = 0) -> bytes | ArchiverError:
        """The bytes from an offset on, as they are now."""
        if self.away:
            return UnavailableError("the source is away")
        if self.breaks and self._chance.random() < self.breaks:
            return TransientError("the source failed")
        if key not in self.sizes:
            return SourceGoneError("the source no longer has it")
        size = self.sizes[key]
        if self.short and size and self._chance.random() < self.short:
            size //= 2
        return generated_bytes(key, offset, size)


class SimulatedSource:
    """An origin, as one process reads it."""

    def __init__(self, origin: Origin, caller: Caller, page_items: int) -> None:
        self._origin = origin
        self._caller = caller
        self._page_items = page_items
        self._closed = False

    def _check(self) -> None:
        if self._caller.dead:
            raise asyncio.CancelledError

    async def discover(self, cursor: str) -> AsyncGenerator[Page, None]:
        """Finds what came after the cursor, then what comes."""
        origin = self._origin
        place = int(cursor or 0)
        while not self._closed:
            changed = origin.changed
            complete = False
            while not complete:
                self._check()
                if origin.latency:
                    await asyncio.sleep(origin.latency)
                if origin.away:
                    raise UnavailableError("the source is away")
                found = origin.found[place : place + self._page_items]
                place += len(found)
                complete = place >= len(origin.found)
                yield Page(discoveries=found, cursor=str(place), complete=complete)
            await changed.wait()

    async def read_many(self, items: Sequence[Item]) -> Sequence[bytes | ArchiverError]:
        """The bytes of each item."""
        self._check()
        if self._origin.latency:
            await asyncio.sleep(self._origin.latency)
        self._check()
        return [self._origin.read(item.locator) for item in items]

    async def stream(self, item: Item, offset: int = 0) -> AsyncIterator[bytes]:
        """The bytes from an offset on."""
        self._check()
        data = self._origin.read(item.locator, offset)
        if isinstance(data, ArchiverError):
            raise data
        for start in range(0, len(data), _PIECE_BYTES):
            if self._origin.latency:
                await asyncio.sleep(self._origin.latency)
            self._check()
            if self._origin.away:
                raise UnavailableError("the source went away")
            yield data[start : start + _PIECE_BYTES]

    async def close(self) -> None:
        """Ends the watch."""
        self._closed = True
        self._origin.stir()
