"""What an airline costs the others: the same quiet customers, with and without it, in a world where nothing goes wrong.

A quiet item's *dwell* is the time from its birth in the source to its object in the cloud; the ledgers tell both.
"""

from __future__ import annotations

import random

import msgspec

from simulation.run import Played, play
from simulation.scene import Shape

__all__ = ["Dwell", "compare"]

_CONSTANT = 2.0
"""Seconds: a call may be under way in the airline's favour when a quiet item comes, and is not cut short."""


class Dwell(msgspec.Struct, frozen=True):
    """How long quiet items took.

    Attributes:
        without: The 95th of 100, in seconds, without the airline.
        beside: The same with it.
        slowest: The longest of all with it.
        broken: A promise that was broken on the way; empty if none was.
    """

    without: float
    beside: float
    slowest: float
    broken: str

    @property
    def fair(self) -> bool:
        """I6: at most twice as long, and a constant."""
        return not self.broken and self.beside <= 2 * self.without + _CONSTANT


def compare(seed: int) -> Dwell:
    """Plays a quiet world twice: alone, and beside an airline that always has more than its cloud takes."""
    chance = random.Random(f"{seed} fairness")
    quiet = Shape(customers=chance.randint(20, 26), items=60, airline=0.0, seconds=60.0, faults=False)
    alone = play(seed, quiet)
    beside = play(seed, msgspec.structs.replace(quiet, besides=400))
    return Dwell(_p95(alone), _p95(beside), max(beside.dwells), alone.broken or beside.broken)


def _p95(played: Played) -> float:
    ordered = sorted(played.dwells)
    return ordered[int(len(ordered) * 0.95)]
