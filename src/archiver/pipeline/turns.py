"""Turns: which lanes are awake when more of them have work than one process should hold awake; pure.

An awake lane costs memory, and a little of every sharing out, whether it gets anything or not. So only so many are awake at a time and
the others wait in a queue of bare numbers: a hundred thousand customers with work cost hardly more than a thousand. While others wait,
a lane that has nothing to do just now goes at once. Those that never run out of work may fill half of the places; where there are more
of them, the ones that have been awake longest go when their turn is over, and come back behind everybody who waits. Who comes new goes
before those that come back, so a quiet customer never waits behind the backlog of others.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable

from archiver.model import LaneId
from archiver.pipeline.lane import Lane

__all__ = ["MOST_AWAKE", "TURN_SECONDS", "Turns"]

MOST_AWAKE = 2000
"""So many lanes are awake at most. More would not be quicker: each of them keeps several uploads under way."""
TURN_SECONDS = 5.0
"""How long a lane of weight 1 may stay awake while others wait, if it never runs out of work."""
_AT_ONCE = 50  # woken in one go; the event loop has other things to do between


class Turns:
    """The queue of lanes that have work and are not awake.

    Args:
        most: How many lanes may be awake.
    """

    def __init__(self, most: int = MOST_AWAKE) -> None:
        self._most = most
        self._gather = max(1, min(_AT_ONCE, most // 20))
        self._new: dict[LaneId, None] = {}
        self._back: dict[LaneId, None] = {}
        self._resting: dict[LaneId, float] = {}

    def __len__(self) -> int:
        return len(self._new) + len(self._back)

    def want(self, lane_id: LaneId, now: float) -> bool:
        """The lane has work. Returns whether it waits for its turn now: one that rests does not."""
        until = self._resting.get(lane_id, -math.inf)
        if until > now:
            return False
        if until > -math.inf:
            del self._resting[lane_id]
        if lane_id not in self._back:
            self._new[lane_id] = None
        return True

    def put_away(self, lane: Lane, awake: int, now: float) -> float | None:
        """The lane is not awake any more.

        Returns:
            When it is to be wanted again, if others wait for its place and it could not do anything before: until then nobody's hint
            wakes it. None if it need not be.
        """
        if lane.turn_over:
            self._back[lane.id] = None
        until = lane.closed_before
        if until <= now or not self.crowded(awake):
            return None
        self._resting[lane.id] = until
        return until

    def next(self, awake: int) -> list[LaneId]:
        """The lanes whose turn it is, taken out of the queue.

        Args:
            awake: How many are awake.
        """
        free = min(self._most - awake, _AT_ONCE)
        taken: list[LaneId] = []
        for queue in (self._new, self._back):
            for lane_id in list(_first(queue, free - len(taken))):
                del queue[lane_id]
                taken.append(lane_id)
        return taken

    def free(self, awake: int) -> bool:
        """Whether somebody waits whose turn it is. While many wait, some places are left to gather: waking many at once is cheaper."""
        return 0 < min(len(self), self._gather) <= self._most - awake

    def crowded(self, awake: int) -> bool:
        """Whether more wait than there are places."""
        return len(self) > self._most - awake

    def over(self, awake: Collection[Lane], now: float) -> list[Lane]:
        """The lanes that must make room for those who wait: the ones that have been awake longest.

        Half of the places are nobody's to lose: those who come new pass through the other half, mostly quickly. So a large customer goes
        on beside very many small ones, and only where large ones alone would fill the house they take turns.
        """
        if not self.crowded(len(awake)):
            return []
        long = [lane for lane in awake if not lane.stopping and now - lane.woke_at >= TURN_SECONDS * lane.customer.weight]
        going = sum(lane.turn_over for lane in long)
        needed = min(len(self), len(long) - self._most // 2) - going
        return [lane for lane in long if not lane.turn_over][: max(0, needed)]


def _first(queue: Iterable[LaneId], count: int) -> Iterable[LaneId]:
    """The first of a queue, at most so many."""
    for number, lane_id in enumerate(queue):
        if number >= count:
            return
        yield lane_id
