"""What happens on the server: a part is written whole, then renamed to its name; never over what has the name already.

Parts are in ``.archiver-parts`` under the root. Each has the moment at which it was begun in its name, so that those which nobody will go
on with can be told without believing the server's clock.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import stat
from collections.abc import Sequence
from contextlib import suppress

import asyncssh

from archiver.destinations.sftp.connections import CALL_SECONDS, Link
from archiver.destinations.sftp.errors import SSH_ERRORS
from archiver.errors import ConflictError, IntegrityError, MisconfiguredError, QuotaFullError, RejectedError, TransientError
from archiver.failpoints import failpoint

__all__ = ["KEPT_SECONDS", "PARTS", "Files", "Part", "digest", "look"]

PARTS = ".archiver-parts"
KEPT_SECONDS = 7 * 24 * 3600
"""So long a part may be gone on with."""

_PART = re.compile(r"([0-9a-f]{8,12})-[0-9a-f]{16}\.part")
_PARTING_SECONDS = 15.0
_READ_BYTES = 4 * 1024 * 1024
_LITTLE_ROOM = 1024 * 1024
_KNOWN_FOLDERS = 4096
_MOVE_AWAY = "Move it away, then retry."


class Part:
    """A file that has no name yet.

    Args:
        link: Over which it is written.
        path: Where it is.
        file: Opened for writing.
        sync: Wait until the server's disk has it.
    """

    def __init__(self, link: Link, path: str, file: asyncssh.SFTPClientFile, *, sync: bool) -> None:
        self.path = path
        self.size = 0
        self._link = link
        self._file = file
        self._sync = sync

    async def write(self, pieces: Sequence[bytes]) -> None:
        """Appends pieces; many of the server's writes are on their way at a time."""
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if data:
            await self._file.write(data, self.size)
            self.size += len(data)

    async def sync(self) -> None:
        """Waits until the server's disk has what was written, if the server can say so."""
        if not self._sync or not self._link.syncs:
            return
        try:
            await self._file.fsync()
        except asyncssh.SFTPOpUnsupported:
            self._link.syncs = False

    async def finish(self, modified_at: int) -> None:
        """Gives it its time, makes it durable, and checks what the server has.

        Args:
            modified_at: In milliseconds since the epoch.

        Raises:
            IntegrityError: The server has another size than was written.
        """
        seconds = max(0, modified_at // 1000)
        await self._file.setstat(asyncssh.SFTPAttrs(atime=seconds, mtime=seconds))
        await self.sync()
        found = (await self._file.stat()).size
        await self.close()
        if found != self.size:
            raise IntegrityError(f"the SFTP server has {found} bytes where {self.size} were written")

    async def close(self) -> None:
        """Lets go of it, also when it broke."""
        with suppress(*SSH_ERRORS):
            async with asyncio.timeout(_PARTING_SECONDS):
                await self._file.close()


class Files:
    """A folder of the server and everything under it.

    Args:
        root: Where it is: absolute, or from where the account begins.
        sync: Wait until the server's disk has each file.
    """

    def __init__(self, root: str, *, sync: bool) -> None:
        self.root = root
        self._sync = sync
        self._one = asyncio.Lock()
        self._first = asyncio.Lock()
        self._seen = False
        self._folders: set[str] = set()

    def where(self, path: str) -> str:
        """Where on the server a delivery's path is.

        Raises:
            RejectedError: It cannot be written as text, or would lead out of the root.
        """
        first, *parts = path.split("/")
        if first or not parts or any(part in {"", ".", "..", PARTS} or "\0" in part for part in parts):
            raise RejectedError("the item's path has a part that could lead out of the folder")
        try:
            path.encode()
        except UnicodeEncodeError:
            raise RejectedError("the item's path cannot be written as text") from None
        return f"{self.root.rstrip('/')}{path}"

    async def ready(self, link: Link, now: float) -> None:
        """Finds the root, which is never made, and the place of parts, which is; takes old parts away once."""
        async with self._first:
            if self._seen:
                return
            await self.check(link)
            place = self._place
            await self._make_one(link, place)
            for name in await link.sftp.listdir(place):
                begun = _PART.fullmatch(name)
                if begun and int(begun[1], 16) < now - KEPT_SECONDS:
                    await self.remove(link, f"{place}/{name}")
            self._seen = True

    async def check(self, link: Link) -> None:
        """Finds the root.

        Raises:
            MisconfiguredError: It is not there, or no folder.
        """
        attrs = await look(link, self.root, follow=True)
        if attrs is None or not _is_folder(attrs):
            raise MisconfiguredError(f"the folder {self.root} is not there", hint="Make it on the server, or change the option path.")

    async def begin(self, link: Link, now: float) -> Part:
        """A new part."""
        await self.ready(link, now)
        path = f"{self._place}/{int(now):08x}-{secrets.token_hex(8)}.part"
        flags = asyncssh.FXF_WRITE | asyncssh.FXF_CREAT | asyncssh.FXF_EXCL
        try:
            file = await link.sftp.open(path, flags, encoding=None)
        except asyncssh.SFTPNoSuchFile:  # somebody removed the place of parts
            self._seen = False
            raise TransientError("the SFTP server has no place for parts any more") from None
        except asyncssh.SFTPFailure:
            await self._check_room(link, 0)
            raise
        return Part(link, path, file, sync=self._sync)

    async def resume(self, link: Link, name: str, offset: int) -> Part | None:
        """A part that was begun earlier, cut to what is known to be there; None if there is not so much of it."""
        if not _PART.fullmatch(name):
            return None
        path = f"{self._place}/{name}"
        try:
            file = await link.sftp.open(path, asyncssh.FXF_WRITE, encoding=None)
        except asyncssh.SFTPNoSuchFile:
            return None
        part = Part(link, path, file, sync=self._sync)
        attrs = await file.stat()
        if attrs.size is None or attrs.size < offset:
            await part.close()
            return None
        if attrs.size > offset:  # several writes were on their way: behind the offset there may be holes
            await file.setstat(asyncssh.SFTPAttrs(size=offset))
        part.size = offset
        return part

    async def write(self, link: Link, part: Part, pieces: Sequence[bytes]) -> None:
        """Appends to a part, and asks for the room if that fails: version 3 of the protocol has no word for a full disk."""
        try:
            await part.write(pieces)
        except asyncssh.SFTPFailure:
            await self._check_room(link, sum(map(len, pieces)))
            raise

    async def publish(self, link: Link, part: Part, target: str) -> bool:
        """Renames a finished part to its name.

        Returns:
            False if something has the name already; the part is there still.

        Raises:
            ConflictError: A file stands where a folder must be.
        """
        failpoint("finish.before")
        if not link.keeps and await look(link, target) is not None:
            return False
        for attempt in range(3):
            try:
                await link.sftp.rename(part.path, target)
            except asyncssh.SFTPNoSuchFile:
                if attempt:  # it was removed since we made it
                    self._folders.clear()
                await self._make(link, target.rpartition("/")[0])
            except (asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists, asyncssh.SFTPFileIsADirectory):
                if await look(link, target) is None:
                    await self._check_room(link, 0)
                    raise
                return False
            else:
                failpoint("finish.done")
                return True
        raise TransientError("the SFTP server does not find the part, or its folder")

    async def same(self, link: Link, target: str, size: int, sha256: str) -> bool:
        """Whether the file at a path has these bytes; they are read.

        Raises:
            SFTPNoSuchFile: There is nothing.
        """
        attrs = await link.sftp.lstat(target)
        if attrs.size != size or not _is_file(attrs):
            return False
        return await digest(link, target) == sha256

    async def size(self, link: Link, target: str) -> int | None:
        """Of the file at a path; None if there is no file."""
        attrs = await look(link, target)
        return attrs.size if attrs is not None and _is_file(attrs) else None

    async def room(self, link: Link) -> int | None:
        """Bytes that are free; None if the server does not tell."""
        try:
            found = await link.sftp.statvfs(self.root)
        except asyncssh.SFTPError:
            return None
        return found.bavail * found.frsize

    async def remove(self, link: Link, path: str) -> None:
        """Takes a file away; harmless if there is none."""
        with suppress(asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            await link.sftp.remove(path)

    async def discard(self, link: Link, part: Part) -> None:
        """Takes a part away that nobody will go on with, if it can be had; else it is swept a week later."""
        await part.close()
        with suppress(*SSH_ERRORS):
            async with asyncio.timeout(_PARTING_SECONDS):
                await self.remove(link, part.path)

    @property
    def _place(self) -> str:
        return f"{self.root.rstrip('/')}/{PARTS}"

    async def _make(self, link: Link, folder: str) -> None:
        """Makes a folder and those above it, once however many wait for it."""
        async with self._one:
            if folder in self._folders:
                return
            missing, above = [], folder
            while above not in {"", self.root, self.root.rstrip("/")} and above not in self._folders:
                missing.append(above)
                above = above.rpartition("/")[0]
            for path in reversed(missing):
                await self._make_one(link, path)
            if len(self._folders) > _KNOWN_FOLDERS:
                self._folders.clear()
            self._folders.update(missing)

    async def _make_one(self, link: Link, path: str) -> None:
        try:
            await link.sftp.mkdir(path)
        except (asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists, asyncssh.SFTPPermissionDenied):
            # Some say "permission denied" of a folder above which they show nothing, although it is there.
            attrs = await look(link, path, follow=True)
            if attrs is None:
                raise
            if not _is_folder(attrs):
                raise ConflictError("a file stands where a folder must be", hint=_MOVE_AWAY) from None

    async def _check_room(self, link: Link, size: int) -> None:
        """Says that the disk is full if it is."""
        room = await self.room(link)
        if room is not None and room < size + _LITTLE_ROOM:
            raise QuotaFullError("the SFTP server's disk is full", hint="Free some space; the lane goes on by itself.")


async def look(link: Link, path: str, *, follow: bool = False) -> asyncssh.SFTPAttrs | None:
    """What stands at a path; None if nothing does."""
    try:
        return await (link.sftp.stat(path) if follow else link.sftp.lstat(path))
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPNotADirectory):
        return None


async def digest(link: Link, path: str) -> str:
    """The SHA-256 of a file's bytes, hex, which are read for it."""
    found, offset = hashlib.sha256(), 0
    async with await link.sftp.open(path, asyncssh.FXF_READ, encoding=None) as file:
        data = b"\0"
        while data:
            async with asyncio.timeout(CALL_SECONDS):
                data = await file.read(_READ_BYTES, offset)
            found.update(data)
            offset += len(data)
    return found.hexdigest()


def _is_folder(attrs: asyncssh.SFTPAttrs) -> bool:
    return attrs.permissions is not None and stat.S_ISDIR(attrs.permissions)


def _is_file(attrs: asyncssh.SFTPAttrs) -> bool:
    return attrs.permissions is None or stat.S_ISREG(attrs.permissions)
