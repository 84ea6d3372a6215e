"""Errors as Microsoft Graph writes them: a code, a message, and an inner error with a code of its own.

https://learn.microsoft.com/graph/errors and https://learn.microsoft.com/onedrive/developer/rest-api/concepts/errors name the codes.
"""

from __future__ import annotations

from collections.abc import Mapping

from archiver.sandbox.replies import Refusal, Reply, json_reply, oauth_refusal

__all__ = ["Refusal", "Reply", "graph_refusal", "json_reply", "not_found", "oauth_refusal", "taken", "unauthenticated"]


def graph_refusal(status: int, code: str, message: str, *, inner: str = "", headers: Mapping[str, str] | None = None) -> Refusal:
    """One error."""
    more = {"date": "2026-01-01T00:00:00", "request-id": "00000000-0000-0000-0000-000000000000"}
    body = {"error": {"code": code, "message": message, "innerError": ({"code": inner} if inner else {}) | more}}
    return Refusal(json_reply(body, status=status, headers=headers), code)


def not_found() -> Refusal:
    """There is no such item, drive or upload."""
    return graph_refusal(404, "itemNotFound", "The resource could not be found.")


def taken() -> Refusal:
    """Something has the name already."""
    return graph_refusal(409, "nameAlreadyExists", "An item with the same name already exists under the parent.")


def unauthenticated(message: str = "Lifetime validation failed, the token is expired.") -> Refusal:
    """The access token does not hold."""
    headers = {"WWW-Authenticate": 'Bearer realm="", error="invalid_token", error_description="expired_token"'}
    return graph_refusal(401, "InvalidAuthenticationToken", message, headers=headers)
