"""The adapter that speaks to simulated accounts, in each of the ways in which real clouds are spoken to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from enum import StrEnum

from archiver.destinations.port import Account as Somebody
from archiver.destinations.port import CallKind, Context, Features, Upload
from archiver.errors import (
    ArchiverError,
    ConflictError,
    IntegrityError,
    SourceChangedError,
    TransientError,
)
from archiver.model import Receipt, Session
from archiver.outcome import Archived, Outcome, outcome_of
from simulation.cloud import Account, Caller
from simulation.ledger import Entry, Object

__all__ = ["CHUNK_BYTES", "FEATURES", "SimulatedDestination", "Way"]

CHUNK_BYTES = 16_000
"""How much of a stream one call carries."""


class Way(StrEnum):
    """How whole items are put."""

    SINGLE = "single"
    """One call each, which makes the item visible; streams are begun anew after a failure."""
    BATCH = "batch"
    """One call for many items, which makes them visible."""
    TWO_STEPS = "two steps"
    """One call moves the bytes of many, a second makes them visible."""


FEATURES = {
    Way.SINGLE: Features(batch_items=1, batch_bytes=10_000, whole_bytes=10_000, name_rules="posix"),
    Way.BATCH: Features(batch_items=10, batch_bytes=50_000, whole_bytes=10_000, resumable=True, name_rules="posix"),
    Way.TWO_STEPS: Features(batch_items=25, batch_bytes=100_000, whole_bytes=10_000, resumable=True, name_rules="posix"),
}


class SimulatedDestination:
    """One customer's storage, as one process sees it.

    Args:
        account: What it speaks to.
        caller: The process.
        way: How.
        context: Pace and clock.
    """

    def __init__(self, account: Account, caller: Caller, way: Way, context: Context) -> None:
        self.features = FEATURES[way]
        self._account = account
        self._caller = caller
        self._way = way
        self._pace = context.pace
        self._clock = context.clock

    async def put_many(self, uploads: Sequence[Upload]) -> AsyncIterator[tuple[Upload, Outcome]]:
        """Puts items; see `archiver.destinations.port`."""
        whole = [upload for upload in uploads if upload.data is not None]
        if whole:
            for pair in zip(whole, await self._put_whole(whole), strict=True):
                yield pair
        for upload in uploads:
            if upload.stream is not None:
                yield upload, await self._put_stream(upload)

    async def ping(self) -> Somebody:
        """Looks."""
        async with self._pace.call(CallKind.LOOK, 0):
            return await self._account.call(self._caller, CallKind.LOOK, (), lambda: Somebody(name="simulated"), "ping")

    async def close(self) -> None:
        """Has nothing to let go of."""

    # -- whole items ----------------------------------------------------------------------------------------------------------------

    async def _put_whole(self, uploads: Sequence[Upload]) -> list[Outcome]:
        account, caller, count = self._account, self._caller, len(uploads)
        paths = [upload.delivery.path for upload in uploads]
        hashes = [upload.sha256.hex() for upload in uploads]
        datas = [account.damaged(upload.data or b"") for upload in uploads]

        def entries(tokens: Sequence[str]) -> list[tuple[Object, bool] | str]:
            return [account.commit(caller, Entry(*entry)) for entry in zip(paths, tokens, hashes, strict=True)]

        def hold() -> list[str]:
            return [account.ledger.hold(data) for data in datas]

        try:
            if self._way is Way.TWO_STEPS:
                async with self._pace.call(CallKind.TRANSFER, count):
                    tokens = await account.call(caller, CallKind.TRANSFER, (), hold, f"{count} items")
                for upload in uploads:
                    upload.let_go()
                async with self._pace.call(CallKind.COMMIT, count):
                    results = await account.call(caller, CallKind.COMMIT, paths, lambda: entries(tokens), f"{count} items {paths[0]}")
            else:
                async with self._pace.call(CallKind.TRANSFER, count):
                    results = await account.call(caller, CallKind.TRANSFER, paths, lambda: entries(hold()), f"{count} items {paths[0]}")
        except ArchiverError as error:
            return [outcome_of(error)] * count
        return [self._outcome(result, sha256) for result, sha256 in zip(results, hashes, strict=True)]

    def _outcome(self, result: tuple[Object, bool] | str, sha256: str | None) -> Outcome:
        match result:
            case "hash":
                return outcome_of(IntegrityError("the cloud has other bytes than were sent; nothing was kept"))
            case "conflict":
                return outcome_of(ConflictError("other bytes are already at the item's path"))
            case str():
                return outcome_of(TransientError("the cloud does not know the upload any more"))
        found, recovered = result
        if sha256 is not None and found.sha256 != sha256:
            return outcome_of(IntegrityError("the cloud says another hash"))
        return Archived(
            receipt=Receipt(
                path=found.path,
                remote_id=found.remote_id,
                revision="1",
                size=found.size,
                sha256=found.sha256,
                remote_hash=f"sha256:{found.sha256}",
                archived_at=int(self._clock.wall() * 1000),
                recovered=recovered,
            )
        )

    # -- streams --------------------------------------------------------------------------------------------------------------------

    async def _put_stream(self, upload: Upload) -> Outcome:
        ledger = self._account.ledger
        session = upload.delivery.session if self.features.resumable else None
        try:
            if session is None or ledger.offset(session.id) is None:
                async with self._pace.call(CallKind.TRANSFER):
                    token = await self._account.call(self._caller, CallKind.TRANSFER, (), ledger.begin, "begin")
                session = Session(id=token, offset=0, started_at=int(self._clock.wall() * 1000))
            session = await self._send(upload, session)
            entry = Entry(upload.delivery.path, session.id, upload.delivery.item.sha256 or "")
            async with self._pace.call(CallKind.COMMIT):
                result = await self._account.call(
                    self._caller,
                    CallKind.COMMIT,
                    (entry.path,),
                    lambda: self._account.commit(self._caller, entry),
                    f"stream {entry.path}",
                )
        except ArchiverError as error:
            return self._stopped(error, session)
        if result == "hash":
            return outcome_of(SourceChangedError("the source gave bytes of another hash than it declared"))
        return self._outcome(result, None)

    def _stopped(self, error: ArchiverError, session: Session | None) -> Outcome:
        offset = self._account.ledger.offset(session.id) if session is not None and self.features.resumable else None
        if session is None or offset is None:
            return outcome_of(error)
        return outcome_of(error, session=Session(id=session.id, offset=offset, started_at=session.started_at))

    async def _send(self, upload: Upload, session: Session) -> Session:
        """Sends the rest of a stream; the session at its end."""
        assert upload.stream is not None
        ledger = self._account.ledger
        offset = ledger.offset(session.id) or 0
        held = b""

        async def send(piece: bytes) -> Session:
            at = session.offset
            async with self._pace.call(CallKind.TRANSFER):
                reached = await self._account.call(
                    self._caller, CallKind.TRANSFER, (), lambda: ledger.append(session.id, at, piece), f"{len(piece)} bytes at {at}"
                )
            if reached != at + len(piece):
                raise TransientError("the upload stands elsewhere than was thought")
            there = Session(id=session.id, offset=reached, started_at=session.started_at)
            if upload.save_session is not None and self.features.resumable:
                upload.save_session(there)
            return there

        session = Session(id=session.id, offset=offset, started_at=session.started_at)
        async for chunk in upload.stream(offset):
            held += chunk
            while len(held) >= CHUNK_BYTES:
                session = await send(held[:CHUNK_BYTES])
                held = held[CHUNK_BYTES:]
        return await send(held) if held else session
