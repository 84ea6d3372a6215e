"""The language of ``fields``: which parts of an answer are wanted (``id,name``, ``files(id,size)``, ``files/id``, ``*``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from archiver.sandbox.google.refusals import invalid

__all__ = ["Mask", "only", "parse_fields"]

Mask = dict[str, "Mask"]
"""Names, and what is wanted of each: everything if that is empty."""

_TOKEN = re.compile(r"[A-Za-z0-9_*-]+|[(),/]")


def parse_fields(text: str) -> Mask:
    """Reads a mask.

    Raises:
        Refusal: It cannot be read.
    """
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != re.sub(r"\s", "", text):
        raise invalid("fields", f"Invalid field selection {text}")
    mask, rest = _group(tokens)
    if rest or not mask:
        raise invalid("fields", f"Invalid field selection {text}")
    return mask


def only(value: Any, mask: Mask) -> Any:
    """The wanted parts of a value."""
    if not mask or "*" in mask:
        return value
    if isinstance(value, list):
        return [only(one, mask) for one in value]
    if isinstance(value, Mapping):
        return {name: only(value[name], inner) for name, inner in mask.items() if name in value}
    return value


def _group(tokens: list[str]) -> tuple[Mask, list[str]]:
    """Reads names up to the end or to a closing bracket; what is left comes back."""
    mask: Mask = {}
    while tokens and tokens[0] != ")":
        name, tokens = tokens[0], tokens[1:]
        inner = mask.setdefault(name, {})
        while tokens and tokens[0] == "/":
            inner = inner.setdefault(tokens[1] if len(tokens) > 1 else "", {})
            tokens = tokens[2:]
        if tokens and tokens[0] == "(":
            found, tokens = _group(tokens[1:])
            if not tokens:
                return {}, ["("]  # never closed
            inner.update(found)
            tokens = tokens[1:]
        if tokens and tokens[0] == ",":
            tokens = tokens[1:]
    return mask, tokens
