"""The port of every destination: takes many items, gives an outcome for each as it ends.

In: `Upload` values from the Uploader. Out: outcomes for settlement. A 429 comes back as a value and is never slept on inside an adapter.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

import aiohttp
import msgspec

from archiver.adapter import Option, Secrets
from archiver.model import Delivery, Receipt, Session
from archiver.outcome import Outcome
from genstage.clock import Clock

__all__ = [
    "Account",
    "CallKind",
    "Context",
    "Destination",
    "DestinationAdapter",
    "Features",
    "Found",
    "Looking",
    "Pace",
    "Removing",
    "Unpaced",
    "Upload",
]


class CallKind(StrEnum):
    """What a call to the provider does, as far as the pace is concerned."""

    TRANSFER = "transfer"
    """Moves bytes, or prepares to."""
    COMMIT = "commit"
    """Makes files visible; commits of one namespace collide with each other."""
    LOOK = "look"
    """Only looks: metadata, space, account."""


class Pace(Protocol):
    """The lane's leave to make a call. An adapter wraps **each** HTTP request in it.

    ``async with pace.call(CallKind.TRANSFER, items=80): …``

    Entering waits for the lane's turn (so callers that wait gather more work for their one call), and raises `ThrottledError` at once,
    without a call, while the lane is throttled. An `ArchiverError` that leaves the block tells the pacer how the call ended.
    """

    def call(self, kind: CallKind, items: int = 1) -> AbstractAsyncContextManager[None]:
        """One call that carries ``items`` items."""
        ...


class Unpaced:
    """No pace: every call at once. For tests, and for destinations without limits."""

    @asynccontextmanager
    async def call(self, kind: CallKind, items: int = 1) -> AsyncIterator[None]:
        """Lets every call through."""
        del kind, items
        yield


class Features(msgspec.Struct, frozen=True, kw_only=True):
    """What a destination can do; the Uploader and naming obey it.

    Attributes:
        batch_items: Most items in one `Destination.put_many`; 1 for a store that takes one at a time.
        batch_bytes: Most bytes in one `Destination.put_many` of whole items.
        whole_bytes: Items up to this size come with their bytes (`Upload.data`), larger ones as a stream.
        resumable: A stream can go on at a saved offset.
        name_rules: Which of `archiver.naming`'s rules the paths obey.
        local: Calls are so cheap that no pace is needed.
    """

    batch_items: int = 1
    batch_bytes: int = 8 * 1024 * 1024
    whole_bytes: int = 4 * 1024 * 1024
    resumable: bool = False
    name_rules: str = "portable"
    local: bool = False


class Upload(msgspec.Struct, kw_only=True, gc=False):
    """One delivery with its bytes. Nobody changes it but through `let_go`.

    Attributes:
        delivery: What to put where.
        data: All bytes, already checked against the declared size; None if it comes as a stream.
        sha256: The raw digest of ``data`` (32 bytes); empty if it comes as a stream.
        stream: Opens the bytes from an offset; ``stream(offset)``. Set if ``data`` is None. Chunks have at most 1 MiB.
        save_session: Keeps the state of a chunked upload at a chunk boundary, so that a kill costs at most a chunk.
        keep_session: The same, and returns only when the Database has it, and all that was given to ``save_session`` before: for what a
            later try must know whatever happens to this one, such as the id that a file is about to be made under.
        moved: Told when the bytes are no longer held here; see `let_go`.
    """

    delivery: Delivery
    data: bytes | None = None
    sha256: bytes = b""
    stream: Callable[[int], AsyncIterator[bytes]] | None = None
    save_session: Callable[[Session], None] | None = None
    keep_session: Callable[[Session], Awaitable[None]] | None = None
    moved: Callable[[], None] | None = None

    def let_go(self) -> None:
        """The storage has the bytes, although they are not visible yet: they need not be held, and their room returns.

        For a destination that moves bytes first and commits later. Calling it is never needed, and never twice.
        """
        self.data = b""
        if self.moved is not None:
            self.moved()


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a destination belongs to, for a person to confirm.

    Attributes:
        name: Such as an e-mail address or a path.
        used_bytes: None if the storage does not tell.
        free_bytes: None if the storage does not tell.
    """

    name: str
    used_bytes: int | None = None
    free_bytes: int | None = None


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What a destination is given to work with.

    Attributes:
        pace: The lane's leave to make calls.
        clock: Time.
        http: The process's one HTTP session; None only for adapters that make no requests.
        secrets: Where secrets that the provider replaces are kept; None keeps them in memory only.
    """

    pace: Pace
    clock: Clock
    http: aiohttp.ClientSession | None = None
    secrets: Secrets | None = None


class Destination(Protocol):
    """One customer's storage. May be called by several workers of one lane at a time.

    Every method raises only errors of ``archiver.errors``.
    """

    features: Features

    def put_many(self, uploads: Sequence[Upload]) -> AsyncIterator[tuple[Upload, Outcome]]:
        """Puts the items at their paths, and says of each how it ended, as it ends.

        Args:
            uploads: At most ``features.batch_items`` items and ``features.batch_bytes`` of whole bytes; at least one.

        Yields:
            Exactly one outcome per upload, in any order. `archiver.outcome.Archived` only after the storage confirmed size and hash.
            The same bytes already at the path are `Archived` with ``recovered=True``. Other bytes there are never overwritten.

        Raises:
            ArchiverError: Only of process scope; everything else is an outcome.
        """
        ...

    async def ping(self) -> Account:
        """Proves that the storage can be reached with what we were given. Writes nothing.

        Raises:
            DestinationError: Throttled, reconnect needed, quota full, misconfigured.
            UnavailableError: The provider cannot be reached.
        """
        ...

    async def close(self) -> None:
        """Lets go of everything; harmless when called twice."""
        ...


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a storage says of a file without giving its bytes.

    Attributes:
        size: In bytes; None if the storage does not tell.
        hash: The storage's own hash as in `Receipt.remote_hash`, or ``sha256:…``; empty if it has none.
    """

    size: int | None
    hash: str = ""


@runtime_checkable
class Looking(Protocol):
    """A destination that can say what it has without giving it: for proving, much later, that everything is still there."""

    async def look(self, receipts: Sequence[Receipt]) -> Sequence[Found | None]:
        """What stands now at the paths of these receipts, in the same order; None where nothing does, or no file. Moves no content.

        Args:
            receipts: At most a hundred.

        Raises:
            DestinationError: Throttled, reconnect needed, misconfigured.
            TransientError, UnavailableError: Not now.
        """
        ...


@runtime_checkable
class Removing(Protocol):
    """A destination that can take back what we wrote: for test files, and for items whose time is over."""

    async def remove(self, receipt: Receipt) -> bool:
        """Deletes the file that a receipt is about, if it is still that file; whatever else stands at its path is left alone.

        Returns:
            True if nothing of ours is there any more, also if it was gone already; False if something else stands there, or the storage
            keeps it (a retention lock).

        Raises:
            DestinationError: Throttled, reconnect needed, misconfigured.
            TransientError, UnavailableError: Not now.
        """
        ...


class DestinationAdapter(Protocol):
    """What a destination module registers under the entry-point group ``archiver.destinations`` (an instance called ``ADAPTER``)."""

    name: str
    summary: str
    options: tuple[Option, ...]
    features: Features

    def open(self, options: dict[str, Any], context: Context) -> Destination:
        """Makes the destination from checked options. Does no input or output.

        Raises:
            ConfigError: The options cannot work together.
        """
        ...
