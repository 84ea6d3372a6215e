"""The way of a batch through Google Drive, and the receipts at its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from archiver.destinations.google_drive.api import Api, Request
from archiver.destinations.google_drive.chunks import Transfer
from archiver.destinations.google_drive.entry import Entry, Root, entry_of
from archiver.destinations.google_drive.errors import BadCallError, InUseError, NotThereError
from archiver.destinations.google_drive.folders import Folders
from archiver.destinations.google_drive.ids import IdPool
from archiver.destinations.google_drive.looking import Looking, Place
from archiver.destinations.google_drive.wire import (
    FILE_FIELDS,
    FOLDER,
    About,
    DriveFile,
    DriveName,
    metadata,
    multipart,
)
from archiver.destinations.port import Account, CallKind, Context, Features, Found, Upload
from archiver.errors import (
    ArchiverError,
    ConflictError,
    IntegrityError,
    QuotaFullError,
    RejectedError,
    Scope,
    TransientError,
)
from archiver.failpoints import failpoint
from archiver.model import Receipt, Session
from archiver.oauth import Credentials, KeptTokens, Provider
from archiver.outcome import Archived, Outcome, outcome_of

__all__ = ["FEATURES", "GoogleDriveDestination"]

FEATURES = Features(batch_items=10, batch_bytes=8 * 1024 * 1024, whole_bytes=4 * 1024 * 1024, resumable=True, name_rules="portable")
"""Each file is a call of its own; a batch shares the search for what is there already."""

_BAD_PATH = "the item's path cannot be written as text, or does not begin at the root"
_MOVE_AWAY = "Something else stands where this file belongs; move it away, then retry."


class GoogleDriveDestination:
    """One Google Drive, or one shared drive, from a folder in it downwards.

    Args:
        context: Pace, clock and the HTTP session.
        credentials: What the account was connected with.
        provider: Where tokens come from.
        base: The API's address.
        root: Where everything goes.
        kept: The access tokens that the process has.
    """

    def __init__(  # noqa: PLR0913  one of the six has a default
        self, context: Context, credentials: Credentials, provider: Provider, base: str, root: Root, *, kept: KeptTokens | None = None
    ) -> None:
        self.features = FEATURES
        self._clock = context.clock
        self._root = root
        self._api = Api(context, credentials, provider, base, kept=kept)
        self._looking = Looking(self._api, root.shared_drive)
        self._ids = IdPool(self._api)
        self._folders = Folders(self._api, self._ids, self._looking, root.id)

    def __repr__(self) -> str:
        return f"GoogleDriveDestination(root={self._root.path!r})"

    async def put_many(self, uploads: Sequence[Upload]) -> AsyncIterator[tuple[Upload, Outcome]]:
        """Looks once for all of them, then puts one after the other. See `archiver.destinations.port`."""
        entries: list[Entry] = []
        closed: Outcome | None = None  # why nothing more is tried: what is wrong is not the item
        for upload in uploads:
            entry = entry_of(upload, self._root)
            if entry is None:
                yield upload, outcome_of(RejectedError(_BAD_PATH))
                continue
            try:
                closed = closed or await self._find_folder(entry)
            except ArchiverError as error:
                yield upload, outcome_of(error)
                continue
            entries.append(entry)
        there: dict[Place, list[DriveFile]] = {}
        if entries and closed is None:
            try:
                there = await self._looking.there([entry.place for entry in entries])
                await self._promise([entry for entry in entries if not there[entry.place]])
            except ArchiverError as error:
                closed = outcome_of(error)
        for entry in entries:
            if closed is not None:
                yield entry.upload, closed
                continue
            try:
                outcome = await self._put(entry, there.get(entry.place, []))
            except ArchiverError as error:
                outcome = self._failed(entry, error)
                if error.scope is not Scope.ITEM:
                    closed = outcome_of(error)
            yield entry.upload, outcome

    async def ping(self) -> Account:
        """Whose Drive it is and how full; of a shared drive, that it can be seen."""
        query = {"fields": "user(emailAddress,displayName),storageQuota(limit,usage)"}
        about: About = await self._api.ask(Request(route="about.get", method="GET", path="/drive/v3/about", query=query), About)
        name = about.user.email_address or about.user.display_name
        if self._root.shared_drive:
            request = Request(
                route="drives.get", method="GET", path=f"/drive/v3/drives/{self._root.shared_drive}", query={"fields": "id,name"}
            )
            shared: DriveName = await self._api.ask(request, DriveName)
            return Account(name=f"{name}: {shared.name}")
        quota = about.storage_quota
        if quota.limit and quota.usage >= quota.limit:
            raise QuotaFullError("this Google Drive is full", hint="Free some space; the lane goes on by itself.")
        return Account(name=name, used_bytes=quota.usage, free_bytes=quota.limit - quota.usage if quota.limit else None)

    async def look(self, receipts: Sequence[Receipt]) -> Sequence[Found | None]:
        """One call for each file, by its id: so one that somebody moved is found, and one with another name or in the bin is not.

        See `archiver.destinations.port.Looking`.
        """
        return [await self._found(receipt) for receipt in receipts]

    async def _found(self, receipt: Receipt) -> Found | None:
        try:
            file = await self._file(receipt.remote_id)
        except NotThereError:
            return None
        if file.trashed or file.mime_type == FOLDER or file.name != receipt.path.rpartition("/")[2]:
            return None
        return Found(size=file.size, hash=f"md5:{file.md5}")

    async def remove(self, receipt: Receipt) -> bool:
        """Deletes a file for good if it has still the bytes that were written. See `archiver.destinations.port.Removing`."""
        try:
            file = await self._file(receipt.remote_id)
            if file.revision != receipt.revision or f"md5:{file.md5}" != receipt.remote_hash or file.size != receipt.size:
                return False
            await self._delete(receipt.remote_id)
        except NotThereError:
            pass  # gone already
        return True

    async def close(self) -> None:
        """There is nothing to let go of: the HTTP session is the process's, and unused ids harm nobody."""

    # -- one file -------------------------------------------------------------------------------------------------------------------

    async def _find_folder(self, entry: Entry) -> Outcome | None:
        """Gives an entry its folder's id; an outcome if something is wrong that is wrong for all."""
        try:
            entry.parent = await self._folders.find(entry.folder)
        except ArchiverError as error:
            if error.scope is Scope.ITEM:
                raise
            return outcome_of(error)
        return None

    async def _promise(self, entries: Sequence[Entry]) -> None:
        """Gives each file that is to be made its id, and makes sure that a later try will know it, whatever becomes of this one."""
        fresh = [entry for entry in entries if not entry.file_id]
        for entry in fresh:
            entry.file_id = await self._ids.take()
        for entry in fresh:
            if entry.upload.save_session is not None:
                entry.upload.save_session(self._session(entry))
        if fresh and fresh[-1].upload.keep_session is not None:
            await fresh[-1].upload.keep_session(self._session(fresh[-1]))  # and with it those that were saved before

    async def _put(self, entry: Entry, there: Sequence[DriveFile]) -> Outcome:
        """Puts one file, unless it is there.

        Raises:
            ArchiverError: A call was refused, or the source gave no bytes.
        """
        transfer = None if entry.upload.data is not None else Transfer(self._api, self._clock, entry.upload, self._looking.everywhere)
        if there:
            if transfer is not None:
                await transfer.read()
                entry.hashed(transfer)
            return self._recognised(entry, there)
        try:
            if transfer is None:
                return await self._verified(entry, await self._create(entry), recovered=False)
            return await self._stream(entry, transfer)
        except InUseError:
            pass  # made by an earlier try, whose answer was lost
        if transfer is not None:
            await transfer.read()
            entry.hashed(transfer)
        return await self._made_before(entry)

    async def _create(self, entry: Entry) -> DriveFile:
        """One call: metadata and bytes."""
        content_type, pieces = multipart(self._said(entry), entry.upload.data or b"")
        request = Request(
            route="upload.multipart",
            method="POST",
            path="/upload/drive/v3/files",
            query={"uploadType": "multipart", "fields": FILE_FIELDS, **self._looking.everywhere},
            kind=CallKind.TRANSFER,
            items=1,
            headers={"Content-Type": content_type},
            body=lambda: pieces,
        )
        failpoint("finish.before")
        file: DriveFile = await self._api.ask(request, DriveFile)
        failpoint("finish.done")
        return file

    async def _stream(self, entry: Entry, transfer: Transfer) -> Outcome:
        try:
            file = await transfer.run(entry.file_id, self._said(entry))
        except InUseError:
            raise
        except ArchiverError as error:
            return outcome_of(error, session=None if isinstance(error, BadCallError) else transfer.session or self._session(entry))
        entry.hashed(transfer)
        return await self._verified(entry, file, recovered=False)

    def _said(self, entry: Entry) -> bytes:
        """What is said of a new file."""
        return metadata(entry.upload, file_id=entry.file_id, parent=entry.parent, key=entry.key)

    # -- ends -----------------------------------------------------------------------------------------------------------------------

    def _failed(self, entry: Entry, error: ArchiverError) -> Outcome:
        if isinstance(error, NotThereError):
            self._folders.forget()  # the folder is gone; the next try makes another one
        # An id that Google does not take is of another account: this connection had another one before.
        used = entry.file_id and not isinstance(error, BadCallError)
        return outcome_of(error, session=self._session(entry) if used else None)

    def _session(self, entry: Entry) -> Session:
        """Keeps the id that a file may have been made under already: the next try uses it again."""
        return Session(id=entry.file_id, offset=0, started_at=int(self._clock.wall() * 1000))

    def _recognised(self, entry: Entry, there: Sequence[DriveFile]) -> Outcome:
        """Something stands at the place: ours already, or another one, which is left as it is."""
        for file in there:
            if file.mime_type != FOLDER and file.has(entry.size, entry.md5, entry.sha256):
                return self._archived(entry, file, recovered=True)
        if all(file.mime_type == FOLDER for file in there):
            return outcome_of(ConflictError("Google Drive: a folder stands at the path", hint=_MOVE_AWAY))
        return outcome_of(ConflictError("Google Drive: a file with other bytes stands at the path", hint=_MOVE_AWAY))

    async def _made_before(self, entry: Entry) -> Outcome:
        """The file that an earlier try made under the id of this one."""
        file = await self._file(entry.file_id)
        if file.trashed:
            entry.file_id = ""
            return outcome_of(TransientError("Google Drive: the file was put into the bin before its receipt was written"))
        return await self._verified(entry, file, recovered=True)

    async def _verified(self, entry: Entry, file: DriveFile, *, recovered: bool) -> Outcome:
        """A receipt, if Google has the bytes that were sent; otherwise what we made is taken back."""
        if file.has(entry.size, entry.md5, entry.sha256) and not file.trashed:
            return self._archived(entry, file, recovered=recovered)
        if recovered:  # the source has changed since, or somebody the file: neither is undone here
            return outcome_of(ConflictError("Google Drive: an earlier try left other bytes", hint=_MOVE_AWAY))
        await self._delete(file.id)
        if file.trashed:  # its folder is in the bin, and whatever is put there is, too
            self._folders.forget()
            return outcome_of(TransientError("Google Drive: the folder was put into the bin"))
        return outcome_of(IntegrityError("Google Drive confirmed another size or hash than was sent; the file was taken back"))

    def _archived(self, entry: Entry, file: DriveFile, *, recovered: bool) -> Archived:
        return Archived(
            Receipt(
                path=f"{entry.folder}/{entry.name}",
                remote_id=file.id,
                revision=file.revision,
                size=entry.size,
                sha256=entry.sha256,
                remote_hash=f"md5:{file.md5}",
                archived_at=int(self._clock.wall() * 1000),
                recovered=recovered,
            )
        )

    async def _file(self, file_id: str) -> DriveFile:
        query = {"fields": FILE_FIELDS, **self._looking.everywhere}
        file: DriveFile = await self._api.ask(
            Request(route="files.get", method="GET", path=f"/drive/v3/files/{file_id}", query=query), DriveFile
        )
        return file

    async def _delete(self, file_id: str) -> None:
        request = Request(
            route="files.delete",
            method="DELETE",
            path=f"/drive/v3/files/{file_id}",
            query=self._looking.everywhere,
            kind=CallKind.TRANSFER,
        )
        await self._api.call(request)


def _hashed(entry: Entry, transfer: Transfer) -> None:
    entry.size, entry.sha256, entry.md5 = transfer.size, transfer.sha256, transfer.md5
