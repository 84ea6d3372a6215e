"""The way of an item onto a server of SFTP, and the receipt at its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from archiver.destinations.port import Account, CallKind, Context, Features, Found, Upload
from archiver.destinations.sftp.connections import Connections, Link, Login
from archiver.destinations.sftp.files import Files, Part, digest, look
from archiver.destinations.sftp.streams import Streamed
from archiver.errors import ArchiverError, ConflictError, IntegrityError, RejectedError
from archiver.model import Receipt
from archiver.outcome import Archived, Outcome, outcome_of

__all__ = ["FEATURES", "SftpDestination"]

FEATURES = Features(batch_items=1, resumable=True, name_rules="portable")


class SftpDestination:
    """One folder of a server. A file gets its name when it is whole, and never over another.

    Args:
        context: Pace and clock.
        login: How the server is reached.
        files: The folder.
        reads_back: Read each file again before it gets its name.
    """

    def __init__(self, context: Context, login: Login, files: Files, *, reads_back: bool = False) -> None:
        self.features = FEATURES
        self._context = context
        self._login = login
        self._files = files
        self._reads_back = reads_back
        self._connections = Connections(login)

    def __repr__(self) -> str:
        return f"SftpDestination({self._login!r}, {self._files.root!r})"

    async def put_many(self, uploads: Sequence[Upload]) -> AsyncIterator[tuple[Upload, Outcome]]:
        """Puts one after the other; many callers share a connection. See `archiver.destinations.port`."""
        for upload in uploads:
            try:
                outcome = await (self._put_stream(upload) if upload.data is None else self._put_whole(upload, upload.data))
            except ArchiverError as error:
                outcome = outcome_of(error)
            yield upload, outcome

    async def ping(self) -> Account:
        """Logs in and finds the folder, and says how much room there is if the server tells."""
        async with self._context.pace.call(CallKind.LOOK), self._connections.use("find the folder") as link:
            await self._files.check(link)
            free = await self._files.room(link)
        return Account(name=f"{self._login!r} {self._files.root}", free_bytes=free)

    async def look(self, receipts: Sequence[Receipt]) -> Sequence[Found | None]:
        """The sizes: SFTP tells no hashes. See `archiver.destinations.port.Looking`."""
        found: list[Found | None] = []
        for receipt in receipts:
            target = self._target(receipt.path)
            if target is None:
                found.append(None)
                continue
            async with self._context.pace.call(CallKind.LOOK), self._connections.use("look at a file") as link:
                size = await self._files.size(link, target)
            found.append(None if size is None else Found(size=size))
        return found

    async def remove(self, receipt: Receipt) -> bool:
        """Deletes a file that has the receipt's bytes still; it is read for that. See `archiver.destinations.port.Removing`."""
        target = self._target(receipt.path)
        if target is None:
            return False
        async with self._context.pace.call(CallKind.TRANSFER), self._connections.use("delete a file", seconds=None) as link:
            if await look(link, target) is None:
                return True
            if not await self._files.same(link, target, receipt.size, receipt.sha256):
                return False
            await self._files.remove(link, target)
        return True

    async def close(self) -> None:
        """Says good-bye to the server."""
        await self._connections.close()

    # -- one file -------------------------------------------------------------------------------------------------------------------

    async def _put_whole(self, upload: Upload, data: bytes) -> Outcome:
        target = self._files.where(upload.delivery.path)
        sha256 = upload.sha256.hex()
        async with self._connections.link() as link:
            async with self._context.pace.call(CallKind.TRANSFER), self._connections.call(link, "write a file"):
                part = await self._files.begin(link, self._context.clock.wall())
                try:
                    await self._files.write(link, part, [data])
                    named = await self._name(link, part, target, upload, sha256)
                except BaseException:
                    await self._files.discard(link, part)
                    raise
            if named:
                return self._archived(upload, len(data), sha256, recovered=False)
            return await self._compared(link, upload, target, len(data), sha256)

    async def _put_stream(self, upload: Upload) -> Outcome:
        target = self._files.where(upload.delivery.path)
        transfer = Streamed(self._context, self._connections, self._files, upload)
        try:
            async with self._connections.link() as link:
                part = await transfer.write(link, target)
                size, sha256 = transfer.sums.size, transfer.sums.sha256
                if part is not None:
                    async with self._context.pace.call(CallKind.COMMIT), self._connections.call(link, "name a file", seconds=None):
                        try:
                            named = await self._name(link, part, target, upload, sha256)
                        except (IntegrityError, RejectedError):
                            await self._files.discard(link, part)
                            raise
                        finally:
                            await part.close()
                    if named:
                        return self._archived(upload, size, sha256, recovered=False)
                return await self._compared(link, upload, target, size, sha256)
        except ArchiverError as error:
            return outcome_of(error, session=transfer.session)

    async def _name(self, link: Link, part: Part, target: str, upload: Upload, sha256: str) -> bool:
        """Gives what was written its name; False if something has it already, and then the part is gone."""
        await part.finish(upload.delivery.item.occurred_at)
        if self._reads_back and await digest(link, part.path) != sha256:
            raise IntegrityError("the SFTP server gives other bytes back than were written")
        named = await self._files.publish(link, part, target)
        if not named:
            await self._files.discard(link, part)
        return named

    async def _compared(self, link: Link, upload: Upload, target: str, size: int, sha256: str) -> Outcome:
        """Something has the name: ours already, or another's, which is never overwritten."""
        async with self._context.pace.call(CallKind.TRANSFER), self._connections.call(link, "read a file", seconds=None):
            same = await self._files.same(link, target, size, sha256)
        if same:
            return self._archived(upload, size, sha256, recovered=True)
        hint = "Move it away, then retry."
        return outcome_of(ConflictError("something else stands at the item's path on the SFTP server", hint=hint))

    def _archived(self, upload: Upload, size: int, sha256: str, *, recovered: bool) -> Archived:
        archived_at = int(self._context.clock.wall() * 1000)
        return Archived(
            Receipt(path=upload.delivery.path, size=size, sha256=sha256, archived_at=archived_at, recovered=recovered),
        )

    def _target(self, path: str) -> str | None:
        try:
            return self._files.where(path)
        except RejectedError:
            return None
