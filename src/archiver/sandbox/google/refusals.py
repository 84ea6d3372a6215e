"""Answers, and errors as Google writes them: a code, a message, and a list with domain and reason.

https://developers.google.com/workspace/drive/api/guides/handle-errors names the reasons. The texts are the sandbox's own, but where a
client is known to read them (rclone tells the daily limit from others by its text).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["Refusal", "Reply", "invalid", "json_reply", "not_found", "oauth_refusal", "refusal", "throttled", "unauthenticated"]

_encode = msgspec.json.Encoder().encode


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One answer.

    Attributes:
        status: Of HTTP.
        body: All of it.
        content_type: As Google spells it.
        headers: Further ones.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=UTF-8"
    headers: Mapping[str, str] = {}


class Refusal(Exception):  # noqa: N818  a refusal is an answer, not an error of the sandbox
    """Leaves a handler to be answered with its reply; ``reason`` is Google's."""

    def __init__(self, reply: Reply, reason: str = "") -> None:
        super().__init__(f"{reply.status} {reason}")
        self.reply = reply
        self.reason = reason


def json_reply(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer in JSON."""
    return Reply(status=status, body=_encode(value), headers=headers or {})


def refusal(  # noqa: PLR0913  the parts of one error
    status: int,
    reason: str,
    message: str,
    *,
    domain: str = "global",
    location: tuple[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Refusal:
    """One error; ``location`` is its kind and its name: ``("parameter", "fileId")``."""
    entry = {"domain": domain, "reason": reason, "message": message}
    if location is not None:
        entry |= {"locationType": location[0], "location": location[1]}
    body = {"error": {"errors": [entry], "code": status, "message": message}}
    return Refusal(json_reply(body, status=status, headers=headers), reason)


def not_found(file_id: str) -> Refusal:
    """There is no such file, or not for this application."""
    return refusal(404, "notFound", f"File not found: {file_id}.", location=("parameter", "fileId"))


def invalid(name: str, message: str = "Invalid Value") -> Refusal:
    """A parameter makes no sense."""
    return refusal(400, "invalid", message, location=("parameter", name))


def unauthenticated() -> Refusal:
    """The access token does not hold."""
    found = refusal(401, "authError", "Invalid Credentials", location=("header", "Authorization"))
    return Refusal(msgspec.structs.replace(found.reply, headers={"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/"'}))


def throttled(reason: str, message: str, *, status: int, retry_after: int | None) -> Refusal:
    """Too much of something; Google promises no Retry-After."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return refusal(status, reason, message, domain="usageLimits", headers=headers)


def oauth_refusal(error: str, description: str, *, status: int = 400) -> Refusal:
    """An error of the token endpoint (RFC 6749, 5.2)."""
    return Refusal(json_reply({"error": error, "error_description": description}, status=status), error)
