"""What refusals of object stores mean: by the store's own word for it, else by the status. Each store gives its words as data.

Messages quote the store's code, never its free text: that may repeat a key or a signature.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from archiver.errors import (
    ArchiverError,
    ConflictError,
    MisconfiguredError,
    QuotaFullError,
    ReconnectNeededError,
    RejectedError,
    ThrottledError,
    TransientError,
)
from archiver.http.replies import retry_after

__all__ = ["Dialect", "InTheWayError", "Meaning", "NotThereError", "Reply", "error_of", "is_of_pace"]

Meaning = tuple[type[ArchiverError], str]
"""The error, and the hint for a person."""

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class InTheWayError(ConflictError):
    """Something has the key; whether its bytes are ours, only a look can tell."""


class NotThereError(TransientError):
    """What was begun, or the object, is not known (any more)."""


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """A store's words.

    Attributes:
        provider: As people call it.
        options: Where its address is set, for hints.
        throttles: Codes that refuse a call for its rate, whatever the status.
        meanings: What other codes mean; what is not here is judged by its status.
    """

    provider: str
    options: str
    throttles: frozenset[str]
    meanings: Mapping[str, Meaning]


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal, as far as it matters here.

    Attributes:
        call: What was asked for, for messages.
        status: Of HTTP.
        code: The store's word for it; empty if it gave none.
        retry_after: The header, or empty.
    """

    call: str
    status: int
    code: str
    retry_after: str = ""


_BY_STATUS: dict[int, Meaning] = {
    401: (ReconnectNeededError, "Give the keys of this destination anew."),
    403: (MisconfiguredError, "The keys lack a permission; docs/object-storage.md lists what is needed."),
    408: (TransientError, ""),
    409: (TransientError, ""),
    412: (InTheWayError, "Something else stands where this item belongs; move it away, then retry."),
    413: (RejectedError, ""),
    425: (TransientError, ""),
    507: (QuotaFullError, "Make room; the lane goes on by itself."),
}


def error_of(reply: Reply, dialect: Dialect, now: float) -> ArchiverError:
    """What a refusal means.

    Args:
        reply: What came back.
        dialect: The store's words.
        now: Seconds since the epoch, for a Retry-After that is a date.
    """
    code = reply.code if _CODE.fullmatch(reply.code) else ""
    shown = f"{dialect.provider} refused to {reply.call}: {code or f'status {reply.status}'}"
    # A 503 that says when to come again speaks of the rate, whatever its code.
    if reply.status == 429 or code in dialect.throttles or (reply.status == 503 and reply.retry_after and code not in dialect.meanings):
        return ThrottledError(shown, retry_after=retry_after(reply.retry_after, now))
    check = (MisconfiguredError, f"Check the bucket or container, and {dialect.options}.")
    failed = (TransientError, "")
    kind, hint = dialect.meanings.get(code) or _BY_STATUS.get(reply.status) or (check if 300 <= reply.status < 500 else failed)
    return kind(shown, hint=hint)


def is_of_pace(error: ArchiverError) -> bool:
    """Whether the pacer must hear of it: the call was refused for its rate, or the store itself failed."""
    return isinstance(error, ThrottledError) or type(error) is TransientError
