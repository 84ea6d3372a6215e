"""Dropbox's language, translated into Archiver's errors. Nothing else in this package reads a status, a tag or a provider's word.

Messages quote tags, never the provider's free text: that may repeat a path or a token.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from archiver.errors import (
    ArchiverError,
    ConflictError,
    IntegrityError,
    MisconfiguredError,
    QuotaFullError,
    ReconnectNeededError,
    RejectedError,
    ThrottledError,
    ThrottleKind,
    TransientError,
)
from archiver.http.replies import UNREADABLE, retry_after

__all__ = [
    "BadNameError",
    "ClosedError",
    "InTheWayError",
    "NotThereError",
    "OffsetError",
    "Reply",
    "TooLargeError",
    "expired",
    "pace_error",
    "reply_error",
    "union_error",
]

_RECONNECT = "Connect this Dropbox again."
_TAG = re.compile(r"[a-z0-9_]{1,64}")
_SCOPE = re.compile(r"[a-z_.]{1,64}")


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came back, as far as it matters here.

    Attributes:
        route: Which call it answers, for messages.
        status: Of HTTP.
        json: Whether the content type says so.
        retry_after: The header, or empty.
        body: At most 64 KiB if it is an error.
    """

    route: str
    status: int
    json: bool
    retry_after: str
    body: bytes

    def __repr__(self) -> str:
        return f"Reply(route={self.route!r}, status={self.status})"


class NotThereError(TransientError):
    """A session or a file is not known (any more)."""


class ClosedError(TransientError):
    """The session takes no more bytes."""


class OffsetError(TransientError):
    """The session stands elsewhere.

    Args:
        message: What happened.
        correct_offset: Where it stands.
    """

    def __init__(self, message: str, correct_offset: int) -> None:
        super().__init__(message)
        self.correct_offset = correct_offset


class TooLargeError(TransientError):
    """The call was too large.

    Args:
        message: What happened.
        header: The header was; otherwise the body.
    """

    def __init__(self, message: str, *, header: bool) -> None:
        super().__init__(message)
        self.header = header


class BadNameError(RejectedError):
    """Dropbox does not take the path, whatever its reason: another one may do."""


class InTheWayError(ConflictError):
    """A file stands at the path; whether its bytes are ours, only a look can tell."""


_MOVE_AWAY = "Something else stands where this file belongs; move it away, then retry."
_FREE_SPACE = "Free some space in this Dropbox; the lane goes on by itself."
_OTHER_ROOT = "Choose another root, or let a team administrator allow this one."
_MEANINGS: dict[str, tuple[type[ArchiverError], str]] = {
    "malformed_path": (BadNameError, ""),
    "disallowed_name": (BadNameError, ""),
    "operation_suppressed": (RejectedError, ""),
    "too_large": (RejectedError, ""),
    "insufficient_space": (QuotaFullError, _FREE_SPACE),
    "no_write_permission": (MisconfiguredError, _OTHER_ROOT),
    "access_restricted": (MisconfiguredError, _OTHER_ROOT),
    "team_folder": (MisconfiguredError, _OTHER_ROOT),
    "encryption_not_supported": (MisconfiguredError, _OTHER_ROOT),
    "closed": (ClosedError, ""),
    "not_found": (NotThereError, ""),
    "not_closed": (NotThereError, ""),
    "content_hash_mismatch": (IntegrityError, ""),
    "length_mismatch": (IntegrityError, ""),
}
"""By the last tag; what is not here is worth another try, since Dropbox's unions are open."""


def pace_error(reply: Reply, now: float) -> ArchiverError | None:
    """What the pacer must hear of a reply: that it was refused for its rate, or that Dropbox itself failed.

    Args:
        reply: What came back.
        now: Seconds since the epoch, for a Retry-After that is a date.
    """
    if reply.status == 429 or (reply.status == 409 and b"too_many_write_operations" in reply.body):
        error = _error_of(reply)
        kind = ThrottleKind.CONTENTION if "too_many_write_operations" in _tags(error) else ThrottleKind.RATE
        seconds = retry_after(reply.retry_after, now)
        if seconds is None and isinstance(error, Mapping):
            seconds = _positive(error.get("retry_after"))
        return ThrottledError(f"Dropbox refused {reply.route}: {kind}", retry_after=seconds, kind=kind)
    if reply.status >= 500:
        return TransientError(f"Dropbox failed at {reply.route} with status {reply.status}")
    return None


def expired(reply: Reply) -> bool:
    """Whether the access token has run out: the only 401 that a new token heals."""
    return reply.status == 401 and "expired_access_token" in _tags(_error_of(reply))


def reply_error(reply: Reply) -> ArchiverError:  # noqa: PLR0911  one return per row of the table
    """What a reply means that is neither a success nor a matter of pace."""
    route, status = reply.route, reply.status
    if status == 409:
        return union_error(_error_of(reply), route)
    if status in {413, 414, 431} or (status == 400 and _speaks_of_size(reply)):
        return TooLargeError(f"{route} was too large for Dropbox (status {status})", header=status != 413)
    tags = "/".join(_tags(_error_of(reply))) or f"status {status}"
    if status == 401:
        return ReconnectNeededError(f"Dropbox does not accept the authorisation: {_with_scope(reply, tags)}", hint=_RECONNECT)
    if status == 400 and re.search(rb"(?i)authorization|access token", reply.body):
        return ReconnectNeededError("Dropbox does not take the access token for one", hint=_RECONNECT)
    if status == 403 and "invalid_account_type" in tags:
        return QuotaFullError(f"Dropbox: {tags}: the team's data transport calls of this month are used up, or its plan lacks this")
    if status == 403:
        return MisconfiguredError(f"Dropbox denies access: {tags}", hint="A team administrator can allow it.")
    if status == 422:
        return MisconfiguredError(f"Dropbox: the path root is not right any more: {tags}", hint="Set the option path_root anew.")
    return MisconfiguredError(f"Dropbox did not take {route}: {tags}", hint="Check the options of this destination.")


def union_error(error: Any, route: str) -> ArchiverError:
    """What a member of one of Dropbox's error unions means: of a 409, or of one entry of a batch."""
    tags = _tags(error)
    last = tags[-1] if tags else ""
    text = f"Dropbox, {route}: {'/'.join(tags) or 'an unknown error'}"
    if last == "too_many_write_operations":
        return ThrottledError(text, retry_after=None, kind=ThrottleKind.CONTENTION)
    if last == "incorrect_offset":
        return OffsetError(text, _correct_offset(error))
    if last == "payload_too_large":
        return TooLargeError(text, header=False)
    if tags[-2:] == ("conflict", "file"):
        return InTheWayError(text, hint=_MOVE_AWAY)
    if "conflict" in tags:
        return ConflictError(text, hint=_MOVE_AWAY)
    kind, hint = _MEANINGS.get(last, (TransientError, ""))
    return kind(text, hint=hint)


def _json_of(reply: Reply) -> Any:
    if not reply.json:
        return None
    try:
        return msgspec.json.decode(reply.body)
    except UNREADABLE:
        return None


def _error_of(reply: Reply) -> Any:
    """The member of the union in an error's body; None if the body is plain text, HTML or cut off."""
    fields = _json_of(reply)
    return fields.get("error") if isinstance(fields, Mapping) else None


def _tags(error: Any) -> tuple[str, ...]:
    """The way through nested unions: ``("path", "conflict", "file")``. Only what looks like a tag is believed."""
    found: list[str] = []
    while isinstance(error, Mapping) and len(found) < 8:
        tag = error.get(".tag")
        if not isinstance(tag, str) or not _TAG.fullmatch(tag):
            if "reason" not in error:
                break
        else:
            found.append(tag)
        error = error.get(tag) if isinstance(tag, str) and tag in error else error.get("reason")
    if isinstance(error, str) and not found and _TAG.fullmatch(error):
        found.append(error)  # a member without a value may come as a plain string
    return tuple(found)


def _correct_offset(error: Any) -> int:
    while isinstance(error, Mapping):
        offset = error.get("correct_offset")
        if isinstance(offset, int):
            return offset
        error = error.get(error.get(".tag"))
    return 0


def _with_scope(reply: Reply, tags: str) -> str:
    error = _error_of(reply)
    scope = error.get("required_scope") if isinstance(error, Mapping) else None
    return f"{tags} ({scope})" if isinstance(scope, str) and _SCOPE.fullmatch(scope) else tags


def _speaks_of_size(reply: Reply) -> bool:
    return not reply.json and re.search(rb"(?i)too (large|big|long)|request header", reply.body) is not None


def _positive(seconds: Any) -> float | None:
    if isinstance(seconds, (int, float)) and math.isfinite(seconds) and seconds > 0:
        return float(seconds)
    return None
