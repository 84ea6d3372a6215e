"""Every answer of the sandbox, and above all every refusal, in the forms of the real service.

The forms: 409 with ``error_summary`` and a tagged union for what a route documents, plain text 400 for what is malformed, 401 with
an ``AuthError``, two kinds of 429 (auth.stone, ``RateLimitError``), 422 for a wrong path root. A summary ends in a random run of
dots, so nobody can lean on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["Refusal", "Reply", "Union", "api_error", "auth_error", "bad_input", "invalid_root", "oauth_error", "throttled", "union"]

Union = dict[str, Any]
"""A tagged union as Stone writes it: ``{".tag": "conflict", "conflict": {".tag": "file"}}``."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One answer.

    Attributes:
        status: Of HTTP.
        body: All of it.
        content_type: Exactly this: the official SDK refuses ``application/json; charset=utf-8``.
        headers: Further ones.
    """

    status: int = 200
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = {}


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not an error of the sandbox
    """Leaves a handler to be answered with its reply."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def union(*tags: str, **fields: Any) -> Union:
    """Nests tags: ``union("path", "conflict", "file")`` is the error ``path/conflict/file``; fields go into the innermost."""
    inner: Union = {".tag": tags[-1], **fields}
    for tag in reversed(tags[:-1]):
        inner = {".tag": tag, tag: inner}
    return inner


def api_error(error: Union) -> Refusal:
    """409: an error which the route documents."""
    return Refusal(Reply(status=409, body=_error_body(error)))


def auth_error(tag: str, **fields: Any) -> Refusal:
    """401: the authorisation does not hold."""
    return Refusal(Reply(status=401, body=_error_body(union(tag, **fields))))


def bad_input(route: str, message: str) -> Refusal:
    """400: what was sent is no call of this route; plain text."""
    text = f'Error in call to API function "{route}": {message}'
    return Refusal(Reply(status=400, body=text.encode(), content_type="text/plain; charset=utf-8"))


def oauth_error(error: str, description: str) -> Refusal:
    """400 in the form of RFC 6749, from the token endpoint."""
    return Refusal(Reply(status=400, body=msgspec.json.encode({"error": error, "error_description": description})))


def invalid_root(namespace: str) -> Refusal:
    """422: the path root in the header is not the account's."""
    root = {".tag": "user", "root_namespace_id": namespace, "home_namespace_id": namespace}
    return Refusal(Reply(status=422, body=_error_body({".tag": "invalid_root", "invalid_root": root})))


def throttled(reason: str, retry_after: int | None, *, in_body: bool, plain_text: bool) -> Refusal:
    """429.

    Args:
        reason: ``too_many_requests`` or ``too_many_write_operations``.
        retry_after: Whole seconds for the header; None leaves it out.
        in_body: Tell it in the body too (the real service does not for ``too_many_write_operations``).
        plain_text: Answer without JSON, as the real service sometimes does for ``too_many_requests``.
    """
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if plain_text:
        text = f"Error: {reason}".encode()
        return Refusal(Reply(status=429, body=text, content_type="text/plain; charset=utf-8", headers=headers))
    error: Union = {"reason": {".tag": reason}}
    if in_body and retry_after is not None:
        error["retry_after"] = retry_after
    body = msgspec.json.encode({"error_summary": f"{reason}/..", "error": error})
    return Refusal(Reply(status=429, body=body, headers=headers))


def _error_body(error: Union) -> bytes:
    tags = []
    inner: Any = error
    while isinstance(inner, dict) and ".tag" in inner:
        tags.append(inner[".tag"])
        inner = inner.get("reason", inner.get(inner[".tag"]))
    summary = "/".join(tags)
    dots = "." * (1 + len(summary) % 3)
    return msgspec.json.encode({"error_summary": f"{summary}/{dots}", "error": error})
