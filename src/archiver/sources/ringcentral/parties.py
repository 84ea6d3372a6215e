"""Who called, wrote or was reached: numbers as the call log has them, plain, formatted or masked; pure.

``phoneNumber`` is usually plain, sometimes formatted (``(866)123-4567``), sometimes masked (``+1855201XXXX``), and often not there
(description of the call log's ``from``). A number is cleaned, never completed: nobody knows the country of ``(866)123-4567``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from archiver.sources.replies import clean_name

__all__ = ["is_masked", "number_of", "plain_number", "shown"]

_FORMATTING = re.compile(r"[\s().\-/\u2010-\u2015\u00a0]+")
_NUMBER = re.compile(r"\+?[0-9*#]*[xX]*[0-9*#xX]*")
_MASKED = re.compile(r"[0-9][xX]{2,}")


def plain_number(text: str) -> str:
    """A number without its formatting, masked places as ``X``; any other text as it is, cleaned."""
    cleaned = clean_name(text)
    bare = _FORMATTING.sub("", cleaned)
    if _NUMBER.fullmatch(bare) and any(sign.isdecimal() for sign in bare):
        return bare.upper()
    return cleaned


def is_masked(number: str) -> bool:
    """Whether digits of a number are hidden: it must not be compared with others, nor called."""
    return _MASKED.search(number) is not None


def number_of(party: Any) -> str:
    """What tells a party best: its number, else its extension, else its name; empty if nothing does."""
    if not isinstance(party, Mapping):
        return ""
    for field in ("phoneNumber", "extensionNumber"):
        if value := plain_number(str(party.get(field) or "")):
            return value
    return clean_name(str(party.get("name") or ""))


def shown(parties: Any) -> str:
    """One or several parties as a person reads them: number and name."""
    several: Sequence[Any] = parties if isinstance(parties, list) else [parties]
    texts = []
    for party in several:
        number = number_of(party)
        name = clean_name(str(party.get("name") or "")) if isinstance(party, Mapping) else ""
        texts.append(f"{number} ({name})" if number and name and name != number else number or name)
    return ", ".join(text for text in texts if text) or "unknown"
