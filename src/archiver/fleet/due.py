"""When which source is to be looked at again; pure. However many there are, only the earliest matters."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["Due"]

K = TypeVar("K", bound=Hashable)
_FEW = 64


class Due(Generic[K]):
    """Moments of the clock's time, the earliest first; each key has one at most. Of equal ones the order of telling counts."""

    def __init__(self) -> None:
        self._when: dict[K, tuple[float, int]] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._when)

    def at(self, when: float, key: K) -> None:
        """The key is due then, and no longer at another moment."""
        number = next(self._numbers)
        self._when[key] = when, number
        heapq.heappush(self._heap, (when, number, key))
        if len(self._heap) > 2 * len(self._when) + _FEW:
            self._heap = [(when, number, key) for key, (when, number) in self._when.items()]
            heapq.heapify(self._heap)

    def forget(self, key: K) -> None:
        """The key is not due at all; harmless if it was not."""
        self._when.pop(key, None)

    @property
    def next(self) -> float | None:
        """The earliest moment; None if there is none."""
        while self._heap and self._when.get(self._heap[0][2]) != self._heap[0][:2]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take(self, now: float) -> K | None:
        """What has been due the longest, taken out; None if nothing is."""
        when = self.next
        if when is None or when > now:
            return None
        _, _, key = heapq.heappop(self._heap)
        del self._when[key]
        return key
