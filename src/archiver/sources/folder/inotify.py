"""Hears of changes in a folder from Linux itself, and only of changes that can make an item.

Notifiers for every system ask inotify for all it knows, also for each opening of a file. Archiver opens every file twice, and events that
say nothing cost 20 µs each time: docs/design/decisions/files-are-watched-for-endings.md.

Facts: inotify(7), inotify_add_watch(2).
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import struct
from typing import Final

__all__ = ["Inotify"]

_STEP_SECONDS = 0.05
"""How long events gather before they are told."""
_READ_BYTES = 64 * 1024
_MOST_PATHS = 10_000
"""More is not kept: a rescan finds them."""

_ATTRIB: Final = 0x4
"""A file or directory that may be read at last."""
_CLOSE_WRITE: Final = 0x8
_MOVED_TO: Final = 0x80
_CREATE: Final = 0x100
"""Directories and hard links, which nobody closes."""
_OVERFLOW: Final = 0x4000
_IGNORED: Final = 0x8000
_ONLY_DIRECTORIES: Final = 0x0100_0000
_WANTED: Final = _ATTRIB | _CLOSE_WRITE | _MOVED_TO | _CREATE | _ONLY_DIRECTORIES

_HEAD = struct.Struct("iIII")
"""Number of the directory, what happened, a cookie, the length of the name that follows."""
_LISTING_TELLS = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EACCES})
"""What is wrong with a directory and not with watching it."""


class Inotify:
    """A `Watch` of its directories one by one: each is covered just before it is listed, so that nothing falls between.

    Args:
        root: The folder.

    Attributes:
        changed: Set when `take` has something to say.
        failed: Why some directory cannot be watched; empty while all can. Rescans must do then.
    """

    def __init__(self, root: str) -> None:
        self.changed = asyncio.Event()
        self.failed = ""
        self._prefix = root.rstrip("/") + "/"
        self._loop = asyncio.get_running_loop()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = -1
        self._directories: dict[int, str] = {}
        self._paths: set[str] = set()
        self._rescan = False
        self._gathering: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begins to listen, or tries again where that failed; a walk over everything follows, which covers every directory."""
        self.failed = ""
        if self._descriptor < 0:
            self._descriptor = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
            if self._descriptor < 0:
                self._fail(ctypes.get_errno())
                return
            self._loop.add_reader(self._descriptor, self._gather)

    def cover(self, directory: str) -> None:
        """Hears of a directory from now on; of one that is covered already, under the name that it has now. May be called by any thread."""
        if self._descriptor < 0:
            return
        path = self._prefix + directory
        number = self._libc.inotify_add_watch(self._descriptor, os.fsencode(path), ctypes.c_uint32(_WANTED))
        if number >= 0:
            self._directories[number] = path if path.endswith("/") else path + "/"
        elif (code := ctypes.get_errno()) not in _LISTING_TELLS:
            self._fail(code)

    def take(self) -> tuple[set[str], bool]:
        """What changed since the last call: absolute paths, and whether only a rescan can tell."""
        paths, self._paths = self._paths, set()
        rescan, self._rescan = self._rescan, False
        self.changed.clear()
        return paths, rescan

    def stop(self) -> None:
        """Listens no longer, and wakes whoever waits; harmless when called twice."""
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
        if self._gathering is not None:
            self._gathering.cancel()
        self.changed.set()

    def _fail(self, code: int) -> None:
        hint = " (fs.inotify.max_user_watches)" if code == errno.ENOSPC else ""
        self.failed = f"{os.strerror(code)}{hint}"

    def _gather(self) -> None:
        """Something happened. More is about to: a recorder makes, writes, closes and renames."""
        self._loop.remove_reader(self._descriptor)
        self._gathering = self._loop.call_later(_STEP_SECONDS, self._hear)

    def _hear(self) -> None:
        while True:
            try:
                self._understand(os.read(self._descriptor, _READ_BYTES))
            except BlockingIOError:
                break
        self._loop.add_reader(self._descriptor, self._gather)
        if len(self._paths) > _MOST_PATHS:
            self._paths.clear()
            self._rescan = True
        if self._paths or self._rescan:
            self.changed.set()

    def _understand(self, events: bytes) -> None:
        at = 0
        while at < len(events):
            number, happened, _, length = _HEAD.unpack_from(events, at)
            at += _HEAD.size + length
            directory = self._directories.get(number)
            if happened & _IGNORED:
                self._directories.pop(number, None)
            elif happened & _OVERFLOW or directory is None:
                self._rescan = True
            elif length and events[at - length] != ord("."):
                self._paths.add(directory + os.fsdecode(events[at - length : at].rstrip(b"\0")))
