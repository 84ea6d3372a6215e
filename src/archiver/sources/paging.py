"""Pages of what one look found: no longer than a page may be, and none with a cursor that says more than was told. Pure.

In: discoveries, and the cursors before and after them. Out: pages for whoever asked the source.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archiver.model import Discovery
from archiver.sources.port import Page

__all__ = ["pages_of"]

_PAGE_ITEMS = 1000


def pages_of(discoveries: Sequence[Discovery], before: str, after: str) -> Iterator[Page]:
    """Pages of at most a thousand; only with the last one of them ``after`` is reached, so the others keep the cursor before it."""
    for start in range(0, len(discoveries), _PAGE_ITEMS):
        end = start + _PAGE_ITEMS
        yield Page(discoveries=discoveries[start:end], cursor=after if end >= len(discoveries) else before)
