"""Box's language, translated into Archiver's errors. Nothing else in this package reads a status or a provider's word.

Messages quote codes (``storage_limit_exceeded``), never the free text beside them: that may repeat a name or an id.
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

__all__ = [
    "ChangedError",
    "EndedError",
    "LockedError",
    "NotThereError",
    "PolicyError",
    "Reply",
    "Rival",
    "TakenError",
    "UnfinishedError",
    "pace_error",
    "reply_error",
    "unfinished",
]

_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ID = re.compile(r"[0-9]{1,30}")
_RECONNECT = "Connect this Box again."
_FREE_SPACE = "Free some space, or raise the account's quota; the lane goes on by itself."
_ACCESS = "The account must be an editor of the folder, and the application needs the scope to write all files and folders."
_NAME = "Use another path template."
_POLICY = "The customer's administrator must let this application write here."
_ACCOUNT = "The customer must log in to Box in a browser once, and do what it asks for."
_LONGEST = 300.0  # seconds for which Box may ask for patience


class Rival(msgspec.Struct, frozen=True):
    """What has a name already.

    Attributes:
        id: Its id.
        is_file: False for a folder, or a bookmark.
        is_folder: False for a file, or a bookmark.
    """

    id: str
    is_file: bool
    is_folder: bool


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
    """A file or a folder is not known (any more), or is in the trash."""


class EndedError(TransientError):
    """An upload session that was begun cannot go on: its file must be sent anew."""


class UnfinishedError(TransientError):
    """Box has all of a file, and is still putting it together.

    Attributes:
        retry_after: Seconds until it is worth asking again.
    """

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TakenError(TransientError):
    """Something has the name already.

    Attributes:
        rival: What; None if Box does not tell.
    """

    def __init__(self, message: str, *, rival: Rival | None = None) -> None:
        super().__init__(message)
        self.rival = rival


class ChangedError(TransientError):
    """A file is not the version any more that was seen last."""


class LockedError(TransientError):
    """A person has locked the file."""


class PolicyError(MisconfiguredError):
    """A rule of the customer's enterprise does not let it be."""


_MEANINGS: dict[str, tuple[type[ArchiverError], str]] = {
    "storage_limit_exceeded": (QuotaFullError, _FREE_SPACE),
    "file_size_limit_exceeded": (RejectedError, "The account's plan takes no file of this size."),
    "item_name_invalid": (RejectedError, _NAME),
    "item_name_too_long": (RejectedError, "Use a shorter path template."),
    "access_denied_item_locked": (LockedError, ""),
    "forbidden_by_policy": (PolicyError, _POLICY),
    "access_from_location_blocked": (MisconfiguredError, _POLICY),
    "password_reset_required": (MisconfiguredError, _ACCOUNT),
    "terms_of_service_required": (MisconfiguredError, _ACCOUNT),
    "user_email_confirmation_required": (MisconfiguredError, _ACCOUNT),
    "operation_blocked_temporary": (TransientError, ""),
    "name_temporarily_reserved": (TransientError, ""),
}
"""By code; what is not here is told by its status."""
_ENDS: dict[str, set[int]] = {
    "session.get": {404, 410},
    "session.parts": {404, 410},
    "session.part": {404, 409, 410, 416},
    "session.commit": {400, 404, 409, 410, 412},
}
"""What says of an upload session that nothing can come of it any more: it is not known, or parts of it are not those that were sent."""
_END_CODES = {"forbidden", "invalid_upload_session_id"}
"""The same by code: it was begun by another user, as whom this storage was connected before; or its id cannot be one."""


def pace_error(reply: Reply, now: float) -> ArchiverError | None:
    """What the pacer must hear of a reply: that it was refused for its rate, or that Box itself failed.

    Args:
        reply: What came back.
        now: Seconds since the epoch, for a Retry-After that is a date.
    """
    status, wait = reply.status, retry_after(reply.retry_after, now)
    if status == 429 or (status == 503 and wait is not None):
        return ThrottledError(f"Box refused {reply.route} for its rate, with status {status}", retry_after=wait)
    if (status >= 500 and status != 507) or status == 408:
        return TransientError(f"Box failed at {reply.route} with status {status}")
    return None


def reply_error(reply: Reply) -> ArchiverError:  # noqa: C901, PLR0911  one return per row of the table
    """What a reply means that is neither a success nor a matter of pace."""
    code, rival = _read(reply.body)
    text = f"Box, {reply.route}: {code or f'status {reply.status}'}"
    if code == "item_name_in_use":
        return TakenError(text, rival=rival)
    if code in _MEANINGS:
        kind, hint = _MEANINGS[code]
        return kind(text, hint=hint)
    if reply.status in _ENDS.get(reply.route, ()) or (reply.route in _ENDS and code in _END_CODES):
        return EndedError(text)
    match reply.status:
        case 401:
            return ReconnectNeededError("Box does not accept the authorisation", hint=_RECONNECT)
        case 403:
            return MisconfiguredError(text, hint=_ACCESS)
        case 404 | 410:
            return NotThereError(text)
        case 412:
            return ChangedError(text)
        case 413:
            return RejectedError(text)
        case 423:
            return LockedError(text)
        case 507:
            return QuotaFullError(text, hint=_FREE_SPACE)
        case 400 | 405 | 406 | 409 | 411 | 415 | 416 | 422:
            return TransientError(text)  # a call that spoils itself must not stop the whole lane; after some tries it is told
        case _:
            return MisconfiguredError(text, hint="Check the options of this destination.")


def unfinished(reply: Reply, now: float) -> UnfinishedError | None:
    """Whether a commit was answered with nothing but a Retry-After (202), as Box does while it puts parts together.

    Args:
        reply: To the commit.
        now: Seconds since the epoch, for a Retry-After that is a date.
    """
    if reply.status != 202:
        return None
    wait = retry_after(reply.retry_after, now)
    return UnfinishedError("Box has all of a file and is still putting it together", retry_after=min(wait or 1.0, _LONGEST))


def _read(body: bytes) -> tuple[str, Rival | None]:
    """The code of an error, and what it conflicts with; nothing if the body is HTML, cut off, or says nothing."""
    try:
        fields: Any = msgspec.json.decode(body)
    except UNREADABLE:
        return "", None
    if not isinstance(fields, Mapping):
        return "", None
    code, context = fields.get("code"), fields.get("context_info")
    rivals = context.get("conflicts") if isinstance(context, Mapping) else None
    if isinstance(rivals, list):  # of folders it is a list, of files it is none
        rivals = rivals[0] if rivals else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else "", _rival(rivals)


def _rival(fields: Any) -> Rival | None:
    if not isinstance(fields, Mapping):
        return None
    rival_id, kind = fields.get("id"), fields.get("type")
    if not isinstance(rival_id, str) or not _ID.fullmatch(rival_id):
        return None
    return Rival(rival_id, is_file=kind == "file", is_folder=kind == "folder")
