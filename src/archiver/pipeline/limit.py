"""What a provider permits, concluded from what it took and what it refused; pure.

A limit is seen as a bucket: so many calls per second, and a burst on top after a pause. Neither number is ever told. But every call
that was taken rules out the buckets which would have refused it, and every call that was refused rules out those which would have
taken it. One refusal leaves a curve of buckets (small rate and big burst, or the other way round); the second, after calls came at
another pace, leaves a point. If nothing is left, the limit has changed, and only what came last is believed.
"""

from __future__ import annotations

__all__ = ["Bounds", "Limit"]

_STEPS = 40  # candidates that are looked at in one pass
_PASSES = 3  # each between the neighbours of those which the last one left
_SPAN = 64.0  # the smallest rate looked at is the refused one through this
_MOST = 300  # stretches; when there are more, the older third is forgotten
_CLOSE = 1.5  # bounds this near to each other: the best between them is as good as it gets …
_POINT = 1.15  # … and is a point


class _Candidate:
    """A rate which the limit might be.

    Attributes:
        rate: In calls per second.
        burst: The burst that would go with it.
        fit: How well the two explain everything; 0 and more is well, in calls.
        surprise: How many calls earlier than it should have come the last refusal came.
    """

    __slots__ = ("burst", "fit", "rate", "surprise")

    def __init__(self, rate: float, least: float, most: float, last: float) -> None:
        self.rate = rate
        self.burst = max(1.0, (least + most) / 2)
        self.fit = most - least
        self.surprise = self.burst - last

    @property
    def contradicted(self) -> bool:
        """Whether it is none, after all: the network moves calls a little to and fro, but not so much."""
        return max(self.surprise, -self.fit) > min(3.0 + 0.1 * self.burst, 0.5 + 0.5 * self.burst)


class Bounds:
    """What the evidence leaves.

    Attributes:
        low: The smallest rate that explains all of it, in calls per second.
        high: The largest.
        best: The rate that explains it best, if the two are near to each other; else None.
        point: They are so near that hardly anything is left between them.
    """

    __slots__ = ("_left", "best", "high", "low", "point")

    def __init__(self, left: list[_Candidate]) -> None:
        self._left = left
        self.low = left[0].rate
        self.high = left[-1].rate
        self.best = max(left, key=lambda candidate: candidate.fit).rate if self.high < self.low * _CLOSE else None
        self.point = self.high < self.low * _POINT

    def pick(self, seconds: float) -> float:
        """The best rate; if there is none, the largest whose burst is worth so many seconds of it, or the smallest of all."""
        if self.best is not None:
            return self.best
        above, over = None, 0.0
        for candidate in reversed(self._left):
            spare = candidate.burst - candidate.rate * seconds
            if spare >= 0:
                return candidate.rate if above is None else candidate.rate + (above - candidate.rate) * spare / (spare + over)
            above, over = candidate.rate, -spare
        return self.low

    def burst(self, rate: float) -> float:
        """The burst that goes with a rate, in calls."""
        return min(self._left, key=lambda candidate: abs(candidate.rate - rate)).burst


class Limit:
    """Remembers calls and refusals.

    Args:
        now: Seconds.
    """

    __slots__ = ("_began", "_calls", "_stretches")

    def __init__(self, now: float) -> None:
        self.forget(now)

    def forget(self, now: float) -> None:
        """Forgets everything: the limit has changed."""
        self._stretches: list[tuple[float, float, bool]] = []  # seconds, calls, whether a refusal ended it
        self._began = now
        self._calls = 0.0

    def sent(self) -> None:
        """A call was sent, at the same pace as those before."""
        self._calls += 1

    def unsent(self, calls: int) -> None:
        """So many of the calls that were sent were refused, or nobody knows yet."""
        self._calls -= calls

    def turn(self, now: float, *, refused: bool = False) -> None:
        """The pace changes here: it was even since the last turn.

        Args:
            now: Seconds.
            refused: Because a call was refused that was sent at ``now``.
        """
        while refused and now < self._began and self._stretches and not self._stretches[-1][2]:  # the pace changed after it was sent
            length, taken, _ = self._stretches.pop()
            self._began -= length
            self._calls += taken
        self._stretches.append((max(0.0, now - self._began), max(0.0, self._calls), refused))
        self._began = max(now, self._began)
        self._calls = 0.0
        if len(self._stretches) > _MOST:
            del self._stretches[: _MOST // 3]

    def mean(self, seconds: float) -> float:
        """Calls per second, over so many seconds before the last turn."""
        left = seconds = max(1.0, seconds)
        calls = 0.0
        for length, taken, _ in reversed(self._stretches):
            if length > left:
                return (calls + taken * left / length) / seconds
            left -= length
            calls += taken
        return calls / seconds

    def bounds(self, high: float) -> Bounds | None:
        """What is left of all rates up to ``high``; None if nothing is: the evidence contradicts itself."""
        if not any(refused for _, _, refused in self._stretches):
            return None
        low, top = high / _SPAN, high
        left: list[_Candidate] = []
        for _ in range(_PASSES):
            step = (top / low) ** (1 / (_STEPS - 1))
            looked = [_Candidate(rate, *self._bursts(rate)) for rate in (low * step**index for index in range(_STEPS))]
            fitting = max(candidate.fit for candidate in looked)
            left = [candidate for candidate in looked if candidate.fit >= fitting - 0.5 - 0.02 * candidate.burst]
            low, top = left[0].rate / step, min(high, left[-1].rate * step)
        best = max(left, key=lambda candidate: candidate.fit)
        return None if best.contradicted else Bounds(left)

    def _bursts(self, rate: float) -> tuple[float, float, float]:
        """If the limit were ``rate``: the burst which everything taken needs, the one which all refusals allow, and the last of them.

        A call that was taken proves that there was a burst, so the greatest counts; a refusal may come of a call that was late or early,
        so the mean of all counts.
        """
        level = least = allowed = last = 0.0
        refusals = 0
        for seconds, calls, refused in self._stretches:
            level = max(0.0, level + calls - rate * seconds)
            least = max(least, level)
            if refused:
                last = level + 1
                allowed += last
                refusals += 1
        return least, allowed / refusals, last
