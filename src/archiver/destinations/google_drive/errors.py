"""Google's language, translated into Archiver's errors. Nothing else in this package reads a status or a provider's word.

Messages quote reasons (``storageQuotaExceeded``), never the free text beside them: that may repeat a name or an id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
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

__all__ = ["BadCallError", "InUseError", "NotThereError", "Reply", "pace_error", "reply_error"]

_REASON = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_RATE = {"rateLimitExceeded", "userRateLimitExceeded", "sharingRateLimitExceeded"}
_DAY = {"dailyLimitExceeded", "quotaExceeded", "uploadLimitExceeded"}
_DAY_TEXT = "User rate limit exceeded."
"""750 GB in a day have been uploaded: the reason is that of a rate which is too high, only this text differs (rclone reads it as well)."""
_LONG_SECONDS = 1800.0
"""Nobody tells when the day is over: a try each half hour costs nothing."""

_RECONNECT = "Connect this Google Drive again, and leave the box for Drive ticked."
_FREE_SPACE = "Free some space in this Google Drive, or buy some; the lane goes on by itself."
_SHARED = "The account must be a content manager of the shared drive."
_MEANINGS: dict[str, tuple[type[ArchiverError], str]] = {
    "storageQuotaExceeded": (QuotaFullError, _FREE_SPACE),
    "teamDriveFileLimitExceeded": (QuotaFullError, "This shared drive has as many files as Google permits; use another one."),
    "myDriveHierarchyDepthLimitExceeded": (MisconfiguredError, "Use a path template with fewer folders."),
    "teamDriveHierarchyTooDeep": (MisconfiguredError, "Use a path template with fewer folders."),
    "numChildrenInNonRootLimitExceeded": (MisconfiguredError, "This folder is full: use a path template with the date in it."),
    "insufficientPermissions": (ReconnectNeededError, _RECONNECT),
    "insufficientScopes": (ReconnectNeededError, _RECONNECT),
    "authError": (ReconnectNeededError, _RECONNECT),
    "accessNotConfigured": (MisconfiguredError, "Enable the Google Drive API in your Google Cloud project."),
    "SERVICE_DISABLED": (MisconfiguredError, "Enable the Google Drive API in your Google Cloud project."),
    "domainPolicy": (MisconfiguredError, "The customer's Google Workspace administrator must allow Drive for this application."),
    "insufficientFilePermissions": (MisconfiguredError, _SHARED),
    "teamDriveMembershipRequired": (MisconfiguredError, _SHARED),
    "uploadTooLarge": (RejectedError, ""),
    "fileIdInUse": (TransientError, ""),
}
"""By reason; what is not here is told by its status."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came back, as far as it matters here.

    Attributes:
        route: Which call it answers, for messages.
        status: Of HTTP.
        retry_after: The header, or empty.
        location: Where a resumable upload goes.
        has: The header ``Range``: what of it is there.
        body: At most 64 KiB if it is an error.
    """

    route: str
    status: int
    retry_after: str = ""
    location: str = ""
    has: str = ""
    body: bytes = b""

    def __repr__(self) -> str:
        return f"Reply(route={self.route!r}, status={self.status})"


class NotThereError(TransientError):
    """A file, a folder or an upload is not known (any more)."""


class BadCallError(TransientError):
    """Google cannot make sense of a call: perhaps of an id that another account was promised."""


class InUseError(TransientError):
    """Something was made under this id before."""


def pace_error(reply: Reply, now: float) -> ArchiverError | None:
    """What the pacer must hear of a reply: that it was refused for its rate, or that Google itself failed.

    Args:
        reply: What came back.
        now: Seconds since the epoch, for a Retry-After that is a date.
    """
    if reply.status in {403, 429}:
        reason, text = _error_of(reply)
        if reason in _DAY or (reason in _RATE and text == _DAY_TEXT):
            told = retry_after(reply.retry_after, now) or _LONG_SECONDS
            return ThrottledError(f"Google Drive refused {reply.route}: as much as a day permits was sent", retry_after=told)
        if reply.status == 429 or reason in _RATE:
            return ThrottledError(
                f"Google Drive refused {reply.route}: {reason or 'too many requests'}", retry_after=retry_after(reply.retry_after, now)
            )
    if reply.status >= 500 or reply.status == 408:
        return TransientError(f"Google Drive failed at {reply.route} with status {reply.status}")
    return None


def reply_error(reply: Reply) -> ArchiverError:  # noqa: PLR0911  one return per row of the table
    """What a reply means that is neither a success nor a matter of pace."""
    route, status = reply.route, reply.status
    reason, _ = _error_of(reply)
    text = f"Google Drive, {route}: {reason or f'status {status}'}"
    if status == 409:
        return InUseError(text)
    if status in {404, 410}:
        return NotThereError(text)
    if reason in _MEANINGS:
        kind, hint = _MEANINGS[reason]
        return kind(text, hint=hint)
    match status:
        case 401:
            return ReconnectNeededError("Google Drive does not accept the authorisation", hint=_RECONNECT)
        case 403:
            return MisconfiguredError(f"Google Drive denies access: {reason or 'no reason given'}", hint="See docs/google-drive.md.")
        case 413:
            return RejectedError(text)
        case 400 | 411 | 412 | 416:
            return BadCallError(text)  # a call that spoils itself must not stop the whole lane; after some tries it is told
        case _:
            return MisconfiguredError(text, hint="Check the options of this destination.")


def _error_of(reply: Reply) -> tuple[str, str]:
    """The reason and the text of an error; empty if the body is HTML, cut off, or says nothing."""
    try:
        fields: Any = msgspec.json.decode(reply.body)
    except UNREADABLE:
        return "", ""
    error = fields.get("error") if isinstance(fields, Mapping) else None
    if not isinstance(error, Mapping):
        return "", ""
    entries = error.get("errors") or error.get("details")
    first = next((one for one in entries if isinstance(one, Mapping) and "reason" in one), {}) if isinstance(entries, list) else {}
    reason, text = first.get("reason"), first.get("message", "")
    known = reason if isinstance(reason, str) and _REASON.fullmatch(reason) else ""
    return known, text if isinstance(text, str) else ""
