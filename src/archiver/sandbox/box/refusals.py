"""Errors as Box writes them: a code, a status, and what a name conflicts with (https://developer.box.com/guides/api-calls/permissions-and-errors)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archiver.sandbox.replies import Refusal, Reply, json_reply, oauth_refusal

__all__ = ["Refusal", "Reply", "box_refusal", "json_reply", "not_found", "oauth_refusal", "taken", "unauthenticated"]


def box_refusal(
    status: int, code: str, message: str, *, context: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> Refusal:
    """One error."""
    body = {"type": "error", "status": status, "code": code, "message": message, "request_id": "sandbox", "help_url": ""}
    return Refusal(json_reply(body | ({"context_info": context} if context else {}), status=status, headers=headers), code)


def not_found(code: str = "not_found") -> Refusal:
    """There is no such item or session."""
    return box_refusal(404, code, "Not Found")


def taken(shown: Mapping[str, Any], *, making_folder: bool) -> Refusal:
    """Something has the name already; where a folder was to be made, Box tells it in a list."""
    context = {"conflicts": [shown] if making_folder else shown}
    return box_refusal(409, "item_name_in_use", "Item with the same name already exists", context=context)


def unauthenticated() -> Refusal:
    """The access token does not hold. There is no body."""
    header = 'Bearer realm="Service", error="invalid_token", error_description="The access token provided is invalid."'
    return Refusal(Reply(status=401, headers={"WWW-Authenticate": header}), "unauthorized")
