"""Pages of what one look found, and the cursors that stand in them. Pure.

In: discoveries, and the cursors before and after them. Out: pages for whoever asked the source; none is longer than a page may be, and none
has a cursor that says more than was told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from archiver.model import Discovery
from archiver.sources.port import Page

__all__ = ["pages_of", "place_of"]

_PAGE_ITEMS = 1000
_Place = TypeVar("_Place", bound=msgspec.Struct)


def place_of(cursor: str, shape: type[_Place]) -> _Place:
    """How far a source has come, of a cursor that is JSON; one of another form begins anew, which finds everything again and harms nobody.

    Args:
        cursor: As it was stored; empty at the very first time.
        shape: A struct all of whose fields have defaults.
    """
    try:
        return msgspec.json.decode(cursor, type=shape) if cursor else shape()
    except msgspec.MsgspecError:
        return shape()


def pages_of(discoveries: Sequence[Discovery], before: str, after: str) -> Iterator[Page]:
    """Pages of at most a thousand; only with the last one of them ``after`` is reached, so the others keep the cursor before it."""
    for start in range(0, len(discoveries), _PAGE_ITEMS):
        end = start + _PAGE_ITEMS
        yield Page(discoveries=discoveries[start:end], cursor=after if end >= len(discoveries) else before)
