"""Whether the event loop may wait for the disk, decided by what the disk is and how it behaves.

A thread is the wrong place for many short system calls: each gives the interpreter lock away and waits for it again, up to 5 ms beside
a busy event loop (measured: 15 ms for a file of 1 KB, against 6 µs in the loop itself). The loop is the wrong place for one long call.
So calls are made in the loop while the disk is local and quick, and in threads as soon as it is not.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

__all__ = ["SLICE_SECONDS", "Disk", "is_local"]

SLICE_SECONDS = 0.002
"""How long the loop may be busy with files before others get their turn."""
_PATIENCE_SECONDS = 0.05
"""How much waiting for a slow disk the loop takes before threads do it; on a busy machine another process alone may take 20 ms."""
_RECOVERY_SECONDS = 5.0
"""How long threads do it then."""
_WORKERS = 4

_LOCAL = frozenset(
    {"bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "ntfs3", "overlay", "ramfs", "tmpfs", "vfat", "xfs", "zfs"}
)
"""File systems whose calls cannot hang for minutes, as those of a network share can."""

_OCTAL = re.compile(r"\\([0-7]{3})")
"""How the table of mounts writes spaces, tabs, newlines and backslashes."""

T = TypeVar("T")


class Disk:
    """Runs calls that wait for one disk, in the loop or in threads of its own."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._local: bool | None = None
        self._waited = 0.0
        self._slow_until = 0.0
        self._pool: ThreadPoolExecutor | None = None
        self._closed = False

    @property
    def workers(self) -> int:
        """How many calls may wait at the same time while the disk is slow."""
        return _WORKERS

    async def is_quick(self) -> bool:
        """Whether calls may be made in the loop now; at the first time looks at the kind of disk."""
        if self._local is None:
            self._local = await self.in_thread(is_local, self._path)
        return self._local and time.monotonic() >= self._slow_until

    def took(self, seconds: float, allowed: float) -> bool:
        """Takes note of a call in the loop. Returns False when the disk has used up the loop's patience."""
        if seconds <= allowed:
            # A quick call pays a part of the debt back, so that rare hiccups do not add up.
            self._waited = max(0.0, self._waited - allowed)
            return True
        self._waited += seconds - allowed
        if self._waited <= _PATIENCE_SECONDS:
            return True
        self._waited = 0.0
        self._slow_until = time.monotonic() + _RECOVERY_SECONDS
        return False

    async def call(self, work: Callable[[], T], *, allowed: float) -> T:
        """Makes one call, in the loop if it may, with the time that it may take there without being slow."""
        if not await self.is_quick():
            return await self.in_thread(work)
        started = time.perf_counter()
        try:
            return work()
        finally:
            self.took(time.perf_counter() - started, allowed)

    async def in_thread(self, work: Callable[..., T], *args: object) -> T:
        """Makes one call in a thread of this disk; others wait while all its threads do."""
        return await self.submit(work, *args)

    def submit(self, work: Callable[..., T], *args: object) -> asyncio.Future[T]:
        """Begins one call in a thread of this disk."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="folder")
        return asyncio.get_running_loop().run_in_executor(self._pool, work, *args)

    def close(self) -> None:
        """Lets the threads end after what they wait for."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def is_local(path: str, mounts: str = "/proc/self/mountinfo") -> bool:
    """Whether a path is on a file system of this machine. False where the system does not tell, as everywhere but on Linux.

    Args:
        path: Need not exist.
        mounts: The table of mounts; see proc_pid_mountinfo(5).
    """
    try:
        lines = Path(mounts).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    real = os.path.realpath(path) + "/"
    best, kind = -1, ""
    for line in lines:
        fields = line.split(" ")
        point = _OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[4]).rstrip("/") + "/"
        # Of two mounts at one place the later hides the earlier.
        if real.startswith(point) and len(point) >= best:
            best, kind = len(point), fields[fields.index("-") + 1]
    return kind in _LOCAL
