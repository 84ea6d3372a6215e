"""The way of a batch through Dropbox, and the receipts at its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeGuard

import msgspec

from archiver.destinations.dropbox.api import Api, Hosts, Request
from archiver.destinations.dropbox.appends import Appends
from archiver.destinations.dropbox.chunks import Transfer
from archiver.destinations.dropbox.commits import Commits
from archiver.destinations.dropbox.content_hash import content_hash
from archiver.destinations.dropbox.errors import BadNameError, ClosedError, InTheWayError, NotThereError, OffsetError
from archiver.destinations.dropbox.plain import plain_path
from archiver.destinations.dropbox.sessions import KeptSessions, SessionPool
from archiver.destinations.dropbox.wire import Entry, FileMetadata, FullAccount, Metadata, SpaceUsage, Success, decode
from archiver.destinations.port import Account, CallKind, Context, Features, Found, Upload
from archiver.errors import (
    ArchiverError,
    ConflictError,
    IntegrityError,
    QuotaFullError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnavailableError,
)
from archiver.model import Receipt, Session
from archiver.oauth import Credentials, KeptTokens
from archiver.outcome import Archived, Outcome, outcome_of

__all__ = ["FEATURES", "DropboxDestination"]

FEATURES = Features(batch_items=300, batch_bytes=8 * 1024 * 1024, whole_bytes=4 * 1024 * 1024, resumable=True, name_rules="dropbox")

_BAD_PATH = "the item's path cannot be written as text, or does not begin at the root"

_METADATA = msgspec.json.Decoder(Metadata)
_SPACE = msgspec.json.Decoder(SpaceUsage)
_ACCOUNT = msgspec.json.Decoder(FullAccount)


class DropboxDestination:
    """One Dropbox account, from a folder in it downwards.

    Args:
        context: Pace, clock and the HTTP session.
        credentials: What the account was connected with.
        hosts: Where Dropbox is.
        root: What stands before each delivery's path: empty, or ``/Folder``.
        kept: The access tokens that the process has.
    """

    def __init__(self, context: Context, credentials: Credentials, hosts: Hosts, root: str = "", *, kept: KeptTokens | None = None) -> None:
        self.features = FEATURES
        self._clock = context.clock
        self._root = root
        self._api = Api(context, credentials, hosts, kept=kept)
        self._appends = Appends(self._api, SessionPool(self._api, context.clock))
        self._commits = Commits(self._api)
        self._kept = KeptSessions(context.clock)

    def __repr__(self) -> str:
        return f"DropboxDestination(root={self._root!r})"

    async def put_many(self, uploads: Sequence[Upload]) -> AsyncIterator[tuple[Upload, Outcome]]:
        """Puts whole files in a batch, then each stream. See `archiver.destinations.port`."""
        entries = [self._entry(upload, upload.data) for upload in uploads if upload.data is not None]
        if entries:
            await self._send(entries)
            there = [entry for entry in entries if entry.open]
            for entry in entries:
                if entry.error is not None:
                    yield entry.upload, outcome_of(entry.error)
            if there:
                await self._commit(there)
            for entry in there:
                yield entry.upload, self._verified(entry, entry.done) if entry.done is not None else await self._failed(entry)
        for upload in uploads:
            if upload.data is None:
                yield upload, await self._put_stream(upload)

    async def ping(self) -> Account:
        """Whose Dropbox it is and how full."""
        space: SpaceUsage = await self._look("users/get_space_usage", b"null", _SPACE)
        account: FullAccount = await self._look("users/get_current_account", b"null", _ACCOUNT)
        allocated, taken = space.allocation.allocated, max(space.allocation.used, space.used)
        if allocated and taken >= allocated:
            raise QuotaFullError("this Dropbox is full", hint="Free some space; the lane goes on by itself.")
        return Account(name=account.email, used_bytes=space.used, free_bytes=allocated - taken if allocated else None)

    async def remove(self, receipt: Receipt) -> bool:
        """Deletes a file if it is still the revision that was written. See `archiver.destinations.port.Removing`."""
        argument = {"path": receipt.path} | ({"parent_rev": receipt.revision} if receipt.revision else {})
        request = Request(route="files/delete_v2", kind=CallKind.COMMIT, body=lambda: msgspec.json.encode(argument))
        try:
            await self._api.call(request, lambda _: None)
        except NotThereError:
            return True
        except ConflictError:
            return False
        return True

    async def look(self, receipts: Sequence[Receipt]) -> Sequence[Found | None]:
        """One call a file: Dropbox tells size and hash with its metadata. See `archiver.destinations.port.Looking`."""
        return [await self._found(receipt.path) for receipt in receipts]

    async def _found(self, path: str) -> Found | None:
        try:
            there: Metadata = await self._look("files/get_metadata", msgspec.json.encode({"path": path}), _METADATA)
        except NotThereError:
            return None
        return Found(size=there.size, hash=f"dropbox:{there.content_hash}") if isinstance(there, FileMetadata) else None

    async def close(self) -> None:
        """There is nothing to let go of: the HTTP session is the process's, and unused sessions end by themselves."""

    # -- whole files ----------------------------------------------------------------------------------------------------------------

    def _entry(self, upload: Upload, data: bytes) -> Entry:
        return Entry(upload, self._root + upload.delivery.path, len(data), upload.sha256.hex(), content_hash(data, upload.sha256))

    async def _send(self, entries: list[Entry]) -> None:
        """Gives each entry the closed session that has its bytes, or the error that it met."""
        to_send = []
        for entry in entries:
            if not _sendable(entry.path):
                entry.error = RejectedError(_BAD_PATH)
            elif not self._kept.recall(entry):
                to_send.append(entry)
        if to_send:
            await self._appends.send(to_send)
        for entry in entries:
            if entry.open:
                entry.upload.let_go()

    # -- streams --------------------------------------------------------------------------------------------------------------------

    async def _put_stream(self, upload: Upload) -> Outcome:
        path = self._root + upload.delivery.path
        if not _sendable(path):
            return outcome_of(RejectedError(_BAD_PATH))
        transfer = Transfer(self._api, self._clock, upload)
        try:
            await transfer.run()
        except ArchiverError as error:
            return outcome_of(error, session=transfer.session)
        entry = Entry(upload, path, transfer.size, transfer.sha256, transfer.content_hash)
        entry.session_id = "" if transfer.session is None else transfer.session.id
        await self._commit([entry])
        if entry.done is not None:
            return self._verified(entry, entry.done)
        return await self._failed(entry, transfer.session)

    # -- ends -----------------------------------------------------------------------------------------------------------------------

    async def _commit(self, entries: list[Entry]) -> None:
        """Makes files visible; those whose names Dropbox refuses once more, under plain ones."""
        await self._commits.commit(entries)
        refused = [entry for entry in entries if isinstance(entry.error, BadNameError)]
        for entry in refused:
            entry.error = None
            entry.path = self._root + plain_path(entry.upload.delivery.path)
        if refused:
            await self._commits.commit(refused)

    async def _failed(self, entry: Entry, session: Session | None = None) -> Outcome:
        """How an entry ended that was not committed.

        Args:
            entry: What was to be committed.
            session: Of a stream, to go on with.
        """
        error = entry.error or TransientError("Dropbox did not say how the file ended")
        if isinstance(error, InTheWayError):
            try:
                return await self._compared(entry, error)
            except ArchiverError as failed:
                return outcome_of(failed)
        if isinstance(error, (NotThereError, ClosedError, OffsetError)):
            # Dropbox does not take the session: it is not gone on with. One that is older than this process may have been committed.
            before = await self._committed_before(entry) if entry.upload.delivery.session is not None else None
            return outcome_of(error) if before is None else before
        if session is None and isinstance(error, (ThrottledError, UnavailableError)):
            self._kept.keep(entry)
        return outcome_of(error, session=session)

    async def _compared(self, entry: Entry, conflict: InTheWayError) -> Outcome:
        """A file stands at the path: ours already, or another one, which is never overwritten."""
        found = await self._metadata(entry)
        if _is_ours(found, entry):
            return self._verified(entry, found, recovered=True)
        return outcome_of(ConflictError(conflict.message, hint=conflict.hint))

    async def _committed_before(self, entry: Entry) -> Outcome | None:
        """The file itself, if an earlier commit made it visible although its answer was lost; None if it did not."""
        try:
            found = await self._metadata(entry)
        except NotThereError:
            return None
        except ArchiverError as error:
            return outcome_of(error)
        return self._verified(entry, found, recovered=True) if _is_ours(found, entry) else None

    def _verified(self, entry: Entry, found: Success | FileMetadata, *, recovered: bool = False) -> Outcome:
        """A receipt, if Dropbox has the bytes that were sent."""
        if found.size != entry.size or found.content_hash != entry.content_hash:
            return outcome_of(IntegrityError("Dropbox confirmed another size or hash than was sent"))
        return Archived(
            Receipt(
                path=found.path_display or entry.path,
                remote_id=found.id,
                revision=found.rev,
                size=entry.size,
                sha256=entry.sha256,
                remote_hash=f"dropbox:{found.content_hash}",
                archived_at=int(self._clock.wall() * 1000),
                recovered=recovered,
            )
        )

    async def _metadata(self, entry: Entry) -> Metadata:
        found: Metadata = await self._look("files/get_metadata", msgspec.json.encode({"path": entry.path}), _METADATA)
        return found

    async def _look(self, route: str, argument: bytes, shape: msgspec.json.Decoder[Any]) -> Any:
        answer: Callable[[bytes], Any] = lambda body: decode(body, shape)  # noqa: E731  the call's type needs it named
        return await self._api.call(Request(route=route, kind=CallKind.LOOK, body=lambda: argument), answer)


def _is_ours(found: Metadata, entry: Entry) -> TypeGuard[FileMetadata]:
    """Whether what stands at the path has the bytes of the entry."""
    return isinstance(found, FileMetadata) and found.size == entry.size and found.content_hash == entry.content_hash


def _sendable(path: str) -> bool:
    """Whether a path can stand in the argument of a batch: one that cannot would spoil the call for all."""
    if not path.startswith("/"):
        return False
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
