"""The source itself: the methods of the port, and how it is registered."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any

from archiver.errors import ArchiverError
from archiver.model import Item
from archiver.s3.signing import Keys
from archiver.sources.port import ALONE, Context, Page, Source
from archiver.sources.replies import read_each
from archiver.sources.s3.bucket import Bucket
from archiver.sources.s3.objects import place_of
from archiver.sources.s3.rounds import Rounds
from archiver.sources.s3.settings import OPTIONS, S3Settings, keys_from, settings_from

__all__ = ["ADAPTER", "S3Adapter", "S3Source"]


class S3Source:
    """One bucket, or what is below a prefix of it. Objects are only ever read.

    Args:
        context: Clock and HTTP session.
        settings: See `S3Settings`.
        keys: What the bucket is opened with.
    """

    def __init__(self, context: Context, settings: S3Settings, keys: Keys) -> None:
        self._bucket = Bucket(context, settings, keys)
        self._rounds = Rounds(self._bucket, settings, context.clock)

    def __repr__(self) -> str:
        return f"S3Source({self._bucket!r})"

    def discover(self, cursor: str) -> AsyncGenerator[Page, None]:
        """Lists everything, then what comes; see `Source.discover`."""
        return self._rounds.pages(cursor)

    async def read_many(self, items: Sequence[Item]) -> Sequence[bytes | ArchiverError]:
        """Whole objects; see `Source.read_many`."""
        return await read_each(self, items)

    def stream(self, item: Item, offset: int = 0) -> AsyncIterator[bytes]:
        """A big object from ``offset`` on; see `Source.stream`."""
        key, etag = place_of(item.locator)
        return self._bucket.read(key, etag, offset)

    async def close(self) -> None:
        """Ends every watch; the HTTP session is the process's. See `Source.close`."""
        self._rounds.close()


class S3Adapter:
    """Registers the source ``s3``."""

    name = "s3"
    summary = "A bucket of Amazon S3 or of a store that speaks its language, in which others write recordings, SMS and fax."
    options = OPTIONS

    def open(self, options: dict[str, Any], context: Context = ALONE) -> Source:
        """Makes the source; talks to nobody yet. See `archiver.sources.port.SourceAdapter.open`."""
        return S3Source(context, settings_from(options), keys_from(options))


ADAPTER = S3Adapter()
