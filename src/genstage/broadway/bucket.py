"""How many messages may begin in a time: a token bucket. Pure: the time is told."""

from __future__ import annotations

from dataclasses import dataclass

from genstage.errors import DefinitionError

__all__ = ["Bucket", "RateLimit"]

SLACK = 1e-6
"""Tokens by which rounding may leave a bucket short of a whole one, when it is looked at exactly when that one is due."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How many messages may begin to be handled.

    Attributes:
        allowed_messages: So many ...
        interval: ... in so many seconds, spread evenly.
        burst: So many at once after a quiet time; ``allowed_messages`` if not given. 1 spreads them from the first.
    """

    allowed_messages: int
    interval: float = 1.0
    burst: int | None = None

    def __post_init__(self) -> None:
        if self.allowed_messages < 1 or self.interval <= 0 or (self.burst is not None and self.burst < 1):
            raise DefinitionError(f"{self!r} cannot be: give allowed_messages >= 1, interval > 0 and burst >= 1 (to allow none, pause)")

    @property
    def per_second(self) -> float:
        """Messages a second, in the long run."""
        return self.allowed_messages / self.interval

    @property
    def depth(self) -> int:
        """Messages at once, at most."""
        return self.allowed_messages if self.burst is None else self.burst


class Bucket:
    """Holds at most ``depth`` tokens and is full at first; every message costs one."""

    __slots__ = ("_level", "_seen", "limit")

    def __init__(self, limit: RateLimit, now: float) -> None:
        self.limit = limit
        self._level = float(limit.depth)
        self._seen = now

    def room(self, now: float) -> int:
        """How many messages may begin now."""
        self._refill(now)
        return max(0, int(self._level + SLACK))

    def charge(self, count: int, now: float) -> None:
        """So many begin; a negative count gives back what did not begin after all."""
        self._refill(now)
        self._level = min(float(self.limit.depth), self._level - count)

    def due(self, now: float) -> float:
        """When at least one more may begin."""
        self._refill(now)
        return now + max(0.0, 1.0 - self._level) / self.limit.per_second

    def full(self, now: float) -> float:
        """When nothing will be left of what it has seen."""
        self._refill(now)
        return now + (self.limit.depth - self._level) / self.limit.per_second

    def change(self, limit: RateLimit, now: float) -> None:
        """Another limit from now on; what has begun still counts."""
        self._refill(now)
        spent = self.limit.depth - self._level
        self.limit = limit
        self._level = min(float(limit.depth), limit.depth - spent)

    def _refill(self, now: float) -> None:
        self._level = min(float(self.limit.depth), self._level + (now - self._seen) * self.limit.per_second)
        self._seen = now
