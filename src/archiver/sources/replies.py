"""What sources over HTTP have in common: what a refusal means to an item, and reading several items one after the other.

In: a status and headers, or a source that can stream. Out: errors of the tree, bytes. A provider with words of its own translates those
itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, Protocol

from archiver.errors import (
    ArchiverError,
    MisconfiguredError,
    ReconnectNeededError,
    SourceGoneError,
    SourceThrottledError,
    TransientError,
)
from archiver.http.replies import retry_after
from archiver.model import Item

__all__ = ["Streaming", "read_each", "refusal"]

_PATIENCE_SECONDS: Final = 30.0
"""After a refusal for the rate which does not say when to come again."""


class Streaming(Protocol):
    """The part of a source that reads one item."""

    def stream(self, item: Item, offset: int = 0) -> AsyncIterator[bytes]:
        """The bytes from ``offset`` on; see `archiver.sources.port.Source.stream`."""
        ...


async def read_each(source: Streaming, items: Sequence[Item]) -> Sequence[bytes | ArchiverError]:
    """`archiver.sources.port.Source.read_many` for a source that reads one item after the other."""
    results: list[bytes | ArchiverError] = []
    for item in items:
        try:
            results.append(b"".join([chunk async for chunk in source.stream(item)]))
        except ArchiverError as error:
            results.append(error)
    return results


def refusal(provider: str, status: int, headers: Mapping[str, str], now: float, code: str = "") -> ArchiverError:
    """What a refusal by status means.

    Args:
        provider: As people call it.
        status: Of HTTP.
        headers: Names without regard to case, as aiohttp has them.
        now: Seconds since the epoch, for a Retry-After that is a date.
        code: The provider's own, to be shown.
    """
    text = f"{provider} answered {status}" + (f" ({code})" if code else "")
    wait = retry_after(headers.get("Retry-After", ""), now)
    if status == 429 or (status == 503 and wait is not None):
        return SourceThrottledError(text, retry_after=_PATIENCE_SECONDS if wait is None else wait)
    match status:
        case 401:
            return ReconnectNeededError(text, hint=f"Give the credentials of {provider} anew.")
        case 403:
            return MisconfiguredError(text, hint=f"The credentials of {provider} lack a permission.")
        case 404 | 410:
            return SourceGoneError(text)
        case _:
            return TransientError(text)
