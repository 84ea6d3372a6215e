"""Graph's language, translated into Archiver's errors. Nothing else in this package reads a status or a provider's word.

Messages quote codes (``quotaLimitReached``), never the free text beside them: that may repeat a name or an id.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from archiver.errors import (
    ArchiverError,
    MisconfiguredError,
    QuotaFullError,
    ReconnectNeededError,
    RejectedError,
    ThrottledError,
    TransientError,
)
from archiver.http.replies import UNREADABLE, retry_after

__all__ = ["BadCallError", "LockedError", "NotThereError", "Reply", "TakenError", "pace_error", "reply_error"]

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")
_INNER_MOST = 5

_RECONNECT = "Connect this OneDrive again."
_FREE_SPACE = "Free some space, or raise the quota of this drive or site; the lane goes on by itself."
_ACCESS = "The account must be allowed to edit this library, and a library needs the scope Files.ReadWrite.All."
_MEANINGS: dict[str, tuple[type[ArchiverError], str]] = {
    "quotaLimitReached": (QuotaFullError, _FREE_SPACE),
    "insufficientStorage": (QuotaFullError, _FREE_SPACE),
    "pathIsTooLong": (RejectedError, "Use a shorter path template."),
    "pathTooLong": (RejectedError, "Use a shorter path template."),
    "nameTooLong": (RejectedError, "Use a shorter path template."),
    "invalidName": (RejectedError, "Use another path template."),
    "nameContainsInvalidCharacters": (RejectedError, "Use another path template."),
    "fileTooLarge": (RejectedError, ""),
    "maxFileSizeExceeded": (RejectedError, ""),
    "virusSuspicious": (RejectedError, "Microsoft takes it for malware."),
    "malwareDetected": (RejectedError, "Microsoft takes it for malware."),
    "maxFolderCountExceeded": (MisconfiguredError, "This folder is full: use a path template with the date in it."),
    "maxItemCountExceeded": (MisconfiguredError, "This folder is full: use a path template with the date in it."),
    "accountUpgradeRequired": (MisconfiguredError, "The customer must open their OneDrive in a browser once."),
    "accessRestricted": (MisconfiguredError, "The customer's administrator must allow this application."),
    "serviceReadOnly": (TransientError, ""),
}
"""By code, the outer one or one of those within; what is not here is told by its status."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came back, as far as it matters here.

    Attributes:
        route: Which call it answers, for messages.
        status: Of HTTP.
        retry_after: The header, or empty.
        body: At most 64 KiB if it is an error.
    """

    route: str
    status: int
    retry_after: str = ""
    body: bytes = b""

    def __repr__(self) -> str:
        return f"Reply(route={self.route!r}, status={self.status})"


class NotThereError(TransientError):
    """An item, a drive or an upload is not known (any more)."""


class BadCallError(TransientError):
    """Graph cannot make sense of a call, or this kind of drive does not know it."""


class TakenError(TransientError):
    """Something has the name already, or is being given it at this moment."""


class LockedError(TransientError):
    """Somebody or something holds the item: a retention label, an editor, a site that is read-only for a while."""


def pace_error(reply: Reply, now: float) -> ArchiverError | None:
    """What the pacer must hear of a reply: that it was refused for its rate, or that Microsoft itself failed.

    Args:
        reply: What came back.
        now: Seconds since the epoch, for a Retry-After that is a date.
    """
    status, wait = reply.status, retry_after(reply.retry_after, now)
    if status in {429, 509} or (status == 503 and wait is not None):
        return ThrottledError(f"Microsoft Graph refused {reply.route} for its rate, with status {status}", retry_after=wait)
    if (status >= 500 and status != 507) or status == 408:
        return TransientError(f"Microsoft Graph failed at {reply.route} with status {status}")
    return None


def reply_error(reply: Reply) -> ArchiverError:  # noqa: C901, PLR0911  one return per row of the table
    """What a reply means that is neither a success nor a matter of pace."""
    codes = list(_codes(reply.body))
    text = f"Microsoft Graph, {reply.route}: {codes[0] if codes else f'status {reply.status}'}"
    for code in codes:
        if code in _MEANINGS:
            kind, hint = _MEANINGS[code]
            return kind(text, hint=hint)
    match reply.status:
        case 401:
            return ReconnectNeededError("Microsoft Graph does not accept the authorisation", hint=_RECONNECT)
        case 403:
            return MisconfiguredError(text, hint=_ACCESS)
        case 404 | 410:
            return NotThereError(text)
        case 409:
            return TakenError(text)
        case 413:
            return RejectedError(text)
        case 423:
            return LockedError(text)
        case 507:
            return QuotaFullError(text, hint=_FREE_SPACE)
        case 400 | 405 | 406 | 411 | 412 | 415 | 416 | 422:
            return BadCallError(text)  # a call that spoils itself must not stop the whole lane; after some tries it is told
        case _:
            return MisconfiguredError(text, hint="Check the options of this destination.")


def _codes(body: bytes) -> Iterator[str]:
    """The code of an error and those within it, outermost first; none if the body is HTML, cut off, or says nothing."""
    try:
        fields: Any = msgspec.json.decode(body)
    except UNREADABLE:
        return
    error = fields.get("error") if isinstance(fields, Mapping) else None
    for _ in range(_INNER_MOST):
        if not isinstance(error, Mapping):
            return
        code = error.get("code")
        if isinstance(code, str) and _CODE.fullmatch(code):
            yield code
        error = error.get("innerError", error.get("innererror"))
