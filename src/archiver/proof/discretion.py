"""What must not stand in a log that everybody who looks after the service may read: secrets, and whole phone numbers. Pure.

Nobody passes either to the audit log on purpose. This is for the text of an error or a name in which one hides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["discreet", "discreet_text"]

_SECRET: Final = re.compile(r"secret|token|password|passphrase|verifier|authorization|cookie|\bcode\b|api_?key|private_?key", re.IGNORECASE)
"""Names whose values are left out, whatever they are."""
_BEARER: Final = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_DATE: Final = r"(?!\d{4}-\d\d-\d\d(?!\d))"
_NUMBER: Final = re.compile(rf"(?<![^\W_]){_DATE}\+?\(?\d(?:[ ().-]{{0,3}}\d){{6,14}}(?![^\W_])")
"""Seven to fifteen digits, as phone numbers are written; longer ones are other ids (https://www.itu.int/rec/T-REC-E.164)."""
_SHOWN: Final = 3


def discreet(value: Any) -> Any:
    """A JSON value in which no text is a secret or a whole phone number. Numbers that are numbers are ids of ours, and stay."""
    match value:
        case str():
            return discreet_text(value)
        case Mapping():
            return {str(name): "…" if _SECRET.search(str(name)) else discreet(inner) for name, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [discreet(inner) for inner in value]
        case _:
            return value


def discreet_text(text: str) -> str:
    """A text in which of a phone number only the last digits are shown."""
    return _NUMBER.sub(_masked, _BEARER.sub(r"\1 …", text))


def _masked(found: re.Match[str]) -> str:
    return "…" + re.sub(r"\D", "", found[0])[-_SHOWN:]
