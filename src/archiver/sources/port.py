"""The port of every source: finds items, gives their bytes.

In: a connection's options. Out: `Discovery` values for the collector, bytes for the Uploader. Next room: ``archiver.database``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final, Protocol, runtime_checkable

import aiohttp
import msgspec

from archiver.adapter import Option, Secrets
from archiver.errors import ArchiverError
from archiver.model import Discovery, Item, Kind
from genstage.clock import Clock, SystemClock

__all__ = ["ALONE", "Context", "Hooks", "Paced", "Page", "Ring", "Room", "Source", "SourceAdapter", "Told"]


Ring = Callable[[Mapping[str, str], bytes], tuple[int, Mapping[str, str]]]
"""Takes what a provider tells: headers and body. Answers at once, with a status and headers; what it means is dealt with later."""


class Hooks(Protocol):
    """Where providers call us."""

    prefix: str
    """What every address begins with; only this process has such."""

    def open(self, ring: Ring) -> str:
        """A new address that a provider may be given; whatever is sent there goes to ``ring``."""
        ...

    def close(self, address: str) -> None:
        """Nobody listens there any more; harmless when called twice."""
        ...


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What a source is given to work with.

    Attributes:
        clock: Time.
        http: The process's one HTTP session; None only for adapters that make no requests.
        secrets: Where secrets that the provider replaces are kept; None keeps them in memory only.
        hooks: Where the provider may call; None if nobody can reach this process, so that it must be asked.
    """

    clock: Clock = SystemClock()
    http: aiohttp.ClientSession | None = None
    secrets: Secrets | None = None
    hooks: Hooks | None = None


ALONE: Final = Context()
"""For sources that need nobody: the machine's clock, no HTTP, nothing that is kept."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some discoveries, and where to go on after them.

    Attributes:
        discoveries: What was found; may be empty. At most about a thousand.
        cursor: Opaque; stored in the same transaction as the discoveries, given back to `Source.discover` after a restart.
        complete: This page ends a complete pass over what the source has.
        claimed: Of a complete pass: how many items of each kind the source itself says that it has, if it can count them; what of these
            is not known here is missing.
        rest: Seconds for which the source would now wait by itself; infinite if it waits to be told (see `Told`), None if it does not
            wait. Who collects lets go of the iterator and asks for its next page when they are over, so that nobody waits in an idle
            source. Asked earlier, the source waits all the same. A page that has nothing but a rest is not stored.
    """

    discoveries: Sequence[Discovery]
    cursor: str
    complete: bool = False
    claimed: Mapping[Kind, int] = {}
    rest: float | None = None


class Source(Protocol):
    """One customer's place where items are born. Every method raises only errors of ``archiver.errors``."""

    def discover(self, cursor: str) -> AsyncGenerator[Page, None]:
        """Finds items: first what there is, then, without end, what comes.

        Args:
            cursor: Of the last page that was stored; empty at the very first time.

        Yields:
            Pages. Finding an item again is harmless; never finding it is not. The iterator ends only if the source is finite;
            a watching source waits inside for what comes. Closing the iterator ends the watch.
        """
        ...

    async def read_many(self, items: Sequence[Item]) -> Sequence[bytes | ArchiverError]:
        """The whole bytes of small items, in the same order, an error in the place of each that failed.

        Errors: `SourceGoneError` (it is no longer there), `SourceThrottledError` (its turn comes later), `TransientError`,
        `UnavailableError`.
        A size that differs from the declared one is the caller's to notice.
        """
        ...

    def stream(self, item: Item, offset: int = 0) -> AsyncIterator[bytes]:
        """The bytes of a big item from ``offset`` on, in chunks of at most 1 MiB; memory use does not depend on its size."""
        ...

    async def close(self) -> None:
        """Lets go of everything; harmless when called twice."""
        ...


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What a source gives now.

    Attributes:
        items: So many items may ask for their bytes now.
        again_in: If there is no room: seconds after which there may be.
    """

    items: int
    again_in: float = 0.0


@runtime_checkable
class Paced(Protocol):
    """A source whose provider limits how many items may be read: its discoveries name the budget that reading them is paid from."""

    def room(self, budget: int, *, wanted: bool) -> Room:
        """How many items may be read now. Cheap; asks nobody.

        Args:
            budget: A number from 1 on, as in `Discovery.budget`.
            wanted: Somebody has items to read, so that discovery, which may spend the same, must leave them their part.
        """
        ...


@runtime_checkable
class Told(Protocol):
    """A source that hears of news by itself, also while it rests: its next page is worth asking for before the rest is over."""

    on_news: Callable[[], None]
    """Called at each news; set by whoever collects."""


class SourceAdapter(Protocol):
    """What a source module registers under the entry-point group ``archiver.sources`` (an instance called ``ADAPTER``)."""

    name: str
    summary: str
    options: tuple[Option, ...]

    def open(self, options: dict[str, Any], context: Context = ALONE) -> Source:
        """Makes the source from checked options (see `archiver.adapter.check_options`). Does no input or output.

        Raises:
            ConfigError: The options cannot work together.
        """
        ...
