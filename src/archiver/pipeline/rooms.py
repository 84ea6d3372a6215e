"""Room at the sources: how many items of each budget may be read now. What was taken of it and has not asked for its bytes counts as used.

A lane's demand is the smaller of what its destination takes and what its source gives: this is the second half. While a source has no room
nothing of that budget is read from the Database, so nothing waits in a place that others could have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from archiver.pipeline.reading import BUDGETS, Key
from archiver.sources.port import Paced, Room, Source
from genstage.clock import Clock

__all__ = ["Rooms"]

_SOON = 0.02  # seconds after which what was taken has surely asked
_PLENTY = Room(items=1_000_000)


class Rooms:
    """What the open sources have room for.

    Args:
        clock: Time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._paced: dict[int, Paced] = {}
        self._taken: dict[int, Key] = {}
        self._counts: Counter[Key] = Counter()
        self._resting: dict[Key, float] = {}
        self._shut: set[int] = set()

    def open(self, source_id: int, source: Source) -> None:
        """A source was opened, perhaps anew."""
        self._shut.discard(source_id)
        if isinstance(source, Paced):
            self._paced[source_id] = source

    def close(self, source_id: int) -> None:
        """It is not open any more."""
        self._paced.pop(source_id, None)
        self._shut.discard(source_id)

    def shut(self, source_id: int) -> None:
        """It gives nothing until it is opened anew: its link no longer works."""
        self._shut.add(source_id)

    def lets_in(self, source_id: int) -> bool:
        """Whether it is worth asking the source for bytes. What a paced source gives for nothing, it gives without its link."""
        return source_id not in self._shut or source_id in self._paced

    def keys(self, source_ids: Iterable[int]) -> list[Key]:
        """The budgets of those of these sources that have any."""
        return [BUDGETS * source_id + budget for source_id in source_ids if source_id in self._paced for budget in range(1, BUDGETS)]

    def knows(self, key: Key) -> bool:
        """Whether the source is open and paced."""
        return key // BUDGETS in self._paced

    def of(self, key: Key) -> Room:
        """How much room there is, for somebody who only looks."""
        return self._room(key, wanted=False)

    def wanted(self, key: Key) -> Room:
        """How much room there is, for somebody who has something to read."""
        return self._room(key, wanted=True)

    def _room(self, key: Key, *, wanted: bool) -> Room:
        source_id, budget = divmod(key, BUDGETS)
        if source_id in self._shut:
            return Room(items=0, again_in=float("inf"))
        source = self._paced.get(source_id)
        if source is None:
            return _PLENTY
        room = source.room(budget, wanted=wanted)
        rests = self._resting.get(key, 0.0) - self._clock.time()
        if rests > 0:
            return Room(items=0, again_in=max(rests, room.again_in))
        left = room.items - self._counts[key]
        return Room(items=left) if left > 0 else Room(items=0, again_in=max(room.again_in, _SOON))

    def take(self, key: Key, delivery_id: int) -> None:
        """One place is a delivery's, until it has asked for its bytes."""
        self._taken[delivery_id] = key
        self._counts[key] += 1

    def asked(self, delivery_id: int) -> None:
        """It asks for its bytes now, so the source counts it itself; or it never will."""
        key = self._taken.pop(delivery_id, None)
        if key is not None:
            self._counts[key] -= 1

    def rest(self, key: Key, seconds: float) -> None:
        """The source had no room after all, and will not have any before that."""
        self._resting[key] = max(self._resting.get(key, 0.0), self._clock.time() + seconds)
