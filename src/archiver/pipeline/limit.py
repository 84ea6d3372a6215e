"""What a provider permits, concluded from what it took and what it refused; pure.

A limit is seen as a bucket: so many calls per second, and a burst on top after a pause. Neither number is ever told. But every call
that was taken rules out the buckets which would have refused it, and every call that was refused rules out those which would have
taken it. One refusal leaves a curve of buckets (small rate and big burst, or the other way round); the second, after calls came at
another pace, leaves a point. If nothing is left, the limit has changed, and only what came last is believed.
"""

from __future__ import annotations

import math

__all__ = ["Bounds", "Limit"]

_STEPS = 48  # candidates that are looked at in one pass; two passes make about 0.2 %
_SPAN = 64.0  # the smallest rate looked at is the refused one through this
_SEGMENT = 0.25  # seconds: no finer than this is remembered
_MOST = 256  # segments; when there are more, the older ones are joined in pairs


class Bounds:
    """What the evidence leaves.

    Attributes:
        low: The smallest rate that explains all of it, in calls per second.
        high: The largest.
        bursts: Pairs of a rate between the two and the burst that goes with it, by rising rate.
    """

    __slots__ = ("bursts", "high", "low")

    def __init__(self, bursts: list[tuple[float, float]]) -> None:
        self.bursts = bursts
        self.low = bursts[0][0]
        self.high = bursts[-1][0]

    def pick(self, seconds: float) -> tuple[float, float]:
        """The largest rate whose burst is worth at least so many seconds of it; the smallest rate if there is none."""
        for rate, burst in reversed(self.bursts):
            if burst >= rate * seconds:
                return rate, burst
        return self.bursts[0]


class Limit:
    """Remembers calls and refusals.

    Args:
        now: Seconds.
    """

    __slots__ = ("_began", "_calls", "_length", "_segments")

    def __init__(self, now: float) -> None:
        self.forget(now)

    def forget(self, now: float) -> None:
        """Forgets everything: the limit has changed."""
        self._segments: list[tuple[float, float, bool]] = []  # seconds, calls, whether a refusal ended it
        self._began = now
        self._calls = 0.0
        self._length = _SEGMENT

    def sent(self, now: float) -> None:
        """A call was sent."""
        if now - self._began >= self._length:
            self._close(now, refused=False)
        self._calls += 1

    def unsent(self, calls: int) -> None:
        """So many of the calls that were sent were refused, or nobody knows yet."""
        self._calls -= calls

    def refused(self, now: float) -> None:
        """The call that was sent at ``now`` was refused."""
        self._close(max(now, self._began + 1e-6), refused=True)

    def _close(self, now: float, *, refused: bool) -> None:
        self._segments.append((now - self._began, max(0.0, self._calls), refused))
        self._began = now
        self._calls = 0.0
        if len(self._segments) > _MOST:
            self._join()

    def _join(self) -> None:
        """Joins neighbours in the older half; a refusal stays the end of its segment."""
        half = len(self._segments) // 2
        joined: list[tuple[float, float, bool]] = []
        for seconds, calls, refused in self._segments[:half]:
            if joined and not joined[-1][2] and joined[-1][0] < seconds * 2 + 1e-9:
                before = joined.pop()
                joined.append((before[0] + seconds, before[1] + calls, refused))
            else:
                joined.append((seconds, calls, refused))
        self._segments = joined + self._segments[half:]

    def bounds(self, high: float) -> Bounds | None:
        """What is left of all rates up to ``high``; None if nothing is: the evidence contradicts itself."""
        left = self._look(high / _SPAN, high)
        if not left:
            return None
        step = _SPAN ** (1 / (_STEPS - 1))
        low, top = left[0][0] / step, min(high, left[-1][0] * step)
        return Bounds(self._look(low, top) or left)

    def _look(self, low: float, high: float) -> list[tuple[float, float]]:
        step = (high / low) ** (1 / (_STEPS - 1))
        found = []
        for index in range(_STEPS):
            rate = low * step**index
            least, most = self._bursts(rate)
            if least <= most * 1.02 + 1.5:  # the network moves calls a little to and fro
                found.append((rate, max(1.0, min(least, most))))
        return found

    def _bursts(self, rate: float) -> tuple[float, float]:
        """If the limit were ``rate``: the least burst which everything taken needs, and the most which every refusal allows."""
        level = least = 0.0
        most = math.inf
        for seconds, calls, refused in self._segments:
            level = max(0.0, level + calls - rate * seconds)
            least = max(least, level)
            if refused:
                most = min(most, level + 1)
        return least, most
