"""The arithmetic of demand: who asked for how much, and who gets the next events. Pure: no clock, no tasks, no I/O."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Any, Generic, Protocol, TypeVar

__all__ = ["Asking", "DemandLedger"]


class Asking(Protocol):
    """Somebody who asks for events. The ledger it belongs to is the only one who writes these."""

    outstanding: int
    """Asked and not yet delivered."""
    turn: int
    """Its present place in the ledger's queue; 0 if it has none."""


A = TypeVar("A", bound=Asking)


class DemandLedger(Generic[A]):
    """Demand of several askers for the same events.

    The one who asked for most is served first; among equals the one whose demand last changed is behind the others.
    (GenStage's ``DemandDispatcher`` keeps a sorted list with stable insertion; a heap of (demand, turn) has the same order.)
    Every operation is O(log askers), for a single asker O(1).
    """

    __slots__ = ("_heap", "_members", "_turn", "total")

    def __init__(self) -> None:
        self.total = 0
        """Asked by all and not yet delivered."""
        self._members: dict[A, None] = {}
        self._heap: list[tuple[int, int, A]] = []
        self._turn = 0

    def __len__(self) -> int:
        return len(self._members)

    def add(self, asker: A) -> None:
        """Takes in somebody who has asked for nothing yet."""
        if len(self._members) == 1:  # a single asker needs no queue; the second makes one necessary
            (only,) = self._members
            if only.outstanding:
                self._queue(only)
        self._members[asker] = None

    def remove(self, asker: A) -> None:
        """Forgets somebody, and what it asked for with it."""
        self.retract(asker, asker.outstanding)
        del self._members[asker]
        if len(self._members) <= 1:
            self._heap.clear()

    def ask(self, asker: A, count: int) -> None:
        """Adds to somebody's demand."""
        asker.outstanding += count
        self.total += count
        if len(self._members) > 1:
            self._queue(asker)

    def retract(self, asker: A, count: int) -> int:
        """Takes back at most so much of somebody's demand; returns how much it was."""
        count = min(count, asker.outstanding)
        if count:
            asker.outstanding -= count
            self.total -= count
            if len(self._members) > 1:
                self._queue(asker)
        return count

    def split(self, events: list[Any]) -> list[tuple[A, list[Any]]]:
        """Gives the events out, in their order, and books them off.

        Args:
            events: At most ``total`` of them. The list itself may be handed on.

        Returns:
            Who gets which; nobody gets more than it asked for.
        """
        length = len(events)
        if len(self._members) == 1:
            (only,) = self._members
            only.outstanding -= length
            self.total -= length
            return [(only, events)]
        self.total -= length
        shares: list[tuple[A, list[Any]]] = []
        start = 0
        while start < length:
            _, turn, asker = heappop(self._heap)
            if turn != asker.turn:
                continue  # its demand changed since: a later entry holds its place
            take = min(asker.outstanding, length - start)
            shares.append((asker, events[start : start + take] if take < length else events))
            start += take
            asker.outstanding -= take
            self._queue(asker)
        return shares

    def _queue(self, asker: A) -> None:
        """Puts somebody behind all who asked for as much; the former entry becomes stale."""
        if not asker.outstanding:
            asker.turn = 0
            return
        self._turn += 1
        asker.turn = self._turn
        heappush(self._heap, (-asker.outstanding, self._turn, asker))
        if len(self._heap) > 2 * len(self._members) + 8:  # too many stale entries: each was paid for by one push
            self._heap = [(-each.outstanding, each.turn, each) for each in self._members if each.outstanding]
            heapify(self._heap)
