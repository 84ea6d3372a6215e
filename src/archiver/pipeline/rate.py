"""The rate of a lane's calls: how it grows, what a refusal makes of it, and what looking for more may cost; pure.

A rate goes through three phases:

* **start**: it doubles every few seconds, until a call is refused or nobody asks for more.
* **live**: just below the limit, as far as the refusals tell it (see `archiver.pipeline.limit`).
* **probe**: slowly above it. A refusal there tells the limit better, and costs its Retry-After; so probes are paid out of an
  allowance of 3 % of the time and three calls in a thousand. If none comes where the limit should be, the limit was raised: start.

Some limits are no bucket but a window (so many calls a minute, by the clock): they give themselves away by refusing even after a pause.
For them the limit is what was taken from one window's beginning to the next, and a probe is a small step that is held for minutes.
"""

from __future__ import annotations

import math
from enum import StrEnum

from archiver.pipeline.limit import Limit

__all__ = ["FASTEST", "SLOWEST", "Phase", "Rate"]

SLOWEST = 1 / 60
"""Calls per second: below this it would look as if nothing went on."""
FASTEST = 10_000.0
"""Calls per second: more than any provider answers."""

_FIRST = 2.0  # calls per second
_START_GROWTH = math.log(2) / 3  # per second: doubles in 3 s
_PROBE_GROWTH = 0.01  # per second
_BELOW = 0.99  # of the limit
_REFILL = 0.9  # of the rate, while the bucket is nearly empty
_TIME_SHARE = 0.03  # of the time may go into the price of probes
_CALL_SHARE = 0.003  # of the calls may be refused for them
_CHEAPEST = 2.0  # seconds: no refusal counts for less
_DOUBT = 1.0  # seconds of calls that a bucket holds on top: the most common kind
_DEAR = 60.0  # seconds: a refusal that costs more is not risked on a guess
_EVEN = 0.03  # a change of pace by less is none
_HOLD = 130.0  # seconds at a step of a window's probe: two windows of a minute
_WINDOW = 60.0  # seconds: longer windows are not expected
_RECENT = 180.0  # seconds: a refusal so soon after the last one says that the conclusion was wrong


class Phase(StrEnum):
    """What the rate is doing."""

    START = "start"
    LIVE = "live"
    PROBE = "probe"


class Rate:
    """One lane's rate.

    Args:
        now: Seconds.

    Attributes:
        value: Calls per second, now.
        limit: What the provider is believed to permit, in calls per second; None as long as it has refused nothing.
        burst: What it is believed to permit on top after a pause, in calls.
        price: What the last refusal cost, in seconds of silence.
        phase: What the rate is doing.
    """

    __slots__ = (
        "_again_at",
        "_allowance",
        "_allowance_calls",
        "_asked",
        "_asked_until",
        "_before",
        "_caution",
        "_ceiling",
        "_dear",
        "_doubt",
        "_event_at",
        "_event_calls",
        "_evidence",
        "_level",
        "_over_at",
        "_pace",
        "_price_calls",
        "_step",
        "_step_at",
        "_sure",
        "_taken",
        "_unsure",
        "_windowed",
        "burst",
        "limit",
        "phase",
        "price",
        "value",
    )

    def __init__(self, now: float) -> None:
        self.value = _FIRST
        self.limit: float | None = None
        self.burst = 1.0
        self.price = _CHEAPEST
        self.phase = Phase.START
        self._evidence = Limit(now)
        self._pace = self.value  # since the evidence's last turn
        self._doubt = _DOUBT  # seconds of burst which are taken for granted until two refusals tell
        self._sure = False  # two refusals told, and agree
        self._windowed = False
        self._level = 0.0  # calls which the bucket misses, if the limit is what it is believed to be
        # the event: from a refusal to the first call that goes well
        self._event_at = -math.inf
        self._again_at = -math.inf
        self._event_calls = 0
        self._unsure = 0.0  # the rate that was refused, if many limits explain it
        self._dear = 0  # how many of the refusals were
        self._asked = math.inf  # what the last refusal asked for, in seconds
        self._asked_until = 0.0
        self._over_at = now
        self._taken = 0  # since the last event was over
        self._before = 0.0  # the limit before it
        # probes
        self._allowance = 0.0
        self._allowance_calls = 0.0
        self._price_calls = 1
        self._caution = 1.0  # how many prices must be saved up
        self._ceiling = 0.0  # a higher limit that was there once
        self._step = _EVEN
        self._step_at = now

    def recall(self, limit: float, burst: float, price: float) -> None:
        """Begins with what an earlier one had found out."""
        self.limit, self.burst, self.price = limit, max(1.0, burst), max(_CHEAPEST, price)
        self.phase = Phase.LIVE
        self.value = limit * _BELOW

    # -- calls ----------------------------------------------------------------------------------------------------------------------

    def pace(self) -> float:
        """Calls per second at which the next one follows."""
        return self.value * _REFILL if self._level > self.burst * 0.7 and self.phase is Phase.LIVE else self.value

    def sent(self, now: float, seconds: float, *, idle: bool, alone: bool) -> None:
        """A call is sent.

        Args:
            now: Seconds.
            seconds: Since the one before.
            idle: It comes later than it could have come: there was no work.
            alone: It goes first after a pause, and nothing is known before it ends.
        """
        if self.limit is not None:
            self._level = max(0.0, self._level + 1 - self.limit * seconds)
        if idle:
            self._evidence.turn(now)
        elif not alone:
            self._grow(now, seconds)
        pace = self.pace()
        if abs(pace / self._pace - 1) > _EVEN:
            self._pace = pace
            self._evidence.turn(now)
        self._evidence.sent()
        self._allowance_calls += _CALL_SHARE

    def taken(self, *, before: bool) -> None:
        """A call was taken; ``before``: it had been sent before the last refusal came."""
        self._taken += 1
        if before:
            self._evidence.sent()

    # -- growing --------------------------------------------------------------------------------------------------------------------

    def _grow(self, now: float, seconds: float) -> None:
        match self.phase:
            case Phase.START:
                self.value = min(FASTEST, self.value * (1 + _START_GROWTH * seconds))
            case Phase.LIVE:
                self._allowance += _TIME_SHARE * seconds
                calls = self._price_calls * self._caution * (1 if self._caution >= 1 else 0.3)
                if self._allowance >= self.price * self._caution and self._allowance_calls >= calls:
                    self.phase = Phase.PROBE
                    self._step_at = -math.inf
            case Phase.PROBE if self._windowed:
                self._step_up(now)
            case Phase.PROBE:
                assert self.limit is not None, "nothing is probed before a refusal"
                disproved = self._level > 2 * self.burst + 3  # the known limit would have refused by now
                dear = self.price >= _DEAR
                sooner = disproved or self._ceiling > 1.1 * self.limit
                self.value *= 1 + _PROBE_GROWTH * seconds * (1 if not sooner else 2 if dear else 4)
                if disproved and self.value > 1.5 * self.limit and not dear:
                    self._raised(now)

    def _step_up(self, now: float) -> None:
        """A window's probe: a step is held for two windows; each that is not refused is believed, and the next is higher."""
        if now - self._step_at < _HOLD:
            return
        if self._step_at > 0:
            self.limit = self.value
            self._step *= 2
        self._step_at = now
        self.value *= 1 + self._step

    def _raised(self, now: float) -> None:
        """The known limit is no longer there."""
        self.phase = Phase.START
        self._evidence.forget(now)
        self._caution, self._doubt, self._sure = 1.0, _DOUBT, False

    # -- refusals -------------------------------------------------------------------------------------------------------------------

    def refused(self, now: float, began: float, in_flight: int) -> None:
        """The first refusal of an event: the limit is less than the rate.

        Args:
            now: Seconds.
            began: When the refused call was sent.
            in_flight: Calls that are still under way.
        """
        self._event_at, self._again_at, self._event_calls = now, now, 1
        self._before = self.limit or 0.0
        self._evidence.unsent(1 + min(in_flight, round(self.value * (now - began))))
        self._evidence.turn(began, refused=True)
        limit = self._concluded(now)
        if limit < 0.9 * self._before:
            self._ceiling = max(self._ceiling, self._before)
        if self.phase is Phase.PROBE:
            self._probed(limit)
        self.phase = Phase.LIVE
        self._live(limit)
        self._level = self.burst
        self._allowance = self._allowance_calls = 0.0

    def asked(self, until: float, retry_after: float) -> None:
        """The provider asked for silence. If it asks for different times that all end at the same second of a minute, it is a window."""
        off = (until - self._asked_until + _WINDOW / 2) % _WINDOW - _WINDOW / 2
        if abs(retry_after - self._asked) > 2 and abs(off) < 1.5:
            self._windowed = True
        self._asked, self._asked_until = retry_after, until

    def again(self, now: float, began: float) -> None:
        """Another refusal of the same event. Of a call that was sent after the pause: the provider remembers for longer than it says."""
        self._event_calls += 1
        self._again_at = now
        if self.limit is not None and began > self._event_at and (began - self._event_at) * self.limit > 3:  # calls it should have let in
            self._windowed = True

    def over(self, now: float) -> None:
        """The first call after the pause was taken: the event is over, and its price is known."""
        if not self._event_calls:
            return
        self.price = max(_CHEAPEST, now - self._event_at)
        if self._unsure and self.limit is not None:
            if self.price < _DEAR:
                self._caution = 0.125
            elif self._dear == 1 and self._unsure > 3 * self.limit:
                self.phase = Phase.PROBE  # between a small bucket and a window: what is not refused costs nothing
            self._dear += self.price >= _DEAR
            self._unsure = 0.0
        self._price_calls, self._event_calls = self._event_calls, 0
        span = now - self._over_at
        if self._windowed and span < _RECENT and self._taken:
            self._live(self._taken / (span - (now - self._again_at) / 2))  # its window began somewhere between the two
        self._over_at, self._taken = now, 0

    def _live(self, limit: float) -> None:
        self.limit = min(FASTEST, max(SLOWEST, limit))
        self.value = self.limit * _BELOW

    def _concluded(self, now: float) -> float:
        """What the limit is, after a refusal."""
        live = self.phase is Phase.LIVE
        if self._windowed:
            return self._of_window(now)
        bounds = self._evidence.bounds(self.value * (0.99 if live else 1.02))
        hasty = live and self._sure and now - self._over_at < _WINDOW
        if bounds is None or hasty:
            limit = self._surprised(now)
            self._unsure = self.value
            self._evidence.forget(now)
            self._caution, self._doubt, self._sure = 1.0, _DOUBT, False
            return limit
        self._sure = bounds.best is not None
        if bounds.best is not None:
            self._doubt = _DOUBT
        elif self.price > _DEAR:
            self._doubt = max(self._doubt, _WINDOW - (now - self._over_at))
        limit = bounds.pick(self._doubt)
        if bounds.best is None:
            self._doubt = min(_WINDOW, self._doubt * 3)
            self._unsure = self.value
        self.burst = bounds.burst(limit)
        if self.burst > _WINDOW * limit:  # no bucket holds more than a minute's calls: it is so many a minute
            limit = self.burst / _WINDOW
            self._unsure = self.value
        return min(limit, self.value * 0.98) if live else limit

    def _of_window(self, now: float) -> float:
        """The limit of a window, after a refusal: a step was too high. `over` corrects it if this was not the only one."""
        if self.phase is not Phase.LIVE and self.limit is not None:
            return self.limit
        return self._surprised(now) if now - self._over_at < _RECENT else self.value * (1 - _EVEN)

    def _surprised(self, now: float) -> float:
        """The limit when the evidence contradicts itself: it has changed, or is no bucket."""
        run = now - self._over_at
        if self.phase is not Phase.LIVE:
            return self._evidence.mean(min(_WINDOW, run))
        if run < _RECENT:  # what was taken from one refusal to the next is surely permitted, if that was long enough to tell
            return max(self._taken / (run + min(_WINDOW, self.price)), self.value * 0.4)
        return self.value * 0.7

    def _probed(self, limit: float) -> None:
        """A probe was refused: if it found nothing new, the next comes later."""
        self._step = _EVEN
        most = 1.0 if self._ceiling > 1.1 * limit else 4.0
        self._ceiling -= 0.1 * max(0.0, self._ceiling - limit)
        if abs(limit / self._before - 1) < 0.05:
            self._caution = min(most, max(2.0, self._caution * 2))
        else:
            self._caution = min(self._caution, 1.0)
