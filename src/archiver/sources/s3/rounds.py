"""What was listed up to where, and what is listed next.

Whoever writes keys that grow (a date at the beginning) has new ones behind the last: one call finds them. For all others everything is
listed again: a pass of n calls is due after n looks, so that passes never cost more than looks do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

import msgspec

from archiver.errors import SourceThrottledError
from archiver.model import Discovery
from archiver.sources.files.seen import Seen, fingerprint
from archiver.sources.paging import place_of
from archiver.sources.port import Page
from archiver.sources.s3.bucket import Bucket
from archiver.sources.s3.objects import Listed, Listing, discovery_of
from archiver.sources.s3.settings import S3Settings
from genstage.clock import Clock

__all__ = ["Progress", "Rounds"]


class Progress(msgspec.Struct):
    """The cursor.

    Attributes:
        passing: Up to where an open pass has come; None if none is open.
        last: The greatest key that was ever listed.
    """

    passing: str | None = ""
    last: str = ""

    def write(self) -> str:
        """As text."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def read(cls, cursor: str) -> Progress:
        """Undoes `write`; a cursor of another form begins anew, which finds everything again and harms nobody."""
        return place_of(cursor, cls)


class Rounds:
    """Passes over everything, and looks behind the last key in between.

    Args:
        bucket: Makes the calls.
        settings: How often.
        clock: Time.
    """

    def __init__(self, bucket: Bucket, settings: S3Settings, clock: Clock) -> None:
        self._bucket = bucket
        self._settings = settings
        self._clock = clock
        self._closed = asyncio.Event()

    def close(self) -> None:
        """Ends every walk."""
        self._closed.set()

    async def pages(self, cursor: str) -> AsyncGenerator[Page, None]:
        """Pages without end; see `archiver.sources.port.Source.discover`."""
        progress, seen = Progress.read(cursor), Seen()
        if progress.passing is None:
            progress.passing = ""  # what came meanwhile with a smaller key, only a pass finds
        calls, due_at = 0, 0.0
        while not self._closed.is_set():
            after = progress.last if progress.passing is None else progress.passing
            listing = await self._listed(after)
            if listing is None:
                return
            calls += 1
            found = self._new(listing.objects, seen)
            reached = listing.objects[-1].key if listing.objects else after
            progress.last = max(progress.last, reached, key=str.encode)
            complete = progress.passing is not None and not listing.truncated
            if progress.passing is not None:
                progress.passing = None if complete else reached
            if found or complete:
                yield Page(discoveries=found, cursor=progress.write(), complete=complete)
            if complete:
                wait = min(calls * self._settings.poll_interval, self._settings.reconcile_seconds)
                calls, due_at = 0, self._clock.time() + wait
            if not listing.truncated:
                if not self._settings.watch:
                    return
                until = self._clock.time() + self._settings.poll_interval
                yield Page(discoveries=(), cursor=progress.write(), rest=self._settings.poll_interval)
                await self._rest(until - self._clock.time())
                if progress.passing is None and self._clock.time() >= due_at:
                    progress.passing, calls = "", 0

    def _new(self, objects: list[Listed], seen: Seen) -> list[Discovery]:
        """What was not found since the source was opened."""
        found = []
        for listed in objects:
            print_ = fingerprint(f"{listed.etag} {listed.key}")
            if print_ not in seen:
                seen.add(print_)
                discovery = discovery_of(listed, self._settings)
                if discovery is not None:
                    found.append(discovery)
        return found

    async def _listed(self, after: str) -> Listing | None:
        """One list, as soon as S3 gives it; None if the source was closed meanwhile."""
        while not self._closed.is_set():
            try:
                return await self._bucket.list(after)
            except SourceThrottledError as error:
                await self._rest(error.retry_after)
        return None

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await self._closed.wait()
