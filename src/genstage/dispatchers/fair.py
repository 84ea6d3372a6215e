"""A ledger that gives all askers the same share, whoever asked for most."""

from __future__ import annotations

from itertools import islice
from operator import itemgetter
from typing import Any, Generic, TypeVar

from genstage.demand import Asking

__all__ = ["FairLedger"]

A = TypeVar("A", bound=Asking)


class FairLedger(Generic[A]):
    """Demand of several askers for the same events, served in turn.

    What is split goes in equal chunks to all who have demand, to nobody more than it asked for; what one cannot take the others get.
    The turn goes on where it ended, so single events go round as well. Speaks as `genstage.demand.DemandLedger` does;
    `split` costs O(askers served), with a sort if they are fewer than the events; everything else O(1).
    """

    __slots__ = ("_members", "_ring", "total")

    def __init__(self) -> None:
        self.total = 0
        """Asked by all and not yet delivered."""
        self._members: dict[A, None] = {}
        self._ring: dict[A, None] = {}  # those with demand; the first is next

    def __len__(self) -> int:
        return len(self._members)

    def add(self, asker: A) -> None:
        """Takes in somebody who has asked for nothing yet."""
        self._members[asker] = None

    def remove(self, asker: A) -> None:
        """Forgets somebody, and what it asked for with it."""
        self.retract(asker, asker.outstanding)
        del self._members[asker]

    def ask(self, asker: A, count: int) -> None:
        """Adds to somebody's demand; who had none is behind the others."""
        if count:
            asker.outstanding += count
            self.total += count
            self._ring[asker] = None

    def retract(self, asker: A, count: int) -> int:
        """Takes back at most so much of somebody's demand; returns how much it was."""
        count = min(count, asker.outstanding)
        if count:
            asker.outstanding -= count
            self.total -= count
            if not asker.outstanding:
                del self._ring[asker]
        return count

    def split(self, events: list[Any]) -> list[tuple[A, list[Any]]]:
        """Gives the events out, in their order, and books them off.

        Args:
            events: At most ``total`` of them. The list itself may be handed on.

        Returns:
            Who gets which: everybody one chunk, nobody more than it asked for.
        """
        length, start = len(events), 0
        shares: list[tuple[A, list[Any]]] = []
        served = self._takes(length)
        for asker, take in served:
            shares.append((asker, events if take == length else events[start : start + take]))
            start += take
            asker.outstanding -= take
        self.total -= length
        # Behind the others, and those with the smallest chunks first, so that the odd event goes to somebody else the next time.
        for asker, _ in sorted(served, key=itemgetter(1)):
            del self._ring[asker]
            if asker.outstanding:
                self._ring[asker] = None
        return shares

    def _takes(self, length: int) -> list[tuple[A, int]]:
        """How many events each gets, in the order of the turn."""
        if length <= len(self._ring):
            return [(asker, 1) for asker in islice(self._ring, length)]
        level, left, askers = 0, length, len(self._ring)
        for demand in sorted(asker.outstanding for asker in self._ring):  # what the modest ones leave, the others share
            level = left // askers
            if demand > level:
                break
            left -= demand
            askers -= 1
        odd = left - level * askers if askers else 0
        takes: list[tuple[A, int]] = []
        for asker in self._ring:
            extra = 1 if odd and asker.outstanding > level else 0
            odd -= extra
            takes.append((asker, min(asker.outstanding, level + extra)))
        return takes
