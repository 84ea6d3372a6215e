"""The net under every log line: what looks like a secret is struck out, what looks like a phone number keeps its last four digits.

Nothing should fall into it: events carry neither, and errors name keys and no values. But texts of providers and libraries come along,
and people paste logs where others can read them.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

__all__ = ["Redaction", "struck"]

_SECRET = re.compile(
    r"(?P<bearer>\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}"
    r"|\b(?:sl|ghp|xox[abp])[._-][\w.-]{8,}"  # tokens that tell by themselves what they are; Dropbox's begin with sl.
    r"|\b(?:ya29\.|1//|GOCSPX-)[\w.-]{8,}"  # Google's
    r"|\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"  # a JSON web token
    r"|(?P<name>\b(?:access_token|refresh_token|id_token|client_secret|app_secret|assertion|code|code_verifier|password|passwd|secret"
    r"|signature|sig|upload_id|x-amz-signature|x-amz-credential)(?:[\"']?\s*[=:]\s*|%3d)[\"']?)[^\s\"'&,;}]+"
    r"|(?P<user>://[^\s:/@]+:)[^\s@/]+(?=@)",
    re.IGNORECASE,
)
_PHONE = re.compile(
    r"(?<![\w.+-])(?:"
    r"\+\d(?:[ ().-]{0,2}\d){6,14}"  # +44 20 7946 0958
    r"|(?:1[ .-]?)?\(?[2-9]\d\d\)?[ .-]?[2-9]\d\d[ .-]?\d{4}"  # (555) 234-5678, and the same without anything between
    r")(?![\w-])"
)
_SHOWN = 4
_LIKELY = 7
"""A shorter text is neither."""


def struck(text: str, *, phones: bool = True) -> str:
    """The text without what looks like a secret, and with phone numbers masked.

    Args:
        text: Any.
        phones: Whether phone numbers are masked, too.
    """
    if len(text) < _LIKELY:
        return text
    text = _SECRET.sub(_starred, text)
    return _PHONE.sub(_masked, text) if phones else text


class Redaction:
    """A structlog processor that strikes out of every field, however deep.

    Args:
        phones: Whether phone numbers are masked, too; not while somebody debugs.
    """

    def __init__(self, *, phones: bool) -> None:
        self._phones = phones

    def __call__(self, _logger: Any, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Strikes."""
        for name, value in fields.items():
            if isinstance(value, str):
                if len(value) >= _LIKELY and name != "timestamp":
                    fields[name] = struck(value, phones=self._phones)
            elif not isinstance(value, int | float):
                fields[name] = self._value(value)
        return fields

    def _value(self, value: Any) -> Any:
        match value:
            case str():
                return struck(value, phones=self._phones)
            case dict():
                return {key: self._value(one) for key, one in value.items()}
            case list() | tuple():
                return [self._value(one) for one in value]
            case None | int() | float():
                return value
            case _:
                return struck(str(value), phones=self._phones)


def _starred(found: re.Match[str]) -> str:
    return (found["bearer"] or found["name"] or found["user"] or "") + "***"


def _masked(found: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", found[0])
    return "…" + digits[-_SHOWN:]
