"""Answers of clouds that speak JSON, and refusals on their way out of a handler; what an error says, each cloud knows for itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["Refusal", "Reply", "json_reply", "oauth_refusal"]

_encode = msgspec.json.Encoder().encode


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One answer.

    Attributes:
        status: Of HTTP.
        body: All of it.
        content_type: As most of them spell it.
        headers: Further ones.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=UTF-8"
    headers: Mapping[str, str] = {}


class Refusal(Exception):  # noqa: N818  a refusal is an answer, not an error of the sandbox
    """Leaves a handler to be answered with its reply; ``reason`` is the cloud's."""

    def __init__(self, reply: Reply, reason: str = "") -> None:
        super().__init__(f"{reply.status} {reason}")
        self.reply = reply
        self.reason = reason


def json_reply(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer in JSON."""
    return Reply(status=status, body=_encode(value), headers=headers or {})


def oauth_refusal(error: str, description: str, *, status: int = 400) -> Refusal:
    """An error of the token endpoint (RFC 6749, 5.2)."""
    return Refusal(json_reply({"error": error, "error_description": description}, status=status), error)
