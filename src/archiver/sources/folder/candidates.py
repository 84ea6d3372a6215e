"""Judges single files: an item, none, or not yet.

Waits for the disk, and remembers only the files that are not complete yet.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from archiver.model import Discovery, Kind
from archiver.sources.files.kinds import extension_of
from archiver.sources.folder.complete import is_closed
from archiver.sources.folder.settings import FolderSettings, Sidecars
from archiver.sources.folder.sidecar import SIDECAR_SUFFIX, MalformedSidecarError, Sidecar, describe, parse_sidecar

__all__ = ["Candidates", "Reason"]

_UNFINISHED = frozenset({".part", ".partial", ".filepart", ".crdownload", ".tmp"})
_FRESH_SECONDS = 3600.0
"""Only files younger than this are asked whether they are complete; longer than the clock of a file server is likely to be wrong."""
_SIDECAR_PATIENCE_SECONDS = 2.0
"""How long a sidecar that cannot be understood may still be being written."""
_SIDECAR_BYTES = 1024 * 1024
_NO_SIDECAR = Sidecar()


class Reason(StrEnum):
    """Why something in the folder is not an item."""

    HIDDEN = "hidden"
    """Its name, or that of a directory above it, begins with a dot."""
    LINK = "symbolic link"
    """Links are not followed: what they point to inside the folder is found anyway, and what is outside is nobody's business."""
    UNFINISHED = "unfinished"
    """Its extension says that it is still being written: ``.part``, ``.partial``, ``.filepart``, ``.crdownload``, ``.tmp``."""
    NOT_A_FILE = "not a file"
    """A socket, a pipe, a device."""
    UNKNOWN_KIND = "unknown kind"
    """Neither its sidecar nor its extension says what it is."""
    WITHOUT_SIDECAR = "without sidecar"
    """Sidecars are required, and it has none yet."""
    MALFORMED_SIDECAR = "malformed sidecar"
    """Sidecars are required, and its own cannot be understood."""
    VANISHED = "vanished"
    """It was deleted or renamed while it was looked at."""
    UNREADABLE_DIRECTORY = "unreadable directory"
    """A directory that cannot be listed; the walk is not complete."""


class _Waiting(NamedTuple):
    """A file that is not complete yet; times of the monotonic clock."""

    size: int
    mtime_ns: int
    noticed: float
    quiet_since: float


class Candidates:
    """Files on their way to being items."""

    def __init__(self, settings: FolderSettings) -> None:
        self._settings = settings
        self._prefix = settings.root.rstrip("/") + "/"
        self._waiting: dict[str, _Waiting] = {}

    def waiting(self) -> Sequence[str]:
        """Paths of the files that are not complete yet."""
        return list(self._waiting)

    def forget(self, path: str) -> None:
        """Says that a file is no longer there."""
        self._waiting.pop(path, None)

    def is_sidecar(self, path: str) -> bool:
        """Whether a path is that of a sidecar; ``.json`` files may be items themselves if the settings say so."""
        if not path.endswith(SIDECAR_SUFFIX):
            return False
        return SIDECAR_SUFFIX not in self._settings.kinds or extension_of(path.removesuffix(SIDECAR_SUFFIX)) in self._settings.kinds

    def judge(self, path: str, status: os.stat_result) -> Discovery | Reason | None:
        """Judges a file.

        Args:
            path: Below the root.
            status: Of the file itself, not of what it links to.

        Returns:
            Its discovery, why it is no item, or None: not yet, ask again.
        """
        extension = extension_of(path)
        if extension in _UNFINISHED:
            return Reason.UNFINISHED
        if not stat.S_ISREG(status.st_mode):
            return Reason.LINK if stat.S_ISLNK(status.st_mode) else Reason.NOT_A_FILE
        noticed = self._notice(path, status)
        try:
            verdict = self._verdict(path, self._settings.kinds.get(extension), status, noticed)
        except FileNotFoundError:
            verdict = Reason.VANISHED
        if verdict is None:
            self._waiting[path] = noticed
        else:
            self._waiting.pop(path, None)
        return verdict

    def _notice(self, path: str, status: os.stat_result) -> _Waiting:
        now = time.monotonic()
        before = self._waiting.get(path)
        if before is None:
            return _Waiting(status.st_size, status.st_mtime_ns, now, now)
        if (before.size, before.mtime_ns) != (status.st_size, status.st_mtime_ns):
            return _Waiting(status.st_size, status.st_mtime_ns, before.noticed, now)
        return before

    def _verdict(self, path: str, kind: Kind | None, status: os.stat_result, noticed: _Waiting) -> Discovery | Reason | None:
        age = time.time() - max(status.st_mtime, status.st_ctime)
        if age < _FRESH_SECONDS and not self._is_complete(path, status, age, noticed):
            return None
        sidecar = self._sidecar(path, age, noticed)
        if not isinstance(sidecar, Sidecar):
            return sidecar
        discovery = describe(path, size=status.st_size, mtime_ns=status.st_mtime_ns, kind=kind, sidecar=sidecar)
        return discovery or Reason.UNKNOWN_KIND

    def _is_complete(self, path: str, status: os.stat_result, age: float, noticed: _Waiting) -> bool:
        match is_closed(self._prefix + path):
            case True:
                # An empty file was perhaps only made, and is opened again to be written.
                return status.st_size > 0 or age >= self._settings.settle
            case False:
                return False
            case None:
                return time.monotonic() - noticed.quiet_since >= self._settings.settle

    def _sidecar(self, path: str, age: float, noticed: _Waiting) -> Sidecar | Reason | None:
        """What is known about a complete file: an empty sidecar if nothing; None if that may still come."""
        required = self._settings.sidecars is Sidecars.REQUIRED
        if self._settings.sidecars is Sidecars.IGNORED:
            return _NO_SIDECAR
        try:
            found = _read_small(self._prefix + path + SIDECAR_SUFFIX)
        except OSError:
            found = None
        if found is None:
            if required:
                # Need not be asked again: the sidecar's coming is noticed by the watch, and by the date of the directory.
                return Reason.WITHOUT_SIDECAR
            late = max(age, time.monotonic() - noticed.noticed) >= self._settings.settle
            return _NO_SIDECAR if late else None
        data, written = found
        try:
            return parse_sidecar(data)
        except MalformedSidecarError as error:
            if abs(time.time() - written) < _SIDECAR_PATIENCE_SECONDS:
                return None
            return Reason.MALFORMED_SIDECAR if required else Sidecar(metadata={"sidecar_error": str(error)})


def _read_small(path: str) -> tuple[bytes, float] | None:
    """The bytes of a sidecar, and when it was written, in seconds since the epoch; None if there is none."""
    # Many files have none, and to ask costs half of what the error does.
    if not os.access(path, os.F_OK):
        return None
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        status = os.fstat(descriptor)
        # A sidecar beyond all measure is cut, and so malformed.
        return os.read(descriptor, min(status.st_size, _SIDECAR_BYTES)), status.st_mtime
    finally:
        os.close(descriptor)
