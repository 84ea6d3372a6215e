"""When which lane is to be looked at again; pure. Holds what is due of a lane once, however often it is told."""

from __future__ import annotations

import heapq

from archiver.model import LaneId, Millis

__all__ = ["Timers"]

_MOST_OF_A_LANE = 100


class Timers:
    """Moments of the clock's time, the earliest first."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, LaneId, Millis]] = []
        self._due: dict[LaneId, set[Millis]] = {}

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def next(self) -> float | None:
        """The earliest moment; None if there is none."""
        return self._heap[0][0] if self._heap else None

    def at(self, when: float, lane: LaneId) -> None:
        """The lane is to be looked at then."""
        heapq.heappush(self._heap, (when, lane, 0))

    def due(self, when: float, lane: LaneId, ready_at: Millis) -> None:
        """Something of the lane is due then. The sweep tells the same ones again and again, and finds what is more than is kept here.

        Args:
            when: Of the clock's time.
            lane: Which.
            ready_at: The same moment as the database has it.
        """
        known = self._due.setdefault(lane, set())
        if ready_at not in known and (len(known) < _MOST_OF_A_LANE or ready_at < min(known)):
            known.add(ready_at)
            heapq.heappush(self._heap, (when, lane, ready_at))

    def ring(self, now: float) -> set[LaneId]:
        """Takes out what is over; the lanes concerned."""
        rung: set[LaneId] = set()
        while self._heap and self._heap[0][0] <= now:
            _, lane, ready_at = heapq.heappop(self._heap)
            rung.add(lane)
            known = self._due.get(lane)
            if known is not None:
                known.discard(ready_at)
                if not known:
                    del self._due[lane]
        return rung
