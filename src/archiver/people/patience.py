"""Who guesses is slowed down: a few tries a minute for each name from each address, and some more for each address."""

from __future__ import annotations

from collections import OrderedDict

__all__ = ["Guesses"]

PER_NAME = 5
"""Tries a minute for one name from one address."""
PER_ADDRESS = 30
"""Tries a minute from one address, whatever the names."""
_MINUTE = 60.0
_MOST = 10_000  # names and addresses that are remembered; the oldest are forgotten first


class Guesses:
    """Counts tries as buckets that refill within a minute; pure but for what it remembers."""

    def __init__(self) -> None:
        self._left: OrderedDict[tuple[str, ...], tuple[float, float]] = OrderedDict()

    def wait(self, now: float, name: str, address: str) -> float:
        """Counts a try.

        Returns:
            0 if it may be made; else the seconds until one may be, and it does not count.
        """
        buckets = (((name, address), PER_NAME), ((address,), PER_ADDRESS))
        levels = [(key, most, self._level(now, key, most)) for key, most in buckets]
        wait = max((1 - level) * _MINUTE / most for _, most, level in levels)
        if wait > 0:
            return wait
        for key, _, level in levels:
            self._left[key] = (level - 1, now)
            self._left.move_to_end(key)
        while len(self._left) > _MOST:
            self._left.popitem(last=False)
        return 0.0

    def succeeded(self, name: str, address: str) -> None:
        """The name was not guessed: its tries are forgotten."""
        self._left.pop((name, address), None)

    def _level(self, now: float, key: tuple[str, ...], most: int) -> float:
        level, at = self._left.get(key, (float(most), now))
        return min(float(most), level + (now - at) * most / _MINUTE)
