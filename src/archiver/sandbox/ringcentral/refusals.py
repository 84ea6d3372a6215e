"""Refusals in RingCentral's form: a list of errors with codes, and the older single error beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["Answer", "Refusal", "forbidden", "invalid", "not_found", "oauth_refusal", "throttled", "token_refused"]


class Answer(msgspec.Struct, kw_only=True):
    """What is sent back.

    Attributes:
        status: Of HTTP.
        body: The bytes.
        content_type: Theirs.
        headers: More of them.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json;charset=utf-8"
    headers: Mapping[str, str] = {}


class Refusal(Exception):  # noqa: N818  an answer, not a mistake
    """Ends a request with an answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def _refusal(status: int, code: str, message: str, **more: Any) -> Refusal:
    error = {"errorCode": code, "message": message, **more}
    return Refusal(Answer(status=status, body=msgspec.json.encode({**error, "errors": [error]})))


def invalid(parameter: str, code: str = "CMN-101") -> Refusal:
    """400: a parameter is not right."""
    return _refusal(400, code, f"Parameter [{parameter}] value is invalid", parameterName=parameter)


def not_found(parameter: str) -> Refusal:
    """404: there is no such thing, or no longer."""
    return _refusal(404, "CMN-102", f"Resource for parameter [{parameter}] is not found", parameterName=parameter)


def forbidden(permission: str) -> Refusal:
    """403: the user or the application may not."""
    message = f"In order to call this API endpoint, user needs to have [{permission}] permission for requested resource."
    return _refusal(403, "CMN-408", message, permissionName=permission)


def token_refused(code: str, message: str) -> Refusal:
    """401: ``OAU-213`` for one that is unknown, ``OAU-232`` for one that has run out."""
    return _refusal(401, code, message)


def throttled(*, announced: bool) -> Refusal:
    """429: a group's limit, or one of the limits that have no headers."""
    return _refusal(429, "CMN-301" if announced else "CMN-310", "Request rate exceeded")


def oauth_refusal(error: str, description: str, code: str, status: int = 400) -> Refusal:
    """A refusal of the token endpoint (RFC 6749, 5.2, with RingCentral's code)."""
    body = {"error": error, "error_description": description, "errors": [{"errorCode": code, "message": description}]}
    return Refusal(Answer(status=status, body=msgspec.json.encode(body)))
