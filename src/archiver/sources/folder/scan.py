"""Walks a folder and remembers: every complete file is found once, and a later walk costs directories, not files.

Everything here waits for the disk and knows nothing of the event loop; `archiver.sources.folder.source` decides where it runs.
"""

from __future__ import annotations

import os
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from archiver.errors import UnavailableError
from archiver.model import Discovery
from archiver.sources.files.seen import Seen, fingerprint
from archiver.sources.folder.candidates import Candidates, Reason
from archiver.sources.folder.settings import FolderSettings
from archiver.sources.folder.sidecar import SIDECAR_SUFFIX

__all__ = ["Scanner", "Steps", "take"]

Steps = Iterator[Discovery | None]
"""A walk, step by step: a discovery, or None for something that was looked at and is not to be told."""

_COARSE_SECONDS = 2.0
"""The coarsest dates of a file system (FAT); a directory that changed so recently is listed again."""
_UNSETTLED = -1
_HERE = ""
"""The root, as a path below itself."""


class Scanner:
    """One watch's view of a folder. Every walk can be stopped after any step, and gone on with later.

    Args:
        settings: The folder's.
        cover: Told of each directory, below the root, just before it is listed: so a watch misses nothing that comes after.

    Attributes:
        truncated: The last walk could not list every directory.
    """

    def __init__(self, settings: FolderSettings, cover: Callable[[str], None] | None = None) -> None:
        self.truncated = False
        self._cover = cover
        self._prefix = settings.root.rstrip("/") + "/"
        self._candidates = Candidates(settings)
        self._seen = Seen()
        self._next_seen: Seen | None = None
        self._directories: dict[str, int] = {}
        self._left_out: Counter[Reason] = Counter()
        self._counting = False

    @property
    def ignored(self) -> Mapping[Reason, int]:
        """Why files were left out since the last thorough walk began, and how many."""
        return dict(self._left_out)

    @property
    def waiting(self) -> bool:
        """Whether there are files that `recheck` may find complete."""
        return bool(self._candidates.waiting())

    # -- walks --------------------------------------------------------------------------------------------------------------------------

    def everything(self) -> Steps:
        """Walks the whole folder, whatever its dates say.

        Raises:
            UnavailableError: The folder itself is not there.
        """
        self._left_out = Counter()
        self._counting = True
        # The first walk fills the memory that it looks into.
        self._next_seen = Seen() if len(self._seen) else self._seen
        self._directories = {}
        self.truncated = False
        yield from self._walk([_HERE])
        # What was deleted is forgotten with the old memory.
        self._seen, self._next_seen = self._next_seen, None

    def changes(self) -> Steps:
        """Looks only into directories whose date has changed since they were listed.

        Raises:
            UnavailableError: The folder itself is not there.
        """
        self.truncated = False
        # Directories that are listed again would count the same files again.
        self._counting = False
        for directory in list(self._directories):
            try:
                changed = os.lstat(self._prefix + directory).st_mtime_ns != self._directories.get(directory)
            except OSError:
                changed = True
            if changed:
                yield from self._walk([directory])
            yield None

    def look(self, paths: Iterable[str]) -> Steps:
        """Looks at single paths, absolute ones, of which a watch said that something happened."""
        self._counting = False
        for absolute in paths:
            path = absolute.removeprefix(self._prefix)
            if path == absolute or path.startswith(".") or "/." in path:
                continue
            if self._candidates.is_sidecar(path):
                path = path.removesuffix(SIDECAR_SUFFIX)
            yield from self._look_at(path)

    def recheck(self) -> Steps:
        """Looks again at the files that were not complete."""
        self._counting = True
        for path in self._candidates.waiting():
            yield from self._look_at(path)

    def _look_at(self, path: str) -> Steps:
        try:
            status = os.lstat(self._prefix + path)
        except OSError:
            self._candidates.forget(path)
            return
        if stat.S_ISDIR(status.st_mode):
            yield from self._walk([path])
        elif (known := fingerprint(path)) not in self._seen:
            yield self._file(path, known, status)

    def _walk(self, directories: list[str]) -> Steps:
        while directories:
            directory = directories.pop()
            found: list[str] = []
            try:
                yield from self._list(directory, found)
            except OSError as error:
                self._lose(directory, error)
            # One that is known is listed when its own date says so.
            directories.extend(name for name in found if name not in self._directories)

    def _lose(self, directory: str, error: OSError) -> None:
        self._directories.pop(directory, None)
        if directory == _HERE:
            raise UnavailableError(f"the folder cannot be listed: {os.strerror(error.errno or 0)}", hint="Is the share mounted?") from None
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            self._leave_out(Reason.UNREADABLE_DIRECTORY)
            self.truncated = True

    def _list(self, directory: str, found: list[str]) -> Steps:
        prefix = f"{directory}/" if directory else ""
        if self._cover is not None:
            self._cover(directory)
        changed = os.lstat(self._prefix + directory).st_mtime_ns
        settled = time.time() - changed / 1e9 > _COARSE_SECONDS
        with os.scandir(self._prefix + directory) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    self._leave_out(Reason.HIDDEN)
                elif entry.is_dir(follow_symlinks=False):
                    found.append(prefix + entry.name)
                else:
                    yield self._entry(prefix + entry.name, entry)
                    continue
                yield None
        self._directories[directory] = changed if settled else _UNSETTLED

    # -- files --------------------------------------------------------------------------------------------------------------------------

    def _entry(self, path: str, entry: os.DirEntry[str]) -> Discovery | None:
        known = fingerprint(path)
        if known in self._seen:
            if self._next_seen is not None:
                self._next_seen.add(known)
            return None
        if self._candidates.is_sidecar(path):
            return None
        try:
            return self._file(path, known, entry.stat(follow_symlinks=False))
        except FileNotFoundError:
            return None

    def _file(self, path: str, known: int, status: os.stat_result) -> Discovery | None:
        verdict = self._candidates.judge(path, status)
        if verdict is None:
            return None
        if isinstance(verdict, Reason):
            self._leave_out(verdict)
            return None
        self._seen.add(known)
        if self._next_seen is not None and self._next_seen is not self._seen:
            self._next_seen.add(known)
        return verdict

    def _leave_out(self, reason: Reason) -> None:
        if self._counting:
            self._left_out[reason] += 1


def take(steps: Steps, limit: int, seconds: float) -> tuple[list[Discovery], bool]:
    """Goes on with a walk until it has found ``limit`` items or so many seconds are over. Also says whether the walk has ended."""
    found: list[Discovery] = []
    until = time.perf_counter() + seconds
    for discovery in steps:
        if discovery is not None:
            found.append(discovery)
            if len(found) >= limit:
                return found, False
        if time.perf_counter() >= until:
            return found, False
    return found, True
