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
_LAST_WAIT_SECONDS = 2.0
"""How long a folder that is looked at only once is given to complete its files."""


class Rounds:
    """The order of walks: everything; then what the watch hears of and what was not complete; now and then a rescan.

    Args:
        settings: The folder's.
        scanner: Makes the walks.
        watch: None to look only once.
    """

    def __init__(self, settings: FolderSettings, scanner: Scanner, watch: Watch | None) -> None:
        self._settings = settings
        self._scanner = scanner
        self._watch = watch
        self._rescan_at = 0.0
        self._thorough_at = 0.0
        self._end_at: float | None = None

    async def next(self) -> Walk | None:
        """Waits until there is something to walk for. None: the folder was to be looked at only once, and was."""
        now = time.monotonic()
        if not self._thorough_at:
            steps, whole = self._rescan(now)
            return steps, whole and self._watch is not None
        return await self._last(now) if self._watch is None else await self._watched(now, self._watch)

    async def _last(self, now: float) -> Walk | None:
        self._end_at = self._end_at or now + _LAST_WAIT_SECONDS
        if not self._scanner.waiting or now >= self._end_at:
            return None
        await asyncio.sleep(self._settings.settle)
        return self._scanner.recheck(), False

    async def _watched(self, now: float, watch: Watch) -> Walk:
        wait = self._rescan_at - now
        if self._scanner.waiting:
            wait = min(wait, self._settings.settle)
        if watch.failed:
            wait = min(wait, _UNWATCHED_SECONDS)
        try:
            async with asyncio.timeout(max(wait, 0)):
                await watch.changed.wait()
        except TimeoutError:
            pass
        paths, lost = watch.take()
        now = time.monotonic()
        heard = self._scanner.look(paths)
        if lost or now >= self._rescan_at or (watch.failed and not self._scanner.waiting):
            rescan, whole = self._rescan(now)
            return itertools.chain(heard, self._scanner.recheck(), rescan), whole
        return itertools.chain(heard, self._scanner.recheck()), False

    def _rescan(self, now: float) -> Walk:
        self._rescan_at = now + self._settings.rescan_interval
        if now < self._thorough_at:
            return self._scanner.changes(), True
        self._thorough_at = now + self._settings.rescan_interval * self._settings.thorough_every
        return self._scanner.everything(), True
