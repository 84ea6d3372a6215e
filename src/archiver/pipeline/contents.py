"""The bytes of items: open sources by their connection, and what is checked before a byte is sent."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from functools import partial

from archiver.destinations.port import Features, Upload
from archiver.errors import (
    ArchiverError,
    MisconfiguredError,
    ReconnectNeededError,
    Scope,
    SourceAwayError,
    SourceChangedError,
    SourceReadError,
    TransientError,
)
from archiver.failpoints import failpoint
from archiver.model import Connection, ConnectionState, Delivery, Item, Millis, Session
from archiver.pipeline.rooms import Rooms
from archiver.sources.port import Source
from genstage.clock import Clock, SystemClock

__all__ = ["Contents"]

_LOCKED_OUT = "the source must be connected again"


class Contents:
    """Gives the bytes of items from whichever source has them.

    Args:
        open_source: Makes a source from its connection.
        clock: Time.

    Attributes:
        rooms: What the open sources have room for.
        on_locked_out: Told which source does not let us in any more, and what it says.
    """

    def __init__(self, open_source: Callable[[Connection], Source], clock: Clock | None = None) -> None:
        self.rooms = Rooms(clock or SystemClock())
        self._open = open_source
        self._sources: dict[int, Source] = {}
        self._of: dict[int, list[int]] = {}
        self._since: dict[int, Millis] = {}  # the state under which each was opened
        self._replaced: list[Source] = []
        self.on_locked_out: Callable[[int, ReconnectNeededError], None] = lambda _source_id, _error: None

    def source(self, connection: Connection) -> Source:
        """The source of a connection, opened at the first time, and anew when it goes on after it was parked."""
        active = connection.state is ConnectionState.ACTIVE
        source = self._sources.get(connection.id)
        if source is not None and active and connection.state_since > self._since[connection.id]:
            self._replaced.append(source)  # what it is giving just now may end
            source = None
        if source is None:
            source = self._open(connection)
            if connection.id not in self._sources:
                self._of.setdefault(connection.customer_id, []).append(connection.id)
            self._sources[connection.id], self._since[connection.id] = source, connection.state_since
            self.rooms.open(connection.id, source)
        if not active:
            self.rooms.shut(connection.id)
        return source

    async def close(self) -> None:
        """Closes every source."""
        self._of.clear()
        while self._sources:
            await self._close(next(iter(self._sources)))
        while self._replaced:
            await self._replaced.pop().close()

    async def forget(self, customer_ids: Collection[int]) -> None:
        """Closes the sources of these customers; nobody reads them now."""
        for customer_id in customer_ids:
            for source_id in self._of.pop(customer_id, ()):
                await self._close(source_id)

    async def _close(self, source_id: int) -> None:
        self.rooms.close(source_id)
        await self._sources.pop(source_id).close()

    async def uploads(
        self,
        deliveries: Sequence[Delivery],
        features: Features,
        save_session: Callable[[int, Session], None],
        moved: Callable[[int], None],
        keep_session: Callable[[int, Session], Awaitable[None]] | None = None,
    ) -> tuple[list[Upload], list[tuple[Delivery, ArchiverError]]]:
        """Makes uploads of deliveries: small items with their bytes, hashed and checked, large ones as checked streams.

        Args:
            deliveries: What is to be uploaded.
            features: Of the destination.
            save_session: Keeps where a chunked upload stands, by delivery id.
            moved: Told the delivery's id when the bytes of a small item are no longer held.
            keep_session: As ``save_session``, of any item; returns when it is kept for sure.

        Returns:
            The uploads, and the deliveries whose bytes cannot be had, each with its error.
        """
        whole = [d for d in deliveries if d.item.size is not None and d.item.size <= features.whole_bytes]
        uploads: list[Upload] = []
        failed: list[tuple[Delivery, ArchiverError]] = []
        for delivery in whole:
            self.rooms.asked(delivery.id)
        for delivery, data in zip(whole, await self._read_many([d.item for d in whole]), strict=True):
            if isinstance(data, ArchiverError):
                failed.append((delivery, self._of_source(delivery.item.source_id, data)))
                continue
            digest = hashlib.sha256(data).digest()
            item = delivery.item
            if len(data) != item.size:
                failed.append((delivery, SourceChangedError(f"the source declared {item.size} bytes and gave {len(data)}")))
            elif item.sha256 is not None and digest.hex() != item.sha256:
                failed.append((delivery, SourceChangedError("the source gave bytes of another hash than it declared")))
            else:
                uploads.append(Upload(delivery=delivery, data=data, sha256=digest, moved=partial(moved, delivery.id)))
        uploads += [
            Upload(delivery=d, stream=partial(self._checked, d), save_session=partial(save_session, d.id))
            for d in deliveries
            if d.item.size is None or d.item.size > features.whole_bytes
        ]
        if keep_session is not None:
            for upload in uploads:
                upload.save_session = partial(save_session, upload.delivery.id)
                upload.keep_session = partial(keep_session, upload.delivery.id)
        return uploads, failed

    async def _read_many(self, items: Sequence[Item]) -> Sequence[bytes | ArchiverError]:
        ids = {item.source_id for item in items}
        if len(ids) == 1:
            return await self._read_from(ids.pop(), items)
        results: dict[int, bytes | ArchiverError] = {}
        for source_id in ids:
            some = [item for item in items if item.source_id == source_id]
            for item, data in zip(some, await self._read_from(source_id, some), strict=True):
                results[item.id] = data
        return [results[item.id] for item in items]

    async def _read_from(self, source_id: int, items: Sequence[Item]) -> Sequence[bytes | ArchiverError]:
        source = self._sources.get(source_id)
        if source is None:
            return [MisconfiguredError("the item's source is not connected any more")] * len(items)
        if not self.rooms.lets_in(source_id):
            return [SourceAwayError(_LOCKED_OUT)] * len(items)
        failpoint("source.opened")
        return await source.read_many(items)

    async def _checked(self, delivery: Delivery, offset: int) -> AsyncIterator[bytes]:
        """The stream of a large item; instead of ending short or long it raises, so that nothing wrong is ever committed."""
        item = delivery.item
        self.rooms.asked(delivery.id)
        source = self._sources.get(item.source_id)
        if source is None:
            raise SourceReadError("the item's source is not connected any more")
        if not self.rooms.lets_in(item.source_id):
            raise SourceAwayError(_LOCKED_OUT)
        position = offset
        failpoint("source.opened")
        try:
            async for chunk in source.stream(item, offset):
                position += len(chunk)
                if item.size is not None and position > item.size:
                    break
                yield chunk
        except ArchiverError as error:
            raise self._of_source(item.source_id, error) from error
        if item.size is not None and position != item.size:
            more = "more" if position > item.size else position
            raise SourceChangedError(f"the source declared {item.size} bytes and gave {more}")

    def _of_source(self, source_id: int, error: ArchiverError) -> ArchiverError:
        """A failure that does not say whose it is, or says it of its own provider, becomes the source's: nobody blames the destination."""
        if isinstance(error, ReconnectNeededError):
            self.rooms.shut(source_id)
            self.on_locked_out(source_id, error)
        if error.scope is not Scope.ITEM:
            return SourceAwayError(error.message, hint=error.hint)
        return SourceReadError(error.message, hint=error.hint) if type(error) is TransientError else error
