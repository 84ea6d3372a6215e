"""Answers, and errors as Twilio writes them: a code, a message, where to read more, the status once more."""

from __future__ import annotations

from collections.abc import Mapping

from archiver.sandbox.google.refusals import Refusal, Reply, json_reply

__all__ = ["Refusal", "Reply", "crowded", "forbidden_key", "invalid", "json_reply", "not_found", "unauthenticated"]


def _refusal(status: int, code: int, message: str, headers: Mapping[str, str] | None = None) -> Refusal:
    body = {"code": code, "message": message, "more_info": f"https://www.twilio.com/docs/errors/{code}", "status": status}
    return Refusal(json_reply(body, status=status, headers=headers), str(code))


def unauthenticated() -> Refusal:
    """The key is none, or not this account's."""
    return _refusal(401, 20003, "Authenticate", {"WWW-Authenticate": 'Basic realm="Twilio API"'})


def forbidden_key() -> Refusal:
    """The key is one, and may not see who there is: Twilio says the same of both."""
    return unauthenticated()


def not_found(path: str) -> Refusal:
    """There is no such thing, or no longer."""
    return _refusal(404, 20404, f"The requested resource {path} was not found")


def invalid(what: str) -> Refusal:
    """A parameter is not right."""
    return _refusal(400, 20001, f"Invalid parameter {what}")


def crowded(retry_after: float | None) -> Refusal:
    """Too many calls at once."""
    return _refusal(429, 20429, "Too Many Requests", None if retry_after is None else {"Retry-After": f"{retry_after:g}"})
