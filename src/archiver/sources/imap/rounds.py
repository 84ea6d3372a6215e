"""What was looked at up to where, and what is looked at next.

A mail gets a number that is greater than those before, so a look asks what is behind the last one. That holds as long as the folder's
UIDVALIDITY is the same; when it has changed, every mail of the folder is looked at again, as it is once a day in any case.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress

import msgspec

from archiver.errors import ArchiverError, MisconfiguredError, UnavailableError
from archiver.model import Discovery
from archiver.sources.imap.connection import Connection, Folder, TooLongError
from archiver.sources.imap.contents import Walk
from archiver.sources.imap.finding import ENVELOPE, WITHOUT_STRUCTURE, Shown, discoveries_of, shown_of
from archiver.sources.imap.login import Login
from archiver.sources.imap.settings import ImapSettings
from archiver.sources.imap.wire import ranges_of
from archiver.sources.paging import pages_of, place_of
from archiver.sources.port import Page
from genstage.clock import Clock

__all__ = ["Mark", "Progress", "Rounds"]

_BATCH_MAILS = 100
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Mark(msgspec.Struct):
    """How far a folder was looked at.

    Attributes:
        validity: As long as it is the folder's, numbers mean the same mails.
        uid: The last number that was looked at.
    """

    validity: int = 0
    uid: int = 0


class Progress(msgspec.Struct):
    """The cursor.

    Attributes:
        passed_at: When the last look at everything began, in seconds since the epoch.
        folders: How far each was looked at.
    """

    passed_at: float = 0.0
    folders: dict[str, Mark] = {}

    def write(self) -> str:
        """As text."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def read(cls, cursor: str) -> Progress:
        """Undoes `write`; a cursor of another form begins anew, which finds everything again and harms nobody."""
        return place_of(cursor, cls)


class Rounds:
    """One round after the other over all folders.

    Args:
        login: Opens the mailbox.
        settings: What is read, and how often.
        clock: Time.
        on_news: Told that the server has said that something came.

    Attributes:
        walked: Folders that were looked at whole.
    """

    def __init__(self, login: Login, settings: ImapSettings, clock: Clock, on_news: Callable[[], None]) -> None:
        self._login = login
        self._settings = settings
        self._clock = clock
        self._on_news = on_news
        self._wake = asyncio.Event()
        self._closed = False
        self._lines: set[_Line] = set()
        self.walked: dict[str, Walk] = {}

    async def pages(self, cursor: str) -> AsyncGenerator[Page, None]:
        """Pages without end; see `archiver.sources.port.Source.discover`."""
        line = _Line(self._login)
        self._lines.add(line)
        try:
            async with aclosing(self._rounds(Progress.read(cursor), line)) as pages:
                async for page in pages:
                    yield page
        except ArchiverError:
            if not self._closed:  # whoever closes the source hangs up in the middle of a sentence
                raise
        finally:
            self._lines.discard(line)
            line.hang_up()

    def close(self) -> None:
        """Ends every walk."""
        self._closed = True
        self._wake.set()
        for line in self._lines:
            line.hang_up()

    async def _rounds(self, progress: Progress, line: _Line) -> AsyncGenerator[Page, None]:
        settings = self._settings
        while not self._closed:
            self._wake.clear()
            if not 0 <= self._clock.wall() - progress.passed_at < settings.reconcile_seconds:
                progress.passed_at, progress.folders = self._clock.wall(), {}
            trouble: MisconfiguredError | None = None
            for name in reversed(settings.folders):  # the first one stays open: it is the one that is listened to
                try:
                    async with aclosing(self._look(name, progress, line)) as pages:
                        async for page in pages:
                            yield page
                except MisconfiguredError as error:
                    trouble = error  # one folder that cannot be opened hides no other
            yield Page(discoveries=(), cursor=progress.write(), complete=trouble is None)
            if trouble is not None:
                raise trouble
            if not settings.watch:
                return
            await line.listen(self._told)
            until = self._clock.time() + settings.poll_interval
            yield Page(discoveries=(), cursor=progress.write(), rest=0.0 if self._wake.is_set() else settings.poll_interval)
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, until - self._clock.time())):
                    await self._wake.wait()

    async def _look(self, name: str, progress: Progress, line: _Line) -> AsyncGenerator[Page, None]:
        """What is new in a folder, as pages."""
        folder = await line.examine(name)
        mark = progress.folders.get(name)
        if mark is None or mark.validity != folder.validity:
            mark = progress.folders[name] = Mark(folder.validity)
        if folder.following and mark.uid + 1 >= folder.following:
            self._has_walked(name, folder)
            return
        # "n:*" means the last mail also where that has a smaller number.
        uids = [uid for uid in await line.search(f"UID {mark.uid + 1}:*{_since(self._settings)}") if uid > mark.uid]
        for start in range(0, len(uids), _BATCH_MAILS):
            batch = uids[start : start + _BATCH_MAILS]
            before = progress.write()
            found = await self._found(name, folder, batch, line)
            mark.uid = batch[-1]
            for page in pages_of(found, before, progress.write()):
                yield page
            if not found:
                yield Page(discoveries=(), cursor=progress.write())
        mark.uid = max(mark.uid, folder.following - 1)
        self._has_walked(name, folder)

    async def _found(self, name: str, folder: Folder, uids: Sequence[int], line: _Line) -> list[Discovery]:
        shown = await line.shown(name, folder, uids)
        return [
            discovery for uid in uids if uid in shown for discovery in discoveries_of(shown[uid], name, folder.validity, self._settings)
        ]

    def _has_walked(self, name: str, folder: Folder) -> None:
        walk = self.walked.get(name)
        if walk is None or walk.validity != folder.validity:
            self.walked[name] = Walk(folder.validity, self._clock.time())

    def _told(self) -> None:
        self._wake.set()
        self._on_news()


class _Line:
    """A connection that is made again when it has ended, as servers end it that were not asked anything for half an hour."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._connection: Connection | None = None
        self._over = False

    async def examine(self, name: str) -> Folder:
        """See `Connection.examine`."""
        kept = self._connection
        if kept is not None and kept.sound:
            try:
                return await kept.examine(name)
            except UnavailableError:
                pass  # it ended while nobody looked: that is no trouble yet
        return await (await self._anew()).examine(name)

    async def search(self, what: str) -> list[int]:
        """See `Connection.search`."""
        return await self._open().search(what)

    async def shown(self, name: str, folder: Folder, uids: Sequence[int]) -> dict[int, Shown]:
        """The mails of these numbers that are still there, also those of which the server says more than can be read, or nonsense."""
        shown = await self._shown(name, folder, uids, ENVELOPE)
        missing = [uid for uid in uids if uid not in shown]
        return {**await self._shown(name, folder, missing, WITHOUT_STRUCTURE), **shown} if missing else shown

    async def _shown(self, name: str, folder: Folder, uids: Sequence[int], what: str) -> dict[int, Shown]:
        try:
            return shown_of(await self._open().fetch(ranges_of(uids), what))
        except TooLongError:
            if (await (await self._anew()).examine(name)).validity != folder.validity:
                raise UnavailableError("a folder was made anew while it was looked at") from None
        if len(uids) == 1:
            return {}
        middle = len(uids) // 2
        first = await self._shown(name, folder, uids[:middle], what)
        return {**first, **await self._shown(name, folder, uids[middle:], what)}

    async def listen(self, on_news: Callable[[], None]) -> None:
        """See `Connection.listen`; that it cannot is no trouble: it is asked."""
        with suppress(UnavailableError):
            await self._open().listen(on_news)

    def hang_up(self) -> None:
        """Ends the connection; harmless when there is none."""
        self._over = True
        if self._connection is not None:
            self._connection.abort()

    def _open(self) -> Connection:
        if self._connection is None or self._over:
            raise UnavailableError("the mailbox is not read any more")
        return self._connection

    async def _anew(self) -> Connection:
        if self._connection is not None:
            self._connection.abort()
            self._connection = None
        self._connection = await Connection.open(self._login)
        if self._over:
            self._connection.abort()
        return self._open()


def _since(settings: ImapSettings) -> str:
    day = settings.since
    return f" SINCE {day.day}-{_MONTHS[day.month - 1]}-{day.year}" if day else ""
