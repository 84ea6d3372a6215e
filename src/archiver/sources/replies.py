"""What sources over HTTP have in common: what a refusal means to an item, answers in JSON, names, reading one item after the other.

In: a status and headers, a body, or a source that can stream. Out: errors of the tree, values, bytes. A provider with words of its own
translates those itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from archiver.errors import (
    ArchiverError,
    MisconfiguredError,
    ReconnectNeededError,
    SourceGoneError,
    SourceThrottledError,
    TransientError,
)
from archiver.http.replies import UNREADABLE, retry_after
from archiver.model import Item

__all__ = ["Streaming", "clean_name", "decode", "read_each", "refusal"]

_PATIENCE_SECONDS: Final = 30.0
"""After a refusal for the rate which does not say when to come again."""


_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


class Streaming(Protocol):
    """The part of a source that reads one item."""

    def stream(self, item: Item, offset: int = 0) -> AsyncIterator[bytes]:
        """The bytes from ``offset`` on; see `archiver.sources.port.Source.stream`."""
        ...


def clean_name(text: str) -> str:
    """A name without control signs, bidirectional overrides and halves of characters."""
    return _UNFIT.sub("", text).strip()


def decode(provider: str, body: bytes, shape: Any) -> Any:
    """An answer in its shape.

    Args:
        provider: As people call it.
        body: JSON, or what should be.
        shape: A type that msgspec knows.

    Raises:
        TransientError: It is not JSON, or not of that shape.
    """
    try:
        return msgspec.json.decode(body, type=shape)
    except UNREADABLE:
        pass
    try:
        # People write halves of emojis, which the strict decoder refuses; one message must not hide a page of others.
        return msgspec.convert(json.loads(body.decode(errors="replace")), shape)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        raise TransientError(f"{provider} gave an answer that cannot be understood") from None


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
