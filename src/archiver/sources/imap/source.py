"""The source itself: the methods of the port, and how it is registered."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any

from archiver.errors import ArchiverError
from archiver.model import Item
from archiver.sources.imap.contents import Contents
from archiver.sources.imap.login import Login, login_from
from archiver.sources.imap.pool import Pool
from archiver.sources.imap.rounds import Rounds
from archiver.sources.imap.settings import OPTIONS, ImapSettings, settings_from
from archiver.sources.port import ALONE, Context, Page, Source
from archiver.sources.replies import read_each
from genstage.clock import Clock

__all__ = ["ADAPTER", "ImapAdapter", "ImapSource"]


class ImapSource:
    """One mailbox, or some folders of it. Mails are only ever read.

    Args:
        login: Opens it.
        settings: What is read, and how often.
        clock: Time.

    Attributes:
        on_news: See `archiver.sources.port.Told`.
    """

    def __init__(self, login: Login, settings: ImapSettings, clock: Clock) -> None:
        self.on_news: Callable[[], None] = lambda: None
        self._login = login
        self._pool = Pool(login)
        self._rounds = Rounds(login, settings, clock, self._told)
        self._contents = Contents(self._pool, self._rounds.walked, clock)

    def __repr__(self) -> str:
        return f"ImapSource({self._login!r})"

    def _told(self) -> None:
        self.on_news()

    def discover(self, cursor: str) -> AsyncGenerator[Page, None]:
        """Looks at every mail, then at what comes; see `Source.discover`."""
        return self._rounds.pages(cursor)

    async def read_many(self, items: Sequence[Item]) -> Sequence[bytes | ArchiverError]:
        """Whole parts; see `Source.read_many`."""
        return await read_each(self, items)

    def stream(self, item: Item, offset: int = 0) -> AsyncIterator[bytes]:
        """A part from ``offset`` on; see `Source.stream`."""
        return self._contents.stream(item.locator, offset)

    async def close(self) -> None:
        """Ends every watch, and hangs up. See `Source.close`."""
        self._rounds.close()
        self._pool.close()


class ImapAdapter:
    """Registers the source ``imap``."""

    name = "imap"
    summary = "A mailbox in which fax, voicemail or SMS arrive as mails."
    options = OPTIONS

    def open(self, options: dict[str, Any], context: Context = ALONE) -> Source:
        """Makes the source; talks to nobody yet. See `archiver.sources.port.SourceAdapter.open`."""
        return ImapSource(login_from(options, context), settings_from(options), context.clock)


ADAPTER = ImapAdapter()
