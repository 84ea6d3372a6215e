"""The way of an item into a drive, and the receipt at its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from archiver.destinations.onedrive.api import WRITE_COST, Api, Request
from archiver.destinations.onedrive.chunks import Transfer
from archiver.destinations.onedrive.errors import BadCallError, LockedError, NotThereError, TakenError
from archiver.destinations.onedrive.sums import Sums, sums_of
from archiver.destinations.onedrive.wire import Drive, DriveItem, Me, address, by_id, decode, is_path
from archiver.destinations.port import Account, CallKind, Context, Features, Found, Upload
from archiver.errors import (
    ArchiverError,
    ConflictError,
    IntegrityError,
    MisconfiguredError,
    QuotaFullError,
    RejectedError,
    TransientError,
)
from archiver.failpoints import failpoint
from archiver.model import Receipt
from archiver.oauth import Credentials, KeptTokens, Provider
from archiver.outcome import Archived, Outcome, outcome_of
from genstage.clock import Clock

__all__ = ["FEATURES", "OneDriveDestination"]

FEATURES = Features(batch_items=1, resumable=True, name_rules="onedrive")
"""Each file is a call of its own: what Graph calls a batch is counted call by call as well."""

_FAIL = "?@microsoft.graph.conflictBehavior=fail"
_SELECT = "?$select=id,name,size,cTag,file,folder,parentReference"
_BAD_PATH = "the item's path has more than 400 characters, cannot be written as text, or does not begin at the root"
_MOVE_AWAY = "Something else stands where this file belongs; move it away, then retry."


class OneDriveDestination:
    """One drive, or one library, from a folder in it downwards.

    Args:
        context: Pace, clock and the HTTP session.
        credentials: What the account was connected with.
        provider: Where tokens come from.
        base: The API's address.
        root: What stands before each delivery's path: empty, or ``/Folder``.
        drive_id: Which drive; empty for the account's own.
        kept: The access tokens that the process has.
    """

    def __init__(  # noqa: PLR0913  two of the seven have a default
        self,
        context: Context,
        credentials: Credentials,
        provider: Provider,
        base: str,
        root: str,
        *,
        drive_id: str = "",
        kept: KeptTokens | None = None,
    ) -> None:
        self.features = FEATURES
        self._clock: Clock = context.clock
        self._root = root
        self._drive_id = drive_id
        self._drive = f"/drives/{drive_id}" if drive_id else "/me/drive"
        self._api = Api(context, credentials, provider, base, kept=kept)

    def __repr__(self) -> str:
        return f"OneDriveDestination(root={self._root!r})"

    async def put_many(self, uploads: Sequence[Upload]) -> AsyncIterator[tuple[Upload, Outcome]]:
        """Puts one after the other. See `archiver.destinations.port`."""
        for upload in uploads:
            path = self._root + upload.delivery.path
            try:
                if not upload.delivery.path.startswith("/") or not is_path(path):
                    raise RejectedError(_BAD_PATH)
                outcome = await (self._put_stream(upload, path) if upload.data is None else self._put_whole(upload, path, upload.data))
            except ArchiverError as error:
                outcome = outcome_of(error)
            yield upload, outcome

    async def ping(self) -> Account:
        """Whose drive it is and how full; of a library, that it can be seen."""
        request = Request(route="drive.get", method="GET", path=f"{self._drive}?$select=id,name,driveType,owner,quota")
        try:
            drive: Drive = await self._api.ask(request, Drive)
        except NotThereError as error:
            raise MisconfiguredError(error.message, hint="Check the option drive_id; the account may have no OneDrive yet.") from None
        quota, user = drive.quota, drive.owner.user
        name = user.email or (await self._email() if not self._drive_id else "")
        name = name or user.display_name or drive.owner.group.display_name or drive.name or drive.id
        if quota is None or not quota.total:  # libraries need not tell
            return Account(name=name)
        left = max(0, quota.total - quota.used) if quota.remaining is None else quota.remaining
        if quota.state == "exceeded" or left <= 0:
            raise QuotaFullError("this OneDrive is full", hint="Free some space; the lane goes on by itself.")
        return Account(name=name, used_bytes=quota.used, free_bytes=left)

    async def look(self, receipts: Sequence[Receipt]) -> Sequence[Found | None]:
        """One call for each: what Graph calls a batch costs as much. See `archiver.destinations.port.Looking`."""
        return [await self._found(receipt) for receipt in receipts]

    async def remove(self, receipt: Receipt) -> bool:
        """Deletes a file for good, where the storage can, if it has still the bytes that were written.

        See `archiver.destinations.port.Removing`. A personal drive knows only its bin.
        """
        try:
            item = await self._item(receipt.remote_id)
            if item.c_tag != receipt.revision or item.size != receipt.size or _hash_like(item, receipt.remote_hash) != receipt.remote_hash:
                return False
            await self._delete(item)
        except NotThereError:
            pass  # gone already
        except LockedError:
            return False  # a retention label keeps it
        return True

    async def close(self) -> None:
        """There is nothing to let go of: the HTTP session is the process's."""

    # -- one file -------------------------------------------------------------------------------------------------------------------

    async def _put_whole(self, upload: Upload, path: str, data: bytes) -> Outcome:
        sums = sums_of(upload)
        try:
            item = await self._create(path, data)
        except TakenError:
            return await self._recognised(path, sums)
        except NotThereError as error:
            return outcome_of(await self._why(error))
        return await self._verified(path, item, sums, recovered=False)

    async def _put_stream(self, upload: Upload, path: str) -> Outcome:
        transfer = Transfer(self._api, self._clock, upload, address(self._drive, path, "createUploadSession"))
        try:
            total = upload.delivery.item.size
            if not total:
                total = await transfer.read()  # and of a file that says to be empty, whether it is
            item = await transfer.run(total) if total else await self._create(path, b"")
        except TakenError:
            pass  # by an earlier try, whose answer was lost; or by somebody else
        except NotThereError as error:
            return outcome_of(await self._why(error), session=transfer.session)
        except ArchiverError as error:
            return outcome_of(error, session=transfer.session)
        else:
            return await self._verified(path, item, transfer.sums, recovered=False)
        await transfer.read()
        return await self._recognised(path, transfer.sums)

    async def _create(self, path: str, data: bytes) -> DriveItem:
        """One call: the folders on the way are made with it, and whatever has the name already is left alone."""
        request = Request(
            route="upload.content",
            method="PUT",
            path=address(self._drive, path, f"content{_FAIL}"),
            kind=CallKind.TRANSFER,
            items=1,
            cost=WRITE_COST,
            body=lambda: [data],
        )
        failpoint("finish.before")
        reply = await self._api.call(request)
        failpoint("finish.done")
        item: DriveItem = decode(reply.body, DriveItem)
        return item

    async def _why(self, error: ArchiverError) -> ArchiverError:
        """Why something is not there into which folders are made as they are needed: the whole drive may be gone."""
        try:
            await self.ping()
        except ArchiverError as other:
            return other
        return error

    # -- ends -----------------------------------------------------------------------------------------------------------------------

    async def _recognised(self, path: str, sums: Sums) -> Outcome:
        """Something stands at the path: ours already, or another one, which is left as it is."""
        try:
            item = await self._at(path)
        except NotThereError:
            return outcome_of(TransientError("OneDrive: the name is taken and nothing has it; somebody is just changing the folder"))
        if item.file is None:
            return outcome_of(ConflictError("OneDrive: a folder stands at the path", hint=_MOVE_AWAY))
        return await self._verified(path, item, sums, recovered=True)

    async def _verified(self, path: str, item: DriveItem, sums: Sums, *, recovered: bool) -> Outcome:
        """A receipt, if the storage has the bytes that were sent; otherwise what we made is taken back."""
        if not item.hashes.preferred:
            item = await self._item(item.id)  # a library may need a moment for the hash
        if sums.agree(item):
            if not item.hashes.preferred:  # the file stays; the next try finds it, and its hash by then
                return outcome_of(TransientError("OneDrive has not told the hash of a file yet"))
            return self._archived(path, item, sums, recovered=recovered)
        if recovered:
            return outcome_of(ConflictError("OneDrive: a file with other bytes stands at the path", hint=_MOVE_AWAY))
        await self._delete(item)
        return outcome_of(IntegrityError("OneDrive confirmed another size or hash than was sent; the file was taken back"))

    def _archived(self, path: str, item: DriveItem, sums: Sums, *, recovered: bool) -> Archived:
        return Archived(
            Receipt(
                path=path,
                remote_id=item.id,
                revision=item.c_tag,
                size=sums.size,
                sha256=sums.sha256,
                remote_hash=item.hashes.preferred,
                archived_at=int(self._clock.wall() * 1000),
                recovered=recovered,
            )
        )

    # -- items ----------------------------------------------------------------------------------------------------------------------

    async def _at(self, path: str) -> DriveItem:
        item: DriveItem = await self._api.ask(Request(route="item.get", method="GET", path=address(self._drive, path) + _SELECT), DriveItem)
        return item

    async def _item(self, item_id: str) -> DriveItem:
        item: DriveItem = await self._api.ask(
            Request(route="item.get", method="GET", path=by_id(self._drive, item_id) + _SELECT), DriveItem
        )
        return item

    async def _found(self, receipt: Receipt) -> Found | None:
        try:
            item = await self._at(receipt.path)
        except NotThereError:
            return None
        return None if item.file is None else Found(size=item.size, hash=_hash_like(item, receipt.remote_hash))

    async def _delete(self, item: DriveItem) -> None:
        """For good; where the drive does not know how, into its bin."""
        if item.parent_reference.drive_type != "personal":
            try:
                await self._api.call(_delete_request("POST", by_id(self._drive, item.id, "permanentDelete")))
            except BadCallError:
                pass
            else:
                return
        await self._api.call(_delete_request("DELETE", by_id(self._drive, item.id)))

    async def _email(self) -> str:
        """Whose account it is, where the drive does not say; empty if that is not ours to know."""
        try:
            me: Me = await self._api.ask(Request(route="me.get", method="GET", path="/me?$select=mail,userPrincipalName"), Me)
        except (MisconfiguredError, NotThereError):
            return ""
        return me.mail or me.user_principal_name or ""


def _hash_like(item: DriveItem, hash_of_receipt: str) -> str:
    """The hash of the kind that a receipt has; a drive may tell other ones some day."""
    if hash_of_receipt.startswith("sha256:") and item.hashes.sha256:
        return f"sha256:{item.hashes.sha256.lower()}"
    return item.hashes.preferred


def _delete_request(method: str, path: str) -> Request:
    return Request(route="item.delete", method=method, path=path, kind=CallKind.TRANSFER, cost=WRITE_COST)
