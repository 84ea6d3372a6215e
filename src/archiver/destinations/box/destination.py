"""The way of an item into a Box, and the receipt at its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from archiver.destinations.box.api import Api, Hosts, Request
from archiver.destinations.box.errors import ChangedError, LockedError, NotThereError, PolicyError, TakenError, UnfinishedError
from archiver.destinations.box.folders import Folders
from archiver.destinations.box.parts import SESSION_BYTES, Transfer
from archiver.destinations.box.sums import Sums, sums_of
from archiver.destinations.box.wire import FIELDS, BoxFile, Files, Multipart, User, is_path
from archiver.destinations.port import Account, CallKind, Context, Features, Found, Upload
from archiver.errors import ArchiverError, ConflictError, IntegrityError, MisconfiguredError, QuotaFullError, RejectedError, TransientError
from archiver.failpoints import failpoint
from archiver.model import Receipt
from archiver.oauth import Credentials, KeptTokens, Provider
from archiver.outcome import Archived, Deferred, Outcome, outcome_of
from genstage.clock import Clock

__all__ = ["FEATURES", "BoxDestination"]

FEATURES = Features(batch_items=1, resumable=True)
"""Each file is a call of its own."""

_BAD_PATH = "the item's path has a name that Box does not take, or does not begin at the root"
_MOVE_AWAY = "Something else stands where this file belongs; move it away, then retry."


class BoxDestination:
    """One account, from a folder in it downwards.

    Args:
        context: Pace, clock and the HTTP session.
        credentials: What the account was connected with.
        provider: Where tokens come from.
        hosts: Where calls go.
        root: What stands before each delivery's path: empty, or ``/Folder``.
        folder_id: The folder that the root is in; ``0`` is the account's own.
        kept: The access tokens that the process has.
    """

    def __init__(  # noqa: PLR0913  two of the seven have a default
        self,
        context: Context,
        credentials: Credentials,
        provider: Provider,
        hosts: Hosts,
        root: str,
        *,
        folder_id: str = "0",
        kept: KeptTokens | None = None,
    ) -> None:
        self.features = FEATURES
        self._clock: Clock = context.clock
        self._root = root
        self._folder_id = folder_id
        self._api = Api(context, credentials, provider, hosts, kept=kept)
        self._folders = Folders(self._api, folder_id)

    def __repr__(self) -> str:
        return f"BoxDestination(root={self._root!r})"

    async def put_many(self, uploads: Sequence[Upload]) -> AsyncIterator[tuple[Upload, Outcome]]:
        """Puts one after the other. See `archiver.destinations.port`."""
        for upload in uploads:
            path = self._root + upload.delivery.path
            try:
                if not upload.delivery.path.startswith("/") or not is_path(path):
                    raise RejectedError(_BAD_PATH)
                outcome = await (self._put_stream(upload, path) if upload.data is None else self._put_whole(upload, path, upload.data))
            except ArchiverError as error:
                if isinstance(error, NotThereError):
                    self._folders.forget()  # the folder is gone: the next try makes it anew
                outcome = outcome_of(error)
            yield upload, outcome

    async def ping(self) -> Account:
        """Whose account it is and how full."""
        request = Request(route="users.me", method="GET", path="/users/me?fields=id,name,login,space_amount,space_used")
        user: User = await self._api.ask(request, User)
        name = user.login or user.name or user.id
        if self._folder_id != "0":
            await self._see_folder()
        if user.space_amount <= 0:  # without a limit
            return Account(name=name, used_bytes=user.space_used)
        if user.space_used >= user.space_amount:
            raise QuotaFullError("this Box is full", hint="Free some space; the lane goes on by itself.")
        return Account(name=name, used_bytes=user.space_used, free_bytes=user.space_amount - user.space_used)

    async def look(self, receipts: Sequence[Receipt]) -> Sequence[Found | None]:
        """One call for each, by its id; what was moved away is not at its path. See `archiver.destinations.port.Looking`."""
        return [await self._found(receipt) for receipt in receipts]

    async def remove(self, receipt: Receipt) -> bool:
        """Puts a file into the trash, if it has still the bytes that were written, and out of it, where the account may.

        See `archiver.destinations.port.Removing`.
        """
        try:
            file = await self._file(receipt.remote_id)
            if file.version != receipt.revision or file.size != receipt.size or _hash(file) != receipt.remote_hash:
                return False
            await self._delete(file)
        except NotThereError:
            pass  # gone already
        except (ChangedError, LockedError, PolicyError):
            return False  # somebody was faster, or it is kept
        return True

    async def close(self) -> None:
        """There is nothing to let go of: the HTTP session is the process's."""

    # -- one file -------------------------------------------------------------------------------------------------------------------

    async def _put_whole(self, upload: Upload, path: str, data: bytes) -> Outcome:
        sums = sums_of(upload)
        try:
            file = await self._create(path, [data], sums)
        except TakenError as error:
            return await self._recognised(path, error, sums)
        return await self._verified(path, file, sums, recovered=False)

    async def _put_stream(self, upload: Upload, path: str) -> Outcome:
        transfer, total = Transfer(self._api, self._clock, upload), upload.delivery.item.size or 0
        try:
            if not total:
                total = await transfer.read()  # and of a file that says to be empty, whether it is
            if total < SESSION_BYTES:
                file = await self._create(path, await transfer.whole(total), transfer.sums)
            else:
                above, _, name = path.rpartition("/")
                file = await transfer.run(total, name, await self._folders.find(above))
        except TakenError as error:  # by an earlier try, whose answer was lost; or by somebody else
            if transfer.sums.size != total:
                await transfer.read()
            return await self._recognised(path, error, transfer.sums)
        except UnfinishedError as error:
            reason, wait = type(error).__name__, error.retry_after
            return Deferred(reason=reason, detail=error.message, charged=False, session=transfer.session, retry_after=wait)
        except ArchiverError as error:
            if isinstance(error, NotThereError):
                self._folders.forget()
            return outcome_of(error, session=transfer.session)
        return await self._verified(path, file, transfer.sums, recovered=False)

    async def _create(self, path: str, pieces: list[bytes], sums: Sums) -> BoxFile:
        """One call; whatever has the name already is left alone, and Box compares the hash before it keeps anything."""
        above, _, name = path.rpartition("/")
        body = Multipart(name, await self._folders.find(above), pieces)
        request = Request(
            route="files.upload",
            method="POST",
            path="/files/content",
            uploads=True,
            kind=CallKind.TRANSFER,
            items=1,
            headers={"Content-Type": body.content_type, "Content-MD5": sums.sha1.hex()},
            body=lambda: body.pieces,
        )
        failpoint("finish.before")
        files: Files = await self._api.ask(request, Files)
        failpoint("finish.done")
        if not files.entries:
            raise TransientError("Box made a file and does not say which")
        return files.entries[0]

    # -- ends -----------------------------------------------------------------------------------------------------------------------

    async def _recognised(self, path: str, taken: TakenError, sums: Sums) -> Outcome:
        """Something stands at the path: ours already, or another one, which is left as it is."""
        if taken.rival is None:
            return outcome_of(TransientError("Box: the name is taken, and it is not told by what"))
        if not taken.rival.is_file:
            return outcome_of(ConflictError("Box: a folder stands at the path", hint=_MOVE_AWAY))
        try:
            file = await self._file(taken.rival.id)
        except NotThereError:
            return outcome_of(TransientError("Box: the name is taken and nothing has it; somebody is just changing the folder"))
        return await self._verified(path, file, sums, recovered=True)

    async def _verified(self, path: str, file: BoxFile, sums: Sums, *, recovered: bool) -> Outcome:
        """A receipt, if the storage has the bytes that were sent; otherwise what we made is taken back."""
        if sums.agree(file):
            return self._archived(path, file, sums, recovered=recovered)
        if recovered:
            return outcome_of(ConflictError("Box: a file with other bytes stands at the path", hint=_MOVE_AWAY))
        await self._delete(file)
        return outcome_of(IntegrityError("Box confirmed another size or hash than was sent; the file was taken back"))

    def _archived(self, path: str, file: BoxFile, sums: Sums, *, recovered: bool) -> Archived:
        return Archived(
            Receipt(
                path=path,
                remote_id=file.id,
                revision=file.version,
                size=sums.size,
                sha256=sums.sha256,
                remote_hash=_hash(file),
                archived_at=int(self._clock.wall() * 1000),
                recovered=recovered,
            )
        )

    # -- files ----------------------------------------------------------------------------------------------------------------------

    async def _file(self, file_id: str) -> BoxFile:
        """A file by its id.

        Raises:
            NotThereError: There is none, or the id cannot be one.
        """
        if not file_id.isascii() or not file_id.isdigit():
            raise NotThereError("Box has no file of this id")
        file: BoxFile = await self._api.ask(Request(route="files.get", method="GET", path=f"/files/{file_id}{FIELDS}"), BoxFile)
        return file

    async def _found(self, receipt: Receipt) -> Found | None:
        try:
            file = await self._file(receipt.remote_id)
        except NotThereError:
            return None
        path = file.path_below(self._folder_id)
        if path is None or path.casefold() != receipt.path.casefold():
            return None
        return Found(size=file.size, hash=_hash(file))

    async def _delete(self, file: BoxFile) -> None:
        """Into the trash, if it is still this version; then out of it, which not every account may."""
        headers = {} if file.etag is None else {"If-Match": file.etag}
        place = f"/files/{file.id}"
        await self._api.call(Request(route="files.delete", method="DELETE", path=place, kind=CallKind.TRANSFER, headers=headers))
        final = Request(route="trash.delete", method="DELETE", path=f"{place}/trash", kind=CallKind.TRANSFER, also=frozenset({403, 404}))
        await self._api.call(final)

    async def _see_folder(self) -> None:
        try:
            await self._api.call(Request(route="folders.get", method="GET", path=f"/folders/{self._folder_id}?fields=id"))
        except NotThereError as error:
            raise MisconfiguredError(error.message, hint="Check the option folder_id.") from None


def _hash(file: BoxFile) -> str:
    return f"sha1:{file.sha1.lower()}" if file.sha1 else ""
