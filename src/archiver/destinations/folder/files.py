"""What happens on the disk: a part is written and made durable, then linked to its name. Blocking; runs in threads.

A part is a file in ``.archiver-parts`` under the root. A link never replaces what has the name already, so there is no moment in which
another's file could be overwritten or half of ours be seen. Parts that a killed process left behind are swept a day later.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import threading
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

from archiver.destinations.folder.errors import NO_LINKS
from archiver.errors import ConflictError, IntegrityError, MisconfiguredError, RejectedError

__all__ = ["PARTS", "Part", "Tree"]

PARTS = ".archiver-parts"
_ORPHAN_SECONDS = 24 * 3600  # nobody writes one file for a day without touching it
_KNOWN_FOLDERS = 4096


class Part:
    """A file that is being written and has no name yet. Its methods run in threads, one at a time.

    Args:
        path: Where the part is.
        fsync: Wait until the disk has it.
    """

    def __init__(self, path: Path, *, fsync: bool) -> None:
        self.path = path
        self.size = 0
        self._fsync = fsync
        self._hash = hashlib.sha256()
        self._file = -1  # opened by the first thread that works on it, so that a cancelled caller leaks none
        self._lock = threading.Lock()
        self._abandoned = False

    @property
    def sha256(self) -> str:
        """Of what was written by `write`."""
        return self._hash.hexdigest()

    def write(self, pieces: list[bytes]) -> None:
        """Appends and hashes pieces."""
        with self._lock:
            for piece in pieces:
                self._hash.update(piece)
                self._append(piece)
        self._clean_up_if_abandoned()

    def write_whole(self, data: bytes) -> None:
        """Writes everything at once; the caller knows the hash."""
        self._append(data)

    def finish(self, modified_at: int) -> None:
        """Makes it durable and closes it.

        Args:
            modified_at: The modification time it gets, in milliseconds since the epoch.

        Raises:
            IntegrityError: The file has not the size that was written.
        """
        with self._lock:
            self._open()
            os.utime(self._file, ns=(modified_at * 1_000_000, modified_at * 1_000_000))
            if self._fsync:
                os.fsync(self._file)
            found = os.fstat(self._file).st_size
            self._close()
        self._clean_up_if_abandoned()
        if found != self.size:
            raise IntegrityError(f"the disk has {found} bytes where {self.size} were written")

    def abandon(self) -> None:
        """Removes it. If a thread is still writing (its caller was cancelled), that thread removes it when it has done."""
        self._abandoned = True
        if self._lock.acquire(blocking=False):
            try:
                self._remove()
            finally:
                self._lock.release()

    def _open(self) -> None:
        if self._file < 0:
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)

    def _append(self, data: bytes) -> None:
        self._open()
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
        self.size += len(data)

    def _clean_up_if_abandoned(self) -> None:
        if self._abandoned:
            with self._lock:
                self._remove()

    def _remove(self) -> None:
        self._close()
        self.path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class Tree:
    """A folder and everything under it.

    Args:
        root: The folder.
        fsync: Wait until the disk has each file and each name.
        require_mount: Refuse to write unless something is mounted at the root.
    """

    def __init__(self, root: Path, *, fsync: bool, require_mount: bool) -> None:
        self.root = root
        self._fsync = fsync
        self._require_mount = require_mount
        self._token = secrets.token_hex(4)
        self._numbers = count()
        self._folders: dict[str, Path] = {}
        self._first = threading.Lock()
        self._seen = False

    def check(self) -> None:
        """Finds the root without making anything.

        Raises:
            MisconfiguredError: It is not there, or not what it must be.
        """
        if self._require_mount and not os.path.ismount(self.root):
            raise MisconfiguredError(f"nothing is mounted at {self.root}", hint="Mount it; the lane goes on by itself.")
        if self.root.is_dir():
            return
        if self._seen or not self.root.parent.is_dir():
            raise MisconfiguredError(f"the folder {self.root} is not there", hint="Make it, or mount the disk that it is on.")

    def ready(self) -> None:
        """Makes the root (only the root, and never a second time) and the place of parts; sweeps old parts once."""
        with self._first:
            self.check()
            if self._seen:
                return
            self.root.mkdir(exist_ok=True)
            parts = self.root / PARTS
            parts.mkdir(exist_ok=True)
            _sweep(parts)
            self._seen = True

    def part(self) -> Part:
        """Begins a part."""
        return Part(self.root / PARTS / f"{self._token}-{next(self._numbers)}.part", fsync=self._fsync)

    def publish(self, part: Part, path: str, sha256: str) -> bool:
        """Gives a finished part its name, and takes away its old one.

        Args:
            part: What was written.
            path: The delivery's path.
            sha256: Of what was written.

        Returns:
            Whether the same bytes were there already.

        Raises:
            ConflictError: Something else has the name.
            RejectedError: The path would lead out of the root.
            OSError: Anything else.
        """
        try:
            folder, name = self._folder(path)
            try:
                recovered = self._link(part, folder / name, sha256)
            except FileNotFoundError:  # somebody removed the folder since we made it
                self._folders.clear()
                folder, name = self._folder(path)
                recovered = self._link(part, folder / name, sha256)
        finally:
            part.abandon()
        return recovered

    def look(self, path: str) -> tuple[int, str] | None:
        """Size and sha256 of the file at a path; None if there is no file of ours to be.

        Raises:
            OSError: It cannot be read.
        """
        parent, _, name = path.rpartition("/")
        try:
            folder = self.root.joinpath(*_parts(parent))
            _check_part(name)
            there = (folder / name).lstat()
        except (RejectedError, FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(there.st_mode) or not folder.resolve().is_relative_to(self.root.resolve()):
            return None
        with (folder / name).open("rb") as file:
            return there.st_size, hashlib.file_digest(file, "sha256").hexdigest()

    def remove(self, path: str, size: int, sha256: str) -> bool:
        """Takes a file away that has these bytes still; its folder stays.

        Returns:
            False if something else stands at the path.

        Raises:
            RejectedError: The path would lead out of the root.
            OSError: Anything else.
        """
        parent, _, name = path.rpartition("/")
        folder = self.root.joinpath(*_parts(parent))
        _check_part(name)
        if not folder.resolve().is_relative_to(self.root.resolve()):
            return False
        try:
            _same(folder / name, size, sha256)
            (folder / name).unlink()
        except FileNotFoundError:
            return True
        except ConflictError:
            return False
        if self._fsync:
            _sync_folder(folder)
        return True

    def sync_folders(self, paths: list[str]) -> None:
        """Waits until the disk has the new names of a batch."""
        if self._fsync:
            for parent in {path.rpartition("/")[0] for path in paths}:
                folder = self._folders.get(parent)
                if folder is not None:
                    _sync_folder(folder)

    def _folder(self, path: str) -> tuple[Path, str]:
        """The folder of a path, made if it is not there, and the file's name in it."""
        parent, slash, name = path.rpartition("/")
        if not slash:
            raise RejectedError("the item's path does not begin at the root")
        folder = self._folders.get(parent)
        if folder is None:
            folder = self.root
            for part in _parts(parent):
                folder /= part
                try:
                    folder.mkdir()
                except FileExistsError:
                    continue
                if self._fsync:
                    _sync_folder(folder.parent)
            if not folder.resolve().is_relative_to(self.root.resolve()):
                raise RejectedError("the item's path leads out of the folder through a symbolic link")
            if len(self._folders) >= _KNOWN_FOLDERS:
                self._folders.clear()
            self._folders[parent] = folder
        _check_part(name)
        return folder, name

    def _link(self, part: Part, target: Path, sha256: str) -> bool:
        try:
            os.link(part.path, target)
        except FileExistsError:
            return _same(target, part.size, sha256)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            # Without hard links the look and the rename are two steps; only a foreign writer of the same name could come between.
            if os.path.lexists(target):
                return _same(target, part.size, sha256)
            part.path.rename(target)
        if target.stat().st_size != part.size:
            raise IntegrityError("the file has another size than was written")
        return False


def _sweep(parts: Path) -> None:
    """Removes the parts that no process can still be writing."""
    for part in parts.glob("*.part"):
        with suppress(FileNotFoundError):  # it has just got its name, or another process sweeps too
            if part.stat().st_mtime < time.time() - _ORPHAN_SECONDS:
                part.unlink()


def _same(target: Path, size: int, sha256: str) -> bool:
    """True if the bytes at the target are ours; raises `ConflictError` if not."""
    found = target.lstat()
    if stat.S_ISREG(found.st_mode) and found.st_size == size:
        with target.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == sha256:
                return True
    raise ConflictError("something else stands at the item's path")


def _parts(parent: str) -> list[str]:
    if not parent:
        return []
    if not parent.startswith("/"):
        raise RejectedError("the item's path does not begin at the root")
    parts = parent[1:].split("/")
    for part in parts:
        _check_part(part)
    return parts


def _check_part(part: str) -> None:
    if part in {"", ".", "..", PARTS} or "\0" in part or "\\" in part:
        raise RejectedError("the item's path has a part that could lead out of the folder")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
