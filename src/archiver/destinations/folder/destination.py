"""The folder destination itself, and its adapter."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from archiver.adapter import Option
from archiver.destinations.folder.errors import translate
from archiver.destinations.folder.files import Part, Tree
from archiver.destinations.port import Account, CallKind, Context, Features, Found, Upload
from archiver.errors import ArchiverError, Scope, SourceChangedError, TransientError
from archiver.model import Receipt
from archiver.outcome import Archived, Outcome, outcome_of

__all__ = ["ADAPTER", "FolderAdapter", "FolderDestination"]

FEATURES = Features(batch_items=100, name_rules="portable", local=True)

_WRITE_BYTES = 4 * 1024 * 1024  # of a stream per thread hop


class FolderDestination:
    """Writes files into a folder: durable, never half, never over another's.

    Args:
        root: The folder.
        context: Pace and clock.
        fsync: Wait until the disk has each file and its name.
        require_mount: Refuse to write unless something is mounted at the root.
    """

    def __init__(self, root: Path, context: Context, *, fsync: bool = True, require_mount: bool = False) -> None:
        self.features = FEATURES
        self._tree = Tree(root, fsync=fsync, require_mount=require_mount)
        self._context = context

    def __repr__(self) -> str:
        return f"FolderDestination({str(self._tree.root)!r})"

    async def put_many(self, uploads: Sequence[Upload]) -> AsyncIterator[tuple[Upload, Outcome]]:
        """Writes the whole items in one thread hop, then each stream. See `archiver.destinations.port`."""
        whole = [upload for upload in uploads if upload.data is not None]
        if whole:
            async with self._context.pace.call(CallKind.TRANSFER, len(whole)):
                outcomes = await asyncio.to_thread(self._put_batch, whole)
            for pair in zip(whole, outcomes, strict=True):
                yield pair
        for upload in uploads:
            if upload.data is None:
                async with self._context.pace.call(CallKind.TRANSFER):
                    outcome = await self._put_stream(upload)
                yield upload, outcome

    async def ping(self) -> Account:
        """Looks whether the folder can be written, and how much room there is."""
        return await asyncio.to_thread(self._look)

    async def remove(self, receipt: Receipt) -> bool:
        """Deletes a file that has the receipt's bytes still. See `archiver.destinations.port.Removing`."""
        return await asyncio.to_thread(self._remove, receipt)

    async def look(self, receipts: Sequence[Receipt]) -> Sequence[Found | None]:
        """Reads the files, which is what this machine's disk can say of them. See `archiver.destinations.port.Looking`."""
        return await asyncio.to_thread(lambda: [self._found(receipt.path) for receipt in receipts])

    def _found(self, path: str) -> Found | None:
        try:
            self._tree.check()
            found = self._tree.look(path)
        except OSError as error:
            raise translate(error) from error
        return None if found is None else Found(size=found[0], hash=f"sha256:{found[1]}")

    async def close(self) -> None:
        """There is nothing to let go of."""

    # -- in a thread ----------------------------------------------------------------------------------------------------------------

    def _look(self) -> Account:
        tree = self._tree
        try:
            tree.check()
            there = tree.root if tree.root.is_dir() else tree.root.parent
            if not os.access(there, os.W_OK | os.X_OK):
                raise PermissionError(13, "not writable")
            room = os.statvfs(there)
        except OSError as error:
            raise translate(error) from error
        return Account(name=str(tree.root), free_bytes=room.f_bavail * room.f_frsize)

    def _remove(self, receipt: Receipt) -> bool:
        try:
            self._tree.check()
            return self._tree.remove(receipt.path, receipt.size, receipt.sha256)
        except OSError as error:
            raise translate(error) from error

    def _put_batch(self, uploads: list[Upload]) -> list[Outcome]:
        """One outcome per upload. What concerns the whole folder ends the batch: the rest gets the same outcome."""
        written: list[Part | Outcome] = []
        try:
            self._tree.ready()
            for upload in uploads:
                written.append(self._write(upload))  # noqa: PERF401  what was written before an error counts
        except (ArchiverError, OSError) as error:
            written += [_outcome(error)] * (len(uploads) - len(written))
        outcomes = [
            self._publish(upload, part, upload.sha256.hex()) if isinstance(part, Part) else part
            for upload, part in zip(uploads, written, strict=True)
        ]
        try:
            self._tree.sync_folders(
                [upload.delivery.path for upload, end in zip(uploads, outcomes, strict=True) if isinstance(end, Archived)]
            )
        except OSError as error:
            return [_outcome(error) if isinstance(end, Archived) else end for end in outcomes]
        return outcomes

    def _write(self, upload: Upload) -> Part | Outcome:
        """A durable part of one whole item, or how it failed. What concerns the whole folder is raised."""
        part = self._tree.part()
        try:
            part.write_whole(upload.data or b"")
            part.finish(upload.delivery.item.occurred_at)
        except (ArchiverError, OSError) as error:
            part.abandon()
            known = error if isinstance(error, ArchiverError) else translate(error)
            if known.scope is not Scope.ITEM:
                raise known from error
            return outcome_of(known)
        return part

    def _publish(self, upload: Upload, part: Part, sha256: str) -> Outcome:
        try:
            recovered = self._tree.publish(part, upload.delivery.path, sha256)
        except (ArchiverError, OSError) as error:
            return _outcome(error)
        return Archived(
            receipt=Receipt(
                path=upload.delivery.path,
                size=part.size,
                sha256=sha256,
                archived_at=int(self._context.clock.wall() * 1000),
                recovered=recovered,
            )
        )

    # -- streams --------------------------------------------------------------------------------------------------------------------

    async def _put_stream(self, upload: Upload) -> Outcome:
        try:
            part = await asyncio.to_thread(self._begin)
        except (ArchiverError, OSError) as error:
            return _outcome(error)
        try:
            await self._write_stream(upload, part)
            return await asyncio.to_thread(self._publish_stream, upload, part)
        except (ArchiverError, OSError) as error:
            return _outcome(error)
        finally:
            part.abandon()

    def _begin(self) -> Part:
        self._tree.ready()
        return self._tree.part()

    async def _write_stream(self, upload: Upload, part: Part) -> None:
        if upload.stream is None:
            raise TransientError("an upload had neither bytes nor a stream")
        pieces: list[bytes] = []
        held = 0
        async for piece in upload.stream(0):
            pieces.append(piece)
            held += len(piece)
            if held >= _WRITE_BYTES:
                await asyncio.to_thread(part.write, pieces)
                pieces, held = [], 0
        await asyncio.to_thread(part.write, pieces)
        item = upload.delivery.item
        if item.sha256 is not None and item.sha256 != part.sha256:
            raise SourceChangedError("the source gave bytes of another hash than it declared")
        await asyncio.to_thread(part.finish, item.occurred_at)

    def _publish_stream(self, upload: Upload, part: Part) -> Outcome:
        outcome = self._publish(upload, part, part.sha256)
        self._tree.sync_folders([upload.delivery.path])
        return outcome


def _outcome(error: ArchiverError | OSError) -> Outcome:
    return outcome_of(error if isinstance(error, ArchiverError) else translate(error))


class FolderAdapter:
    """Registers the destination ``folder``."""

    name = "folder"
    summary = "A folder of this machine, or a disk or share that is mounted on it."
    features = FEATURES
    options = (
        Option(name="path", help="The folder; it is made if only itself is missing.", type="path", main=True, site=True),
        Option(name="fsync", help="Wait until the disk has each file: slower, and survives a power cut.", type="boolean", default=True),
        Option(name="require_mount", help="Refuse to write while nothing is mounted at the folder.", type="boolean", default=False),
    )

    def open(self, options: dict[str, Any], context: Context) -> FolderDestination:
        """Makes the destination; looks at nothing yet."""
        root = Path(options["path"]).expanduser().absolute()
        return FolderDestination(root, context, fsync=options["fsync"], require_mount=options["require_mount"])


ADAPTER = FolderAdapter()
