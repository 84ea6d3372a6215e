"""Which walk through the folder comes next, and when."""

from __future__ import annotations

import asyncio
import itertools
import time

from archiver.sources.folder.scan import Scanner, Steps
from archiver.sources.folder.settings import FolderSettings
from archiver.sources.folder.watch import Watch

__all__ = ["Rounds", "Walk"]

Walk = tuple[Steps, bool]
"""A walk, and whether its end completes a pass over the folder."""

_UNWATCHED_SECONDS = 2.0
"""Between two rescans of a folder that cannot be watched."""
_QUIET_TIMES = 3
"""So many quiet times the first pass waits for files that are not complete; one that is still being written then is no item yet."""


class Rounds:
    """The order of walks: everything, and what of it was not complete yet; then what the watch hears of, and now and then a rescan.

    Args:
        settings: The folder's.
        scanner: Makes the walks.
        watch: None to look only once.
    """

    def __init__(self, settings: FolderSettings, scanner: Scanner, watch: Watch | None) -> None:
        self._settings = settings
        self._scanner = scanner
        self._watch = watch
        self._rescanned_at = 0.0
        self._thorough_at = 0.0
        self._first_ends_at: float | None = None
        self._first_ended = False

    async def next(self) -> Walk | None:
        """Waits until there is something to walk for. None: the folder was to be looked at only once, and was."""
        now = time.monotonic()
        if not self._thorough_at:
            steps, _ = self._rescan(now)
            return steps, False
        if not self._first_ended:
            return await self._first(now)
        return None if self._watch is None else await self._watched(now, self._watch)

    async def _first(self, now: float) -> Walk:
        """The end of the first pass: it is complete when the files that were written just before it have had their quiet time."""
        self._first_ends_at = self._first_ends_at or now + _QUIET_TIMES * self._settings.settle
        if self._scanner.waiting and now < self._first_ends_at:
            await asyncio.sleep(self._settings.settle)
            return self._scanner.recheck(), False
        self._first_ended = True
        return iter(()), True

    async def _watched(self, now: float, watch: Watch) -> Walk:
        wait = self._rescan_at(watch) - now
        if self._scanner.waiting:
            wait = min(wait, self._settings.settle)
        try:
            async with asyncio.timeout(max(wait, 0)):
                await watch.changed.wait()
        except TimeoutError:
            pass
        paths, lost = watch.take()
        now = time.monotonic()
        heard = self._scanner.look(paths)
        if lost or now >= self._rescan_at(watch):
            rescan, whole = self._rescan(now)
            return itertools.chain(heard, self._scanner.recheck(), rescan), whole
        return itertools.chain(heard, self._scanner.recheck()), False

    def _rescan_at(self, watch: Watch) -> float:
        interval = self._settings.rescan_interval
        return self._rescanned_at + (min(interval, _UNWATCHED_SECONDS) if watch.failed else interval)

    def _rescan(self, now: float) -> Walk:
        self._rescanned_at = now
        if now < self._thorough_at:
            return self._scanner.changes(), True
        self._thorough_at = now + self._settings.rescan_interval * self._settings.thorough_every
        if self._watch is not None:
            self._watch.start()
        return self._scanner.everything(), True
