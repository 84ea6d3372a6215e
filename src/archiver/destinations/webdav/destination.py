"""The way of an item onto a server of WebDAV, and the receipt at its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlsplit

from archiver.destinations.objects.flow import Flow
from archiver.destinations.objects.store import Target
from archiver.destinations.objects.sums import Sums, WholeSums
from archiver.destinations.objects.targets import target_of
from archiver.destinations.port import Account, Context, Features, Found, Upload
from archiver.destinations.webdav.collection import PARTS, Collection
from archiver.destinations.webdav.wire import Entry
from archiver.errors import ArchiverError, ConflictError, IntegrityError, MisconfiguredError, QuotaFullError, RejectedError
from archiver.failpoints import failpoint
from archiver.model import Receipt
from archiver.outcome import Archived, Outcome, outcome_of

__all__ = ["FEATURES", "WebDavDestination"]

FEATURES = Features(batch_items=1, name_rules="portable")

_KEY_BYTES = 4096
_MOVE_AWAY = "Move it away, then retry."


class WebDavDestination:
    """One folder of a server. A file gets its name when it is whole, and never over another.

    Args:
        context: Pace, clock and the HTTP session.
        collection: The folder.
        username: Whose account it is, for people; may be empty.
    """

    def __init__(self, context: Context, collection: Collection, username: str) -> None:
        self.features = FEATURES
        self._clock = context.clock
        self._collection = collection
        self._username = username

    def __repr__(self) -> str:
        return f"WebDavDestination({self._collection.url!r})"

    async def put_many(self, uploads: Sequence[Upload]) -> AsyncIterator[tuple[Upload, Outcome]]:
        """Puts one after the other. See `archiver.destinations.port`."""
        for upload in uploads:
            try:
                target = target_of(upload, "", _KEY_BYTES)
                if PARTS in target.key.split("/"):
                    raise RejectedError("the item's path has a part that is our own")
                outcome = await (self._put_stream(target, upload) if upload.data is None else self._put_whole(target, upload, upload.data))
            except ArchiverError as error:
                outcome = outcome_of(error)
            yield upload, outcome

    async def ping(self) -> Account:
        """Whether the folder is there, and how full the account is if the server tells."""
        found = await self._collection.find("")
        if not found or not found[0].folder:
            raise MisconfiguredError("there is no folder at the address", hint="Make it on the server, or change the option url.")
        if found[0].available == 0:
            raise QuotaFullError("the WebDAV account is full", hint="Free some space; the lane goes on by itself.")
        parts = urlsplit(self._collection.url)
        whose = f"{self._username}@" if self._username else ""
        return Account(name=f"{whose}{parts.netloc}{parts.path}", used_bytes=found[0].used, free_bytes=found[0].available)

    async def look(self, receipts: Sequence[Receipt]) -> Sequence[Found | None]:
        """Sizes, and the hashes that the server has. See `archiver.destinations.port.Looking`."""
        found: list[Found | None] = []
        for receipt in receipts:
            entry = await self._file(receipt.path[1:])
            found.append(None if entry is None else Found(size=entry.size, hash=_hash_of(entry)))
        return found

    async def remove(self, receipt: Receipt) -> bool:
        """Deletes a file that is still the receipt's: by its tag, or else by its bytes. See `archiver.destinations.port.Removing`."""
        key = receipt.path[1:]
        there = await self._collection.find(key)
        if not there:
            return True
        entry = there[0]
        if entry.folder or entry.size != receipt.size:
            return False
        if (not entry.etag or entry.etag != receipt.revision) and await self._collection.digest(key) != receipt.sha256:
            return False
        await self._collection.remove(key)
        return True

    async def close(self) -> None:
        """There is nothing to let go of: the HTTP session is the process's."""

    # -- one file -------------------------------------------------------------------------------------------------------------------

    async def _put_whole(self, target: Target, upload: Upload, data: bytes) -> Outcome:
        part, told = await self._collection.put(target, data)
        return await self._name(target, part, told, WholeSums(data, upload.sha256))

    async def _put_stream(self, target: Target, upload: Upload) -> Outcome:
        flow = Flow(upload)
        try:
            part, told = await self._collection.put(target, flow)
        except ArchiverError:
            if flow.failure is not None:
                raise flow.failure from None
            raise
        return await self._name(target, part, told, flow.sums)

    async def _name(self, target: Target, part: str, told: str, sums: Sums) -> Outcome:
        """Gives a part its name, and looks at what came of it."""
        try:
            if told and told != sums.sha256:
                raise IntegrityError("the WebDAV server read other bytes than were sent")  # noqa: TRY301  the part is taken away below
            failpoint("finish.before")
            named = await self._collection.move(part, target.key)
            failpoint("finish.done")
        except BaseException:
            await self._collection.discard(part)
            raise
        if not named:
            await self._collection.discard(part)
            return await self._compared(target, sums)
        entry = await self._file(target.key)
        if entry is None or entry.size != sums.size or sums.agrees(_hash_of(entry)) is False:
            # It was nobody's before, and is not what was sent.
            await self._collection.remove(target.key)
            raise IntegrityError("the WebDAV server shows another size or hash than was sent; the file was taken back")
        remote = _hash_of(entry) or (f"sha256:{told}" if told else "")
        return self._archived(target, sums, entry, remote, recovered=False)

    async def _compared(self, target: Target, sums: Sums) -> Outcome:
        """Something has the name: ours already, or another's, which is never overwritten."""
        entry = await self._file(target.key)
        if entry is not None and entry.size == sums.size:
            same = sums.agrees(_hash_of(entry))
            if same is None:
                same = await self._collection.digest(target.key) == sums.sha256
            if same:
                return self._archived(target, sums, entry, _hash_of(entry), recovered=True)
        raise ConflictError("something else stands at the item's path on the WebDAV server", hint=_MOVE_AWAY)

    async def _file(self, key: str) -> Entry | None:
        found = await self._collection.find(key)
        return found[0] if found and not found[0].folder else None

    def _archived(self, target: Target, sums: Sums, entry: Entry, remote_hash: str, *, recovered: bool) -> Archived:
        return Archived(
            Receipt(
                path=f"/{target.key}",
                revision=entry.etag,
                size=sums.size,
                sha256=sums.sha256,
                remote_hash=remote_hash,
                archived_at=int(self._clock.wall() * 1000),
                recovered=recovered,
            )
        )


def _hash_of(entry: Entry) -> str:
    """The best of the hashes that the server has, of those which we know; empty if it has none."""
    return next((f"{kind}:{entry.checksums[kind]}" for kind in ("sha256", "md5") if kind in entry.checksums), "")
