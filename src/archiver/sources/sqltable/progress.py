"""Where the finding of rows stands; pure.

Rows come in the order of (order column, id). A row that is committed late, with a value smaller than what was seen already, would never
be found by going on from the newest place. So a stretch before the newest place, the *overlap*, is looked at again and again; the stored
cursor is its beginning.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from archiver.model import Millis
from archiver.sources.sqltable.values import read_value, write_value

__all__ = ["Place", "Progress"]

_REMEMBERED = 100_000
_FUTURE_MS = 86_400_000
"""Clocks are wrong by hours; a row from further in the future has a wrong time."""


class Place(NamedTuple):
    """A row's place: the value of the order column, and the id."""

    order: Any
    id: Any


class Progress:
    """How far rows were found.

    Args:
        cursor: As `cursor` wrote it, perhaps in another process; empty to begin at the beginning.
        column: The order column; a cursor of another column is worth nothing.
        overlap: How much is looked at again, in seconds of the order column.

    Attributes:
        newest: Behind this place everything is new; None at the very beginning.
    """

    def __init__(self, cursor: str, *, column: str, overlap: float) -> None:
        self.newest = _read_cursor(cursor, column)
        self._column = column
        self._overlap = overlap * 1000
        self._before = self.newest
        """The beginning of the overlap."""
        self._samples: deque[tuple[Millis, Place]] = deque()
        self._newest_at: Millis | None = None
        self._told: dict[tuple[str, str], None] = {}

    @property
    def overlap_start(self) -> Place | None:
        """Where to look again from; None for the beginning."""
        return self._before

    def page(self, rows: Sequence[tuple[Place, Millis | None]], *, now: Millis, newest: bool) -> list[bool]:
        """Takes note of a page of rows, and moves `newest` and the overlap's beginning.

        Args:
            rows: The place of each, and its order value as a time, None if it is not one.
            now: The time.
            newest: The page was read from `newest` on, not from the overlap's beginning.

        Returns:
            For each row whether it is to be told: False if it was told already, just as it is.
        """
        # A row without a sensible time may sort behind all that is still to come: nothing is gone on with from there.
        sound = [(place, at) for place, at in rows if at is not None and at <= now + _FUTURE_MS]
        if sound:
            last, at = sound[-1]
            if newest:
                self.newest = last
            self._newest_at = max(self._newest_at or at, at)
            self._samples.append((at, last))
            while self._samples and self._samples[0][0] <= self._newest_at - self._overlap:
                self._before = self._samples.popleft()[1]
        return [self._is_new(place) for place, _ in rows]

    def _is_new(self, place: Place) -> bool:
        key = (write_value(place.order), write_value(place.id))
        if key in self._told:
            return False
        if len(self._told) >= _REMEMBERED:
            # The oldest; telling a row twice is harmless.
            del self._told[next(iter(self._told))]
        self._told[key] = None
        return True

    def again(self) -> None:
        """Says that the overlap is looked at from its beginning now; its pages are sampled anew."""
        self._samples.clear()

    def cursor(self) -> str:
        """The beginning of the overlap as text, for a restart."""
        if self._before is None:
            return ""
        return msgspec.json.encode([self._column, write_value(self._before.order), write_value(self._before.id)]).decode()


def _read_cursor(cursor: str, column: str) -> Place | None:
    if not cursor:
        return None
    try:
        written, order, id_ = msgspec.json.decode(cursor, type=tuple[str, str, str])
        return Place(read_value(order), read_value(id_)) if written == column else None
    except (ValueError, msgspec.MsgspecError):
        # Another version's, or another table's: everything is found again, which is harmless.
        return None
