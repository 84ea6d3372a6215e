"""RingCentral's language, translated: the only place that reads its words. Its texts are never shown, since they may name people."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from archiver.errors import (
    ArchiverError,
    MisconfiguredError,
    ReconnectNeededError,
    SourceGoneError,
    SourceThrottledError,
    TransientError,
    UnavailableError,
)
from archiver.http import replies
from archiver.http.replies import UNREADABLE
from archiver.sources.ringcentral.budget import Told

__all__ = ["ParameterError", "Reply", "code_of", "network_error", "reply_error", "retry_after", "token_error", "told"]

_CODE = re.compile(r"[A-Z]{2,5}-\d{1,4}")
_RECONNECT = "Connect this RingCentral account again."


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is no success, or a whole one.

    Attributes:
        status: Of HTTP.
        headers: By name, case ignored.
        body: Whole, or the beginning of an error's.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Reply({self.status})"


class ParameterError(MisconfiguredError):
    """RingCentral does not take what it was asked with: a token that is too old, a time that is none.

    Args:
        code: RingCentral's, such as ``CLG-101``.
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message, hint="")
        self.code = code


def code_of(reply: Reply) -> str:
    """RingCentral's code of an error; empty if there is none."""
    try:
        fields: Any = msgspec.json.decode(reply.body)
    except UNREADABLE:
        return ""
    if not isinstance(fields, dict):
        return ""
    errors = fields.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else fields
    code = first.get("errorCode")
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def reply_error(reply: Reply, route: str, now: float) -> ArchiverError:
    """What a refusal means, but for a 401 and a 429, which `archiver.sources.ringcentral.api` deals with."""
    code = code_of(reply)
    text = f"RingCentral answered {reply.status} at {route}" + (f" ({code})" if code else "")
    match reply.status:
        case 400:
            return ParameterError(text, code=code)
        case 401:
            return ReconnectNeededError("RingCentral does not take the access token", hint=_RECONNECT)
        case 403:
            hint = "The application needs the scopes, and its user the permissions, that docs/ringcentral.md names."
            return MisconfiguredError(f"RingCentral does not permit {route}" + (f" ({code})" if code else ""), hint=hint)
        case 404 | 410:
            return SourceGoneError(text)
        case 503:
            wait = retry_after(reply, now)
            return TransientError(text) if wait is None else SourceThrottledError(text, retry_after=wait)
        case _:
            return TransientError(text)


def token_error(reply: Reply, now: float) -> ArchiverError | None:
    """What it means that the token endpoint cannot serve now; None if it means something else."""
    if reply.status != 429 and reply.status < 500:
        return None
    wait = retry_after(reply, now)
    hint = "" if wait is None else f"It asks to be left alone for {math.ceil(wait)} s."
    return UnavailableError(f"RingCentral gave no access token now (status {reply.status})", hint=hint)


def network_error(error: Exception, route: str) -> ArchiverError:
    """What it means that no (whole) answer came."""
    return replies.network_error(error, "RingCentral", route, "the option base_url")


def told(headers: Mapping[str, str]) -> Told:
    """What an answer's headers say about its limit; nothing if they are not whole."""
    group = headers.get("X-Rate-Limit-Group", "").strip().lower()
    try:
        limit, remaining = int(headers["X-Rate-Limit-Limit"]), int(headers["X-Rate-Limit-Remaining"])
        window = float(headers.get("X-Rate-Limit-Window", "60"))
    except (KeyError, ValueError):
        return Told()
    if not group or limit < 1 or not (math.isfinite(window) and window > 0):
        return Told()
    return Told(group=group, limit=limit, remaining=max(0, remaining), window=window)


def retry_after(reply: Reply, now: float) -> float | None:
    """Seconds of a reply's Retry-After; None if it does not ask for any."""
    return replies.retry_after(reply.headers.get("Retry-After", ""), now)
