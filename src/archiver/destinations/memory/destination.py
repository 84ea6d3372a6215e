"""The memory destination itself, and its adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeVar

import msgspec

from archiver.adapter import Option
from archiver.destinations.memory.script import RateLimit, Script
from archiver.destinations.memory.store import MemoryStore, StoredObject
from archiver.destinations.port import Account, CallKind, Context, Features, Found, Upload
from archiver.errors import ArchiverError, ConflictError, SourceChangedError, ThrottledError, ThrottleKind, TransientError
from archiver.model import Receipt, Session
from archiver.outcome import Archived, Outcome, outcome_of

__all__ = ["ADAPTER", "Call", "MemoryAdapter", "MemoryDestination"]

FEATURES = Features(batch_items=300, resumable=True, name_rules="posix")

_T = TypeVar("_T")


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call that reached the store.

    Attributes:
        at: The clock's time.
        kind: What the call was for.
        items: How many items it carried.
        size: How many bytes it carried.
        refused: It was answered with a 429.
    """

    at: float
    kind: CallKind
    items: int
    size: int
    refused: bool


class MemoryDestination:
    """Keeps objects in memory.

    Args:
        context: Pace and clock; no HTTP session is needed.
        features: What it says it can do.
        store: Where the objects are; its own if None.
        limit: How many calls it takes; no limit if None. May be changed at any time.

    Attributes:
        script: What goes wrong next.
        calls: Every call that reached the store, oldest first.
        limit: The limit now.
        chunk_bytes: How much of a stream one call carries.
        latency: Seconds that every call takes.
    """

    def __init__(
        self, context: Context, *, features: Features = FEATURES, store: MemoryStore | None = None, limit: RateLimit | None = None
    ) -> None:
        self.features = features
        self.store = MemoryStore() if store is None else store
        self.script = Script()
        self.calls: list[Call] = []
        self.limit = limit
        self.chunk_bytes = 8 * 1024 * 1024
        self.latency = 0.0
        self.closed = False
        self._pace = context.pace
        self._clock = context.clock
        self._tokens: float | None = None
        self._filled_at = 0.0

    def __repr__(self) -> str:
        return f"MemoryDestination({len(self.store.objects)} objects, {len(self.calls)} calls)"

    @property
    def objects(self) -> dict[str, StoredObject]:
        """What is visible, by path."""
        return self.store.objects

    def throttle_next(self, retry_after: float | None = None, kind: ThrottleKind = ThrottleKind.RATE, *, calls: int = 1) -> None:
        """Short for `Script.throttle`."""
        self.script.throttle(retry_after, kind, calls=calls)

    async def put_many(self, uploads: Sequence[Upload]) -> AsyncIterator[tuple[Upload, Outcome]]:
        """Stores the items: whole ones in one call, each stream in calls of ``chunk_bytes``. See `archiver.destinations.port`."""
        whole = [upload for upload in uploads if upload.data is not None]
        if whole:
            try:
                outcomes = await self._call(
                    CallKind.TRANSFER,
                    len(whole),
                    sum(len(upload.data or b"") for upload in whole),
                    lambda: [self._put_whole(upload) for upload in whole],
                )
            except ArchiverError as error:
                outcomes = [outcome_of(error)] * len(whole)
            for pair in zip(whole, outcomes, strict=True):
                yield pair
        for upload in uploads:
            if upload.data is None:
                yield upload, await self._put_stream(upload)

    async def ping(self) -> Account:
        """Says how much is stored; may be refused as any other call."""
        return await self._call(
            CallKind.LOOK, 0, 0, lambda: Account(name="memory", used_bytes=sum(found.size for found in self.store.objects.values()))
        )

    async def remove(self, receipt: Receipt) -> bool:
        """Takes an object away; may be refused as any other call."""
        return await self._call(CallKind.COMMIT, 1, 0, lambda: self.store.remove(receipt.path, receipt.sha256))

    async def look(self, receipts: Sequence[Receipt]) -> Sequence[Found | None]:
        """Says what stands at these paths; may be refused as any other call."""
        return await self._call(CallKind.LOOK, len(receipts), 0, lambda: [self._found(receipt.path) for receipt in receipts])

    def _found(self, path: str) -> Found | None:
        there = self.store.objects.get(path)
        return None if there is None else Found(size=there.size, hash=f"sha256:{there.sha256}")

    async def close(self) -> None:
        """Remembers that it was closed; the store stays."""
        self.closed = True

    async def _call(self, kind: CallKind, items: int, size: int, carry_out: Callable[[], _T]) -> _T:
        """One call, with everything that the limit and the script do to it. It is carried out in one step or not at all."""
        async with self._pace.call(kind, items):
            delay, error = self.script.next_call()
            if error is None:
                error = self._over_limit()
            refused = isinstance(error, ThrottledError)
            self.calls.append(Call(at=self._clock.time(), kind=kind, items=items, size=size, refused=refused))
            if delay + self.latency > 0:
                await self._clock.sleep(delay + self.latency)
            if error is not None:
                raise error
            result = carry_out()
            if self.script.answer_lost():
                raise TransientError("scripted: the answer was lost")
            return result

    def _over_limit(self) -> ThrottledError | None:
        limit = self.limit
        if limit is None:
            return None
        now = self._clock.time()
        tokens = limit.burst if self._tokens is None else self._tokens + (now - self._filled_at) * limit.calls_per_second
        tokens = min(tokens, limit.burst)
        self._filled_at = now
        if tokens >= 1:
            self._tokens = tokens - 1
            return None
        self._tokens = tokens
        return ThrottledError("over the limit of the store", retry_after=limit.retry_after)

    def _put_whole(self, upload: Upload) -> Outcome:
        data = upload.data or b""
        return self._put(upload, data, len(data), upload.sha256.hex())

    def _put(self, upload: Upload, data: bytes, size: int, sha256: str) -> Outcome:
        error = self.script.next_item()
        if error is not None:
            return outcome_of(error)
        try:
            stored, recovered = self.store.put(upload.delivery.path, data, size, sha256)
        except ConflictError as conflict:
            return outcome_of(conflict)
        return Archived(
            receipt=Receipt(
                path=stored.path,
                remote_id=stored.remote_id,
                revision="1",
                size=size,
                sha256=sha256,
                remote_hash=f"sha256:{stored.sha256}",
                archived_at=int(self._clock.wall() * 1000),
                recovered=recovered,
            )
        )

    async def _put_stream(self, upload: Upload) -> Outcome:
        session = upload.delivery.session
        confirmed = None if session is None else self.store.confirmed(session.id)
        if session is None or confirmed is None:
            session = Session(id=self.store.begin(), offset=0, started_at=int(self._clock.wall() * 1000))
        else:
            session = Session(id=session.id, offset=confirmed, started_at=session.started_at)
        try:
            session = await self._send_stream(upload, session)
            return await self._call(CallKind.COMMIT, 1, 0, lambda: self._finish_stream(upload, session))
        except ArchiverError as error:
            confirmed = self.store.confirmed(session.id)
            if confirmed is None:
                return outcome_of(error)
            return outcome_of(error, session=Session(id=session.id, offset=confirmed, started_at=session.started_at))

    async def _send_stream(self, upload: Upload, session: Session) -> Session:
        """Sends the rest of a stream.

        Returns:
            The session at the end of the stream.
        """
        if upload.stream is None:
            raise TransientError("an upload had neither bytes nor a stream")
        pieces: list[bytes] = []
        held = 0

        async def send() -> Session:
            piece = b"".join(pieces)
            offset = await self._call(CallKind.TRANSFER, 1, len(piece), lambda: self.store.append(session.id, piece))
            reached = Session(id=session.id, offset=offset, started_at=session.started_at)
            if upload.save_session is not None:
                upload.save_session(reached)
            return reached

        async for chunk in upload.stream(session.offset):
            pieces.append(chunk)
            held += len(chunk)
            if held >= self.chunk_bytes:
                session = await send()
                pieces, held = [], 0
        return await send() if held else session

    def _finish_stream(self, upload: Upload, session: Session) -> Outcome:
        data, size, sha256 = self.store.finish(session.id)
        declared = upload.delivery.item.sha256
        if declared is not None and declared != sha256:
            return outcome_of(SourceChangedError("the source gave bytes of another hash than it declared"))
        return self._put(upload, data, size, sha256)


class MemoryAdapter:
    """Registers the destination ``memory``."""

    name = "memory"
    summary = "This process's own memory: for experiments and benchmarks; nothing survives."
    features = FEATURES
    options = (
        Option(name="keep_bytes", help="Keep the bytes, not only sizes and hashes.", type="boolean", default=True, main=True),
        Option(name="latency", help="Seconds that every call takes.", type="number", default=0.0),
        Option(name="calls_per_second", help="Refuse what comes faster than this.", type="number", optional=True),
        Option(name="burst", help="How many calls may come at once before the limit counts.", type="number", default=1.0),
        Option(name="retry_after", help="Seconds that a refused call is told to wait.", type="number", default=1.0),
    )

    def open(self, options: dict[str, Any], context: Context) -> MemoryDestination:
        """Makes an empty destination."""
        rate = options.get("calls_per_second")
        limit = None
        if rate is not None:
            limit = RateLimit(calls_per_second=rate, burst=options["burst"], retry_after=options["retry_after"])
        destination = MemoryDestination(context, store=MemoryStore(keep_bytes=options["keep_bytes"]), limit=limit)
        destination.latency = options["latency"]
        return destination


ADAPTER = MemoryAdapter()
