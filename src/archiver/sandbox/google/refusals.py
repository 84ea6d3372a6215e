"""Answers, and errors as Google writes them: a code, a message, and a list with domain and reason.

https://developers.google.com/workspace/drive/api/guides/handle-errors names the reasons. The texts are the sandbox's own, but where a
client is known to read them (rclone tells the daily limit from others by its text).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from archiver.sandbox.replies import Refusal, Reply, json_reply, oauth_refusal

__all__ = ["Refusal", "Reply", "invalid", "json_reply", "not_found", "oauth_refusal", "refusal", "throttled", "unauthenticated"]


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
