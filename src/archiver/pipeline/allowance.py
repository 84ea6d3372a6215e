"""What looking for a higher limit may cost: 3 % of the time, and three calls in a thousand; pure.

A probe that is refused costs its Retry-After, in which nothing is sent. So each is saved up for: the dearer, the rarer. Probes which
find nothing new become rarer still; where a higher limit is remembered, or the limit is only guessed, they come sooner.
"""

from __future__ import annotations

__all__ = ["CHEAPEST", "Allowance"]

CHEAPEST = 2.0
"""Seconds: no refusal counts for less."""

_TIME_SHARE = 0.03
_CALL_SHARE = 0.003
_GUESSED = 0.125  # of a price is enough, where the limit is only guessed
_GUESSED_CALLS = 0.3  # of that again for the calls: a guess is dear in calls, too
_CHEAP = 5.0  # seconds: a refusal that costs no more is cheap, and a limit that fell is looked for soon …
_LOOK = 5.0  # … for the first time after so many seconds at work; each look in vain doubles it …
_LOOKS_END = 60.0  # … up to this: then the usual probes go on
_FELL = 0.8  # of what had held: it fell
_MOST_CAUTION = 4.0  # prices
_SAME = 0.05  # a limit that differs by less is no news


class Allowance:
    """One lane's savings.

    Attributes:
        price: What the last refusal cost, in seconds of silence.
        hope: Where a limit that fell shortly before may be again, in calls per second: what was surely taken, and what was believed to
            be permitted. None if there is nothing to look for.
        ceiling: A higher limit that was there once, in calls per second; fades with every probe that does not find it. 0 if there is none.
    """

    __slots__ = ("_calls", "_caution", "_look", "_price_calls", "_seconds", "_since_look", "ceiling", "hope", "price")

    def __init__(self) -> None:
        self.price = CHEAPEST
        self.ceiling = 0.0
        self._price_calls = 1
        self._seconds = 0.0
        self._calls = 0.0
        self.hope: tuple[float, float] | None = None
        self._look = _LOOK
        self._since_look = 0.0  # seconds at work
        self._caution = 1.0  # how many prices must be saved up

    def call(self) -> None:
        """A call was sent."""
        self._calls += _CALL_SHARE

    def passed(self, seconds: float) -> None:
        """So much time passed at work, without a probe."""
        self._seconds += _TIME_SHARE * seconds

    def worked(self, seconds: float) -> None:
        """So much time passed at work, with or without one."""
        self._since_look += seconds

    @property
    def cheap(self) -> bool:
        """Whether a refusal costs little."""
        return self.price <= _CHEAP

    @property
    def looks(self) -> bool:
        """Whether a limit that fell should be looked for now."""
        return self.hope is not None and self.cheap and self._since_look >= self._look

    @property
    def suffices(self) -> bool:
        """Whether a probe can be paid for."""
        calls = self._price_calls * self._caution * (1 if self._caution >= 1 else _GUESSED_CALLS)
        return self._seconds >= self.price * self._caution and self._calls >= calls

    def spent(self) -> None:
        """A refusal came: saving begins anew."""
        self._seconds = self._calls = self._since_look = 0.0

    def costs(self, seconds: float, calls: int) -> None:
        """What the refusal cost, now that it is over."""
        self.price = max(CHEAPEST, seconds)
        self._price_calls = calls

    def changed(self) -> None:
        """The limit is not what it was."""
        self._caution = 1.0

    def guessed(self) -> None:
        """The limit is only guessed: a probe is worth more than it costs."""
        self._caution = _GUESSED

    def higher(self, limit: float) -> bool:
        """Whether a limit that is higher than this was there once."""
        return self.ceiling > 1.1 * limit

    def fell(self, before: float, limit: float) -> None:
        """A refusal moved the limit from ``before`` to ``limit``."""
        if limit < 0.9 * before:
            self.ceiling = max(self.ceiling, before)

    def held(self, surely: float, believed: float, limit: float) -> None:
        """For a while so much was surely taken, and so much believed to be permitted; now the limit is ``limit``."""
        if limit < _FELL * surely and (self.hope is None or surely > self.hope[0]):
            self.hope = surely, max(surely, believed)
            self._look = _LOOK

    def looked(self, *, found: bool) -> None:
        """A look for the limit that fell is over; if it was in vain, the next one comes later, and at last none."""
        self._look *= 2
        if found or self._look > _LOOKS_END:
            self.hope = None

    def in_vain(self, before: float, limit: float) -> None:
        """A probe was refused, and the limit is ``limit`` now instead of ``before``."""
        most = 1.0 if self.higher(limit) else _MOST_CAUTION
        self.ceiling -= 0.1 * max(0.0, self.ceiling - limit)
        if abs(limit - before) < _SAME * before:
            self._caution = min(most, max(2.0, self._caution * 2))
        else:
            self._caution = min(self._caution, 1.0)
