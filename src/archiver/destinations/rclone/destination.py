"""The way of an item into a storage that rclone knows, and the receipt at its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from archiver.destinations.objects.flow import Flow
from archiver.destinations.objects.store import Target
from archiver.destinations.objects.sums import Sums, WholeSums
from archiver.destinations.objects.targets import target_of
from archiver.destinations.port import Account, Context, Features, Found, Upload
from archiver.destinations.rclone.daemon import Daemons
from archiver.destinations.rclone.remote import PARTS, Entry, Remote, Way, part_name
from archiver.errors import ArchiverError, ConflictError, IntegrityError, QuotaFullError, RejectedError
from archiver.failpoints import failpoint
from archiver.model import Receipt
from archiver.outcome import Archived, Outcome, outcome_of

__all__ = ["FEATURES", "RcloneDestination"]

FEATURES = Features(batch_items=1, name_rules="portable")

_KEY_BYTES = 4096


class RcloneDestination:
    """One folder or bucket.

    Args:
        context: Pace, clock and where secrets are kept.
        daemons: Where rclone comes from.
        remote: The storage.
        reads_back: Read each file again before it is called archived.
    """

    def __init__(self, context: Context, daemons: Daemons, remote: Remote, *, reads_back: bool) -> None:
        self.features = FEATURES
        self._clock = context.clock
        self._daemons = daemons
        self._remote = remote
        self._reads_back = reads_back

    def __repr__(self) -> str:
        return f"RcloneDestination({self._remote!r})"

    async def put_many(self, uploads: Sequence[Upload]) -> AsyncIterator[tuple[Upload, Outcome]]:
        """Puts one after the other. See `archiver.destinations.port`."""
        for upload in uploads:
            try:
                try:
                    outcome = await self._put(upload)
                finally:
                    await self._remote.keep_token()
            except ArchiverError as error:
                outcome = outcome_of(error)
            yield upload, outcome

    async def ping(self) -> Account:
        """Whether the folder is there, and how full the storage is if it tells."""
        way = await self._remote.ready()
        await self._remote.check_folder()
        used, free = await self._remote.room() if way.tells_room else (None, None)
        await self._remote.keep_token()
        if free == 0:
            raise QuotaFullError(f"{self._remote.kind} is full", hint="Free some space; the lane goes on by itself.")
        whose = f" {self._remote.whose}" if self._remote.whose else ""
        return Account(name=f"{self._remote.kind}{whose}:{self._remote.path}", used_bytes=used, free_bytes=free)

    async def look(self, receipts: Sequence[Receipt]) -> Sequence[Found | None]:
        """Sizes, and the hashes that the storage has. See `archiver.destinations.port.Looking`."""
        way = await self._remote.ready()
        found: list[Found | None] = []
        for receipt in receipts:
            entry = await self._remote.find(receipt.path[1:], way.hash)
            found.append(None if entry is None else Found(size=entry.size, hash=entry.hash))
        return found

    async def remove(self, receipt: Receipt) -> bool:
        """Deletes a file that is still the receipt's: by its hash, or else by its bytes. See `archiver.destinations.port.Removing`."""
        way = await self._remote.ready()
        key = receipt.path[1:]
        entry = await self._remote.find(key, way.hash)
        if entry is None:
            return True
        known = {receipt.remote_hash, f"sha256:{receipt.sha256}"}
        if entry.size not in {None, receipt.size}:
            return False
        if entry.hash.partition(":")[0] in {one.partition(":")[0] for one in known} and entry.hash:
            if entry.hash not in known:
                return False
        elif await self._remote.digest(key) != receipt.sha256:
            return False
        await self._remote.remove(key)
        return True

    async def close(self) -> None:
        """Ends rclone if nobody else needs it."""
        daemon = self._remote.daemon
        await self._remote.close()
        if daemon is not None:
            await self._daemons.give_back(daemon)

    # -- one file -------------------------------------------------------------------------------------------------------------------

    async def _put(self, upload: Upload) -> Outcome:
        target = target_of(upload, "", _KEY_BYTES)
        if PARTS in target.key.split("/"):
            raise RejectedError("the item's path has a part that is our own")
        way = await self._remote.ready()
        there = await self._remote.find(target.key, way.hash)
        return await (self._new(way, target, upload) if there is None else self._compared(target, upload, there, way))

    async def _new(self, way: Way, target: Target, upload: Upload) -> Outcome:
        part = part_name(self._clock.wall()) if way.staged else target.key
        try:
            if way.staged:
                await self._remote.make_folder(PARTS)
            sums = await self._written(way, part, upload)
            failpoint("finish.before")
            if way.staged:
                await self._remote.make_folder(target.key.rpartition("/")[0])
                await self._remote.move(part, target.key)
        except BaseException:
            if way.staged:
                await self._remote.discard(part)
            raise
        failpoint("finish.done")
        entry = await self._remote.find(target.key, way.hash)
        same = await self._same(target.key, sums, entry)
        # What cannot be told by a hash could be somebody else's, who was there a moment before: then the part is there still.
        certain = same is True and entry is not None and (bool(entry.hash) or self._reads_back)
        if way.staged and not certain and await self._remote.find(part) is not None:
            await self._remote.discard(part)
            if same is True and await self._remote.digest(target.key) == sums.sha256:
                return self._archived(target, sums, entry, recovered=True)
            raise _conflict(self._remote.kind)
        if not same:
            await self._remote.remove(target.key)  # it was nobody's before, and is not what was sent
            raise IntegrityError(f"{self._remote.kind} shows another size or hash than was sent; the file was taken back")
        return self._archived(target, sums, entry, recovered=False)

    async def _written(self, way: Way, key: str, upload: Upload) -> Sums:
        if upload.data is None:
            return (await self._remote.send(key, upload, way.hash)).sums
        sums = WholeSums(upload.data, upload.sha256)
        await self._remote.write(key, upload.data)
        return sums

    async def _same(self, key: str, sums: Sums, entry: Entry | None) -> bool:
        """Whether what stands there is what was sent, as far as the storage tells; or for certain, where each file is read back."""
        if entry is None or entry.size != sums.size or sums.agrees(entry.hash) is False:
            return False
        return not self._reads_back or await self._remote.digest(key) == sums.sha256

    async def _compared(self, target: Target, upload: Upload, there: Entry, way: Way) -> Outcome:
        """Something has the name: ours already, or another's, which is never overwritten."""
        size = upload.delivery.item.size if upload.data is None else len(upload.data)
        if there.size is None or size is None or there.size == size:
            sums = await self._sums(upload, way)
            same = sums.agrees(there.hash) if there.size in {None, sums.size} else False
            if same is None:
                same = await self._remote.digest(target.key) == sums.sha256
            if same:
                return self._archived(target, sums, there, recovered=True)
        raise _conflict(self._remote.kind)

    async def _sums(self, upload: Upload, way: Way) -> Sums:
        if upload.data is not None:
            return WholeSums(upload.data, upload.sha256)
        flow = Flow(upload, {way.hash})
        async for _ in flow.pieces():
            pass
        return flow.sums

    def _archived(self, target: Target, sums: Sums, entry: Entry | None, *, recovered: bool) -> Archived:
        return Archived(
            Receipt(
                path=f"/{target.key}",
                remote_id="" if entry is None else entry.id,
                size=sums.size,
                sha256=sums.sha256,
                remote_hash="" if entry is None else entry.hash,
                archived_at=int(self._clock.wall() * 1000),
                recovered=recovered,
            )
        )


def _conflict(kind: str) -> ConflictError:
    return ConflictError(f"something else stands at the item's path on {kind}", hint="Move it away, then retry.")
