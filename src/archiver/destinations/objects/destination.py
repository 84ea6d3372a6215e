"""The way of an item into an object store, whichever it is, and the receipt at its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from archiver.destinations.objects.errors import InTheWayError
from archiver.destinations.objects.parts import PartsTransfer
from archiver.destinations.objects.store import ObjectStore, Stored, Target
from archiver.destinations.objects.sums import Sums, WholeSums
from archiver.destinations.objects.targets import target_of
from archiver.destinations.port import Account, Features, Found, Upload
from archiver.errors import ArchiverError, ConflictError, IntegrityError
from archiver.failpoints import failpoint
from archiver.model import Receipt, Session
from archiver.outcome import Archived, Deferred, Outcome, Rejected, outcome_of
from genstage.clock import Clock

__all__ = ["FEATURES", "ObjectDestination"]

FEATURES = Features(batch_items=1, resumable=True, name_rules="portable")

_MOVE_AWAY = "Something else stands where this item belongs; move it away, then retry."


class ObjectDestination:
    """One bucket or container, from a prefix downwards. A key is written once and never again.

    Args:
        store: Makes the calls.
        clock: Time.
        prefix: What stands before every key: empty, or ``calls/``.
    """

    def __init__(self, store: ObjectStore, clock: Clock, prefix: str) -> None:
        self.features = FEATURES
        self._store = store
        self._clock = clock
        self._prefix = prefix

    def __repr__(self) -> str:
        return f"ObjectDestination({self._store!r}, prefix={self._prefix!r})"

    async def put_many(self, uploads: Sequence[Upload]) -> AsyncIterator[tuple[Upload, Outcome]]:
        """Puts one after the other: a store takes one at a time. See `archiver.destinations.port`."""
        for upload in uploads:
            try:
                outcome = await (self._put_stream(upload) if upload.data is None else self._put_whole(upload, upload.data))
            except ArchiverError as error:
                outcome = outcome_of(error)
            yield upload, outcome

    async def ping(self) -> Account:
        """Which bucket it is; stores do not tell how full one is."""
        return Account(name=await self._store.ping())

    async def remove(self, receipt: Receipt) -> bool:
        """See `archiver.destinations.port.Removing`."""
        key = receipt.path[1:]
        found = await self._store.look(key)
        if found is None:
            return True
        if found.locked or (found.size, found.hash, found.revision) != (receipt.size, receipt.remote_hash, receipt.revision):
            return False
        await self._store.remove(key, found)
        return True

    async def look(self, receipts: Sequence[Receipt]) -> Sequence[Found | None]:
        """See `archiver.destinations.port.Looking`."""
        there = [await self._store.look(receipt.path[1:]) for receipt in receipts]
        return [None if found is None else Found(size=found.size, hash=found.hash) for found in there]

    async def close(self) -> None:
        """There is nothing to let go of: the HTTP session is the process's."""

    async def _put_whole(self, upload: Upload, data: bytes) -> Outcome:
        target = target_of(upload, self._prefix, self._store.key_bytes)
        sums = WholeSums(data, upload.sha256)
        try:
            stored = await self._store.create(target, data, sums)
        except InTheWayError as conflict:
            return await self._compared(target, sums, conflict)
        failpoint("finish.done")
        return await self._verified(target, sums, stored)

    async def _put_stream(self, upload: Upload) -> Outcome:
        target = target_of(upload, self._prefix, self._store.key_bytes)
        transfer = PartsTransfer(self._store, self._clock, upload, target)
        try:
            stored = await transfer.run()
        except InTheWayError as conflict:
            return await self._compared(target, transfer.sums, conflict, transfer.session)
        except ArchiverError as error:
            outcome = outcome_of(error, session=transfer.session)
            if transfer.session is not None and _lets_go(outcome):
                await self._store.abandon(target.key, transfer.session.id)
            return outcome
        if stored is None:
            return await self._compared(target, transfer.sums, ConflictError("something else has the item's key", hint=_MOVE_AWAY))
        return await self._verified(target, transfer.sums, stored)

    async def _compared(self, target: Target, sums: Sums, conflict: ConflictError, session: Session | None = None) -> Outcome:
        """Something has the key: ours already, or another's, which is never overwritten."""
        if session is not None:
            await self._store.abandon(target.key, session.id)
        found = await self._store.look(target.key)
        if found is None:  # whoever was in the way has gone
            return outcome_of(IntegrityError("what had the item's key is not there any more"))
        same = sums.agrees(found.hash)
        if same is None:  # the store tells no hash of its own, or of another kind: what was noted beside it must do
            same = found.claimed == sums.sha256
        if not same or found.size != sums.size:
            return outcome_of(ConflictError(conflict.message, hint=conflict.hint))
        return self._archived(target, sums, found, recovered=True)

    async def _verified(self, target: Target, sums: Sums, stored: Stored) -> Outcome:
        """A receipt, if the store has the bytes that were sent; one whose answer told too little is looked at."""
        if sums.agrees(stored.hash) is None:
            looked = await self._store.look(target.key)
            if looked is None or looked.size is None:
                return outcome_of(IntegrityError("the store does not show what it took"))
            stored = looked
        if sums.agrees(stored.hash) is False or stored.size not in {None, sums.size}:
            return outcome_of(IntegrityError("the store confirmed another size or hash than was sent"))
        return self._archived(target, sums, stored, recovered=False)

    def _archived(self, target: Target, sums: Sums, stored: Stored, *, recovered: bool) -> Archived:
        return Archived(
            Receipt(
                path=f"/{target.key}",
                remote_id=stored.remote_id,
                revision=stored.revision,
                size=sums.size,
                sha256=sums.sha256,
                remote_hash=stored.hash,
                archived_at=int(self._clock.wall() * 1000),
                recovered=recovered,
            )
        )


def _lets_go(outcome: Outcome) -> bool:
    """Whether what was begun is never gone on with, so that the store need not keep its parts."""
    return isinstance(outcome, Rejected) or (isinstance(outcome, Deferred) and outcome.session is None)
