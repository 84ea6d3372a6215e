"""Items in memory: given in code, for tests, or made from their number, for experiments and benchmarks.

In: discoveries and bytes, or how many items of what size. Out: pages of discoveries; the bytes.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from archiver.adapter import Option
from archiver.errors import ArchiverError, ConfigError, SourceGoneError
from archiver.model import Discovery, Item, Kind
from archiver.sources.port import ALONE, Context, Page, Source

__all__ = ["ADAPTER", "GeneratedSource", "MemoryAdapter", "MemorySource", "generated_bytes"]

_PAGE_ITEMS = 1000
_CHUNK_BYTES = 1024 * 1024


class MemorySource:
    """Items given in code; more may be added while it is watched.

    Args:
        items: What there is at the beginning. The discovery's ``locator`` names the bytes.
        finite: `discover` ends after what there is; otherwise it waits for what `add` brings.
        page_items: Most discoveries in a page.
    """

    def __init__(self, items: Iterable[tuple[Discovery, bytes]] = (), *, finite: bool = False, page_items: int = _PAGE_ITEMS) -> None:
        self._found: list[Discovery] = []
        self._bytes: dict[str, bytes] = {}
        self._finite = finite
        self._closed = False
        self._page_items = page_items
        self._changed = asyncio.Event()
        for discovery, data in items:
            self.add(discovery, data)

    def add(self, discovery: Discovery, data: bytes) -> None:
        """Adds an item, or one more discovery of the same; whoever watches finds it at once."""
        self._found.append(discovery)
        self._bytes[discovery.locator] = data
        self._wake()

    def replace(self, locator: str, data: bytes) -> None:
        """Gives an item other bytes than it was discovered with."""
        self._bytes[locator] = data

    def remove(self, locator: str) -> None:
        """Loses an item's bytes, as a source does that purges; its discovery stays."""
        self._bytes.pop(locator, None)

    def finish(self) -> None:
        """Says that nothing more will come: `discover` ends after what there is."""
        self._finite = True
        self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def discover(self, cursor: str) -> AsyncGenerator[Page, None]:
        """Finds what was added after the cursor, then what comes; see `Source.discover`."""
        place = int(cursor or 0)
        while True:
            changed = self._changed
            while True:
                found = self._found[place : place + self._page_items]
                place += len(found)
                complete = place >= len(self._found)
                yield Page(discoveries=found, cursor=str(place), complete=complete, claimed=self._claimed() if complete else {})
                if complete:
                    break
            if self._finite or self._closed:
                return
            await changed.wait()

    def _claimed(self) -> Mapping[Kind, int]:
        return Counter(kind for kind, _, _ in {(found.kind, found.external_id, found.part) for found in self._found})

    async def read_many(self, items: Sequence[Item]) -> Sequence[bytes | ArchiverError]:
        """The bytes of each item; see `Source.read_many`."""
        return [self._bytes[item.locator] if item.locator in self._bytes else _gone(item) for item in items]

    async def stream(self, item: Item, offset: int = 0) -> AsyncIterator[bytes]:
        """The bytes from ``offset`` on; see `Source.stream`."""
        if item.locator not in self._bytes:
            raise _gone(item)
        data = memoryview(self._bytes[item.locator])
        for start in range(offset, len(data), _CHUNK_BYTES):
            yield bytes(data[start : start + _CHUNK_BYTES])

    async def close(self) -> None:
        """Ends every watch."""
        self._closed = True
        self._wake()


class GeneratedSource:
    """Items made from their number: any count of any size costs no memory.

    Args:
        items: How many.
        size: Bytes of each.
        kind: What each is.
    """

    def __init__(self, *, items: int, size: int, kind: Kind) -> None:
        self._items = items
        self._size = size
        self._kind = kind

    def discovery(self, number: int) -> Discovery:
        """The item of this number: one a second from 2026 on."""
        return Discovery(
            kind=self._kind,
            external_id=f"{number:09}",
            occurred_at=1_767_225_600_000 + number * 1000,
            locator=f"{number:09}",
            media_type=_MEDIA_TYPES[self._kind],
            size=self._size,
            direction="inbound" if number % 2 else "outbound",
            sender=f"+1555{number % 10_000_000:07}",
            recipient=f"+1556{number % 1000:07}",
            owner=str(100 + number % 50),
        )

    async def discover(self, cursor: str) -> AsyncGenerator[Page, None]:
        """Finds the items after the cursor, and ends; see `Source.discover`."""
        start = int(cursor or 0)
        while True:
            stop = min(start + _PAGE_ITEMS, self._items)
            found = [self.discovery(number) for number in range(start, stop)]
            start = max(start, stop)
            complete = start >= self._items
            yield Page(discoveries=found, cursor=str(start), complete=complete, claimed={self._kind: self._items} if complete else {})
            if start >= self._items:
                return

    async def read_many(self, items: Sequence[Item]) -> Sequence[bytes | ArchiverError]:
        """The bytes of each item; see `Source.read_many`."""
        return [generated_bytes(item.locator, 0, self._size) if self._has(item) else _gone(item) for item in items]

    async def stream(self, item: Item, offset: int = 0) -> AsyncIterator[bytes]:
        """The bytes from ``offset`` on; see `Source.stream`."""
        if not self._has(item):
            raise _gone(item)
        for start in range(offset, self._size, _CHUNK_BYTES):
            yield generated_bytes(item.locator, start, min(start + _CHUNK_BYTES, self._size))

    def _has(self, item: Item) -> bool:
        return item.locator.isdecimal() and int(item.locator) < self._items

    async def close(self) -> None:
        """Has nothing to let go of."""


_PERIOD = 1021
"""A prime, so that no chunk boundary falls on the same place twice: a chunk that was lost or swapped shows."""


def generated_bytes(locator: str, start: int, stop: int) -> bytes:
    """The bytes ``start`` to ``stop`` of a made item; different for each item, the same each time."""
    pattern = hashlib.shake_128(locator.encode()).digest(_PERIOD)
    phase = start % _PERIOD
    length = max(stop - start, 0)
    return (pattern * ((phase + length) // _PERIOD + 1))[phase : phase + length]


_MEDIA_TYPES = {
    Kind.RECORDING: "audio/x-wav",
    Kind.VOICEMAIL: "audio/mpeg",
    Kind.SMS: "text/plain",
    Kind.FAX: "application/pdf",
    Kind.CALL_LOG: "application/json",
    Kind.MANIFEST: "text/plain",
    Kind.SIDECAR: "application/json",
}


def _gone(item: Item) -> SourceGoneError:
    return SourceGoneError(f"the source no longer has {item.kind} {item.external_id}")


class MemoryAdapter:
    """Registers made items as the source ``memory``."""

    name = "memory"
    summary = "Items made up in memory, for experiments: any count of any size, the same each time."
    options = (
        Option(name="items", help="How many items there are.", type="integer", default=1000, main=True),
        Option(name="size", help="Bytes of each item.", type="integer", default=1024),
        Option(name="kind", help=f"What each is: {', '.join(Kind)}.", default=Kind.SMS.value),
    )

    def open(self, options: dict[str, Any], context: Context = ALONE) -> Source:
        """Makes the source; see `archiver.sources.port.SourceAdapter.open`."""
        del context
        items, size, kind = options["items"], options["size"], options["kind"]
        if items < 0 or size < 0:
            raise ConfigError("memory: 'items' and 'size' cannot be negative")
        if kind not in list(Kind):
            raise ConfigError("memory: the option 'kind' is not a kind of item", hint=f"Kinds: {', '.join(Kind)}.")
        return GeneratedSource(items=items, size=size, kind=Kind(kind))


ADAPTER = MemoryAdapter()
