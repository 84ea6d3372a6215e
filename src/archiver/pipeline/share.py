"""Fair share between lanes: who may ask for how much, when room is scarce; pure.

Two budgets bound a process: uploads in flight and bytes held in memory. What an upload costs is the larger of its two parts of the
budgets (its *dominant* part), so a lane of large files and a lane of small ones are measured by the same stick. Room is handed out by
weighted deficit round robin over the lanes that want some, so it is work-conserving: an airline gets all that nobody else wants.

A turn is worth at least ``TURN`` of the budgets. So where very many lanes want everything, a few at a time get whole batches instead of
all of them one item each, and need fewer calls and reads. A lane that has just woken goes before all of them: it asks for little, and
who has a backlog can wait a turn.

The airline never gets the last of the room, though: a lane may hold at most ``LEAVE`` times what is free (the dynamic threshold of
shared-memory switches, Choudhury and Hahne 1998). So a customer who wakes finds room at once instead of after the airline's uploads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from archiver.model import LaneId

__all__ = ["TURN", "Budget", "Claim", "FairShare"]

LEAVE = 8.0
"""A lane of weight 1 may hold up to this many times what is free: alone it gets 8/9 of everything, and 1/9 is kept for newcomers."""
TURN = 1 / 64
"""The part of the budgets that a lane of weight 1 gets in its turn, if it wants so much."""
_ROUNDING = 1e-9


class Budget(msgspec.Struct, frozen=True):
    """What bounds a process.

    Attributes:
        items: Uploads in flight.
        bytes: Bytes held in memory.
    """

    items: int = 2000
    bytes: int = 32 * 1024 * 1024


class Claim(msgspec.Struct, frozen=True):
    """What one lane wants and has.

    Attributes:
        lane: Which.
        wants: Items it would take now, beyond what it holds.
        item_bytes: What one of its items holds in memory, about.
        held_items: Items it holds already.
        held_bytes: Bytes it holds already.
        weight: Its customer's weight.
        fresh: It has just woken, and nothing was read for it since.
    """

    lane: LaneId
    wants: int
    item_bytes: int
    held_items: int
    held_bytes: int
    weight: int = 1
    fresh: bool = False


class FairShare:
    """Hands out room. Remembers only each waiting lane's deficit and whose turn is next."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._deficit: dict[LaneId, float] = {}
        self._last: LaneId = -1

    @property
    def last(self) -> LaneId:
        """Whose turn it was; the next one's is now."""
        return self._last

    def free(self, held_items: int, held_bytes: int) -> float:
        """The part of the budgets that nobody holds."""
        return min(1.0 - held_items / self._budget.items, 1.0 - held_bytes / self._budget.bytes)

    def cost(self, claim: Claim) -> float:
        """The part of the budgets that one item of a lane takes."""
        return max(1.0 / self._budget.items, claim.item_bytes / self._budget.bytes)

    def grant(self, claims: Iterable[Claim], *, held_items: int, held_bytes: int) -> Mapping[LaneId, int]:
        """Shares out what is free.

        Args:
            claims: Every lane that wants something now.
            held_items: What all lanes together hold.
            held_bytes: What all lanes together hold.

        Returns:
            Lane → items it may ask for now; lanes that get nothing are left out. The sum stays within the budgets, except that while
            nothing at all is held one item is always granted, however large.
        """
        waiting = self._in_turn(claim for claim in claims if claim.wants > 0)
        self._deficit = {claim.lane: self._deficit.get(claim.lane, 0.0) for claim in waiting}
        free = self.free(held_items, held_bytes)
        if held_items == 0 and waiting and free < self.cost(waiting[0]):
            return {waiting[0].lane: 1}
        granted: dict[LaneId, int] = {}
        while waiting and free > 0.0:
            left = self._round(waiting, granted, free)
            if left == free:
                break
            free = left
            waiting = [claim for claim in waiting if granted.get(claim.lane, 0) < claim.wants]
        return granted

    def _round(self, waiting: list[Claim], granted: dict[LaneId, int], free: float) -> float:
        """Gives everybody who still waits a weighted part of what is free, at least a turn's or an item's worth; returns what is left."""
        quantum = max(TURN, free / sum(claim.weight for claim in waiting))
        for claim in waiting:
            cost = self.cost(claim)
            already = granted.get(claim.lane, 0)
            has = max(claim.held_items / self._budget.items, claim.held_bytes / self._budget.bytes) + already * cost
            if has == 0.0 and cost > free + _ROUNDING:
                # Whoever holds nothing and needs more than is free keeps the line: else lanes of small items would always be quicker.
                return free
            leave = LEAVE * claim.weight
            # Taking x leaves free - x; has + x must not exceed leave times that.
            headroom = (leave * free - has) / (1.0 + leave)
            if has == 0.0:
                headroom = max(headroom, cost)
            deficit = self._deficit[claim.lane] + max(quantum, cost) * claim.weight
            count = max(0, min(claim.wants - already, int(min(deficit, free, headroom) / cost + _ROUNDING)))
            if count:
                granted[claim.lane] = already + count
                free -= count * cost
                if not claim.fresh:
                    self._last = claim.lane
            self._deficit[claim.lane] = min(deficit - count * cost, cost)
        return free

    def _in_turn(self, claims: Iterable[Claim]) -> list[Claim]:
        """Who is fresh, then the lane after the one served last, so that nobody is always last when room ends in the middle of a round."""
        return sorted(claims, key=lambda claim: (not claim.fresh, claim.lane <= self._last, claim.lane))
