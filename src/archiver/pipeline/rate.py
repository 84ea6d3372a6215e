"""The rate of a lane's calls: how it grows, and what a refusal makes of it; pure.

A rate goes through three phases:

* **start**: it doubles as fast as answers come, until a call is refused or nobody asks for more.
* **live**: just below the limit, as far as the refusals tell it (see `archiver.pipeline.limit`).
* **probe**: slowly above it, when that can be paid for (see `archiver.pipeline.allowance`). A refusal there tells the limit better.
  If none comes where the limit should be, the limit was raised: start. If the limit had fallen shortly before, and refusals are cheap,
  a probe is a *look*: it begins where the limit was before.

Some limits are no bucket but a window (so many calls a minute, by the clock). They give themselves away: they refuse even after a pause,
or their different Retry-Afters end at the same second of a minute. For them the limit is what was taken from one window's beginning to
the next, and a probe is a small step that is held for minutes.

What goes on from the first refusal to the first call that is taken again is called an event here.
"""

from __future__ import annotations

import math
from enum import StrEnum

from archiver.pipeline.allowance import Allowance
from archiver.pipeline.limit import Bounds, Limit

__all__ = ["AT_ONCE", "FASTEST", "SLOWEST", "Phase", "Rate"]

SLOWEST = 1 / 60
"""Calls per second: below this it would look as if nothing went on."""
FASTEST = 10_000.0
"""Calls per second: more than any provider answers."""

AT_ONCE = 4.0
"""Calls that a lane may make up for, if nobody took their turns: as many as a single item needs, and the one that gets a token."""

_AT_ONCE_PART = 0.5  # of a known bucket; the rest stays in it
_FIRST = 2.0  # calls per second
_DOUBLES_AFTER = 7.0  # answers one after the other: what is under way when the limit is met bounds how many calls are refused …
_DOUBLES_SOONEST = 0.3  # seconds …
_DOUBLES_LATEST = 3.0
_PROBE_GROWTH = 0.01  # per second
_SOONER = 4.0  # times that, where a higher limit is likely, or the limit a guess and a refusal cheap …
_SOONER_DEAR = 2.0  # … and a refusal dear
_RAISED = 1.5  # times the known limit without a refusal: it was raised
_BELOW = 0.99  # of the limit
_REFILL = 0.9  # of the rate, while the bucket is nearly empty …
_NEARLY_EMPTY = 0.7  # … which it is when so much of it is missing
_DOUBT = 1.0  # seconds of calls that a bucket holds on top: the most common kind
_DEAR = 60.0  # seconds: a refusal that costs more is not risked on a guess
_QUICK = 0.5  # of a turn: calls that follow each other faster are made up for
_EVEN = 0.03  # a change of pace by less is none
_HOLD = 130.0  # seconds at a step of a window's probe: two windows of a minute
_WINDOW = 60.0  # seconds: longer windows, and bursts of more, are not expected
_RECENT = 180.0  # seconds: a refusal so soon after the last one says that the conclusion was wrong
_HELD = 5.0  # seconds without a refusal: what was taken meanwhile is worth remembering
_NEWS = 0.05  # a limit that differs by less is the same
_FALL = 0.7  # of the rate, when a limit that held for long does not hold any more …
_FURTHEST = 0.4  # … and at most to this in one event, when it falls again and again …
_FURTHEST_CHEAP = 0.55  # … or to this, where another refusal costs little


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
        phase: What the rate is doing.
        windowed: The limit is a window, not a bucket.
        useful: More calls per second gain nothing, and to try for them may cost a silence; the pacer tells.
        latency: How long a call takes, in seconds; the pacer tells.
        allowance: What probes may cost.
    """

    __slots__ = (
        "_again_at",
        "_asked",
        "_asked_until",
        "_at_once",
        "_dear",
        "_doubt",
        "_event_at",
        "_event_calls",
        "_evidence",
        "_held",
        "_level",
        "_looking",
        "_over_at",
        "_pace",
        "_step",
        "_step_at",
        "_sure",
        "_taken",
        "_unsure",
        "allowance",
        "burst",
        "latency",
        "limit",
        "phase",
        "useful",
        "value",
        "windowed",
    )

    def __init__(self, now: float) -> None:
        self.value = _FIRST
        self.limit: float | None = None
        self.burst = 1.0
        self.phase = Phase.START
        self.windowed = False
        self.latency, self.useful = 0.2, math.inf
        self.allowance = Allowance()
        self._evidence = Limit(now)
        self._pace = self.value  # since the evidence's last turn
        self._at_once = False  # calls follow each other faster than that, since the lane was idle
        self._level = 0.0  # calls which the bucket misses, if the limit is what it is believed to be
        # what is believed, and how firmly
        self._doubt = _DOUBT  # seconds of burst which are taken for granted until two refusals tell
        self._sure = False  # two refusals told, and agree
        self._unsure = 0.0  # the rate that was refused, if many limits explain it
        self._dear = 0  # how many events cost much
        # the event
        self._event_at = -math.inf
        self._event_calls = 0
        self._again_at = -math.inf
        self._asked: float | None = None  # seconds
        self._asked_until = 0.0
        self._over_at, self._taken = now, 0  # the last one, and calls since then
        self._looking = False  # for a limit that fell
        self._held: tuple[float, float] | None = None  # calls per second: what was surely taken for a while, and believed permitted
        self._step, self._step_at = _EVEN, -math.inf  # of a window's probe

    def recall(self, limit: float, burst: float, price: float, *, windowed: bool) -> None:
        """Begins with what an earlier one had found out."""
        self.burst = max(1.0, burst)
        self.windowed = windowed
        self._level = self.burst * _AT_ONCE_PART  # who knows what was sent just before
        self.allowance.costs(price, 1)
        self._live(limit)

    # -- calls ----------------------------------------------------------------------------------------------------------------------

    def pace(self) -> float:
        """Calls per second at which the next one follows."""
        if self.phase is Phase.LIVE and self._level > self.burst * _NEARLY_EMPTY:
            return self.value * _REFILL
        return self.value

    @property
    def at_once(self) -> float:
        """How many turns that nobody took may be made up for at once."""
        if self.limit is None:
            return AT_ONCE
        return 0.0 if self.windowed else min(AT_ONCE, max(0.0, _AT_ONCE_PART * self.burst - self._level))

    def sent(self, now: float, seconds: float, *, idle: bool, alone: bool) -> float:
        """A call is sent; returns the pace at which the next one follows.

        Args:
            now: Seconds.
            seconds: Since the one before.
            idle: It comes later than it could have come: there was no work.
            alone: It goes first after a pause, and nothing is known before it ends.
        """
        if self.limit is not None:
            self._level = max(0.0, self._level + 1 - self.limit * seconds)
        if idle or (self._at_once and seconds * self._pace > _QUICK):
            self._evidence.turn(now)
            self._at_once = idle
        if not idle and not alone:
            self._grow(now, seconds)
        pace = self.pace()
        if abs(pace - self._pace) > _EVEN * self._pace:
            self._pace = pace
            self._evidence.turn(now)
        self._evidence.sent()
        self.allowance.call()
        return pace

    def taken(self, *, late: bool) -> None:
        """A call was taken; ``late``: it was under way when others were refused."""
        self._taken += 1
        if late:
            self._evidence.sent()

    # -- growing --------------------------------------------------------------------------------------------------------------------

    def _grow(self, now: float, seconds: float) -> None:
        self.allowance.worked(seconds)
        if not self._looking and self.allowance.looks and self.phase is not Phase.START and not self.windowed:
            self.phase, self._looking = Phase.PROBE, True
        match self.phase:
            case Phase.START:
                doubles = min(_DOUBLES_LATEST, max(_DOUBLES_SOONEST, _DOUBLES_AFTER * self.latency))
                self.value = min(FASTEST, max(_FIRST, self.useful), self.value * 2.0 ** min(1.0, seconds / doubles))
            case Phase.LIVE:
                self.allowance.passed(seconds)
                if self.allowance.suffices and self.value < self.useful:
                    self.phase = Phase.PROBE
                    self._step_at = -math.inf
            case Phase.PROBE if self._looking:
                self._look(now, seconds, self.limit or self.value)
            case Phase.PROBE if self.windowed:
                self._step_up(now)
            case Phase.PROBE:
                self._probe(now, seconds, self.limit or self.value)

    def _probe(self, now: float, seconds: float, limit: float) -> None:
        """A bucket's probe: up a percent a second; faster when the known limit would have refused by now."""
        disproved = self._disproved
        dear = self.allowance.price >= _DEAR
        likely = disproved or self.allowance.higher(limit) or (self.allowance.cheap and not self._sure)
        growth = _PROBE_GROWTH * (1 if not likely else _SOONER_DEAR if dear else _SOONER)
        self.value = min(FASTEST, self.value * (1 + growth * seconds))
        if disproved and self.value > _RAISED * limit and not dear:
            self.phase = Phase.START
            if self._sure:  # else it was a wrong guess, and what it was guessed from is still true
                self._forget(now)
            self.allowance.changed()

    def _look(self, now: float, seconds: float, limit: float) -> None:
        """Looks for a limit that fell: at once between what had surely been taken and what had been believed, then up to that."""
        surely, believed = self.allowance.hope or (limit, limit)
        self.value = min(max(believed, limit), max(self.value * (1 + _PROBE_GROWTH * _SOONER * seconds), (surely + believed) / 2))
        if self._disproved:
            self._forget(now)
            self._live(self.value / _BELOW)
            self._level, self._looking = 0.0, False
            self.allowance.looked(found=True)
            self.allowance.changed()

    def _look_in_vain(self, began: float) -> None:
        """A look was refused soon, so the limit is what it was; the jump was too far to tell more."""
        self._evidence.turn(began)
        self._live(self.limit or self.value)
        self._level, self._looking = self.burst, False
        self.allowance.looked(found=False)
        self.allowance.spent()

    @property
    def _disproved(self) -> bool:
        """Whether the known limit would have refused by now."""
        return self._level > 2 * self.burst + 3

    def _step_up(self, now: float) -> None:
        """A window's probe: a step is held for two windows; each that is not refused is believed, and the next is higher."""
        if now - self._step_at < _HOLD:
            return
        if self._step_at > -math.inf:
            self.limit = self.value
            self._step *= 2
        self._step_at = now
        self.value = min(FASTEST, self.value * (1 + self._step))

    def _forget(self, now: float) -> None:
        """What was known is no longer so."""
        self._evidence.forget(now)
        self._doubt, self._sure = _DOUBT, False

    # -- an event -------------------------------------------------------------------------------------------------------------------

    def refused(self, now: float, began: float, after: int) -> None:
        """The first refusal of an event: the limit is less than the rate.

        Args:
            now: Seconds.
            began: When the refused call was sent.
            after: Calls that were sent after it and are still under way.
        """
        self._event_at, self._again_at, self._event_calls = now, now, 1
        self._evidence.unsent(1 + after)
        if self._looking:
            self._look_in_vain(began)
            return
        self._evidence.turn(began, refused=True)
        before, limit = self.limit or 0.0, self._concluded(now)
        self.allowance.fell(before, limit)
        self._remember(now, before, limit)
        if self.phase is Phase.PROBE and self.windowed and self.value > (1 + 2 * _EVEN) * limit:
            self.allowance.guessed()  # the step was long: there is room for a shorter one
        elif self.phase is Phase.PROBE:
            self.allowance.in_vain(before, limit)
        self.allowance.spent()
        self._step = _EVEN
        self._live(limit)
        self._level = self.burst

    def _remember(self, now: float, before: float, limit: float) -> None:
        """What had held until now is looked for soon, if the limit has fallen."""
        run = now - self._over_at
        if run >= _HELD and before:
            self._held = (self._taken - self.burst) / run, before
        if self._held is not None:
            self.allowance.held(*self._held, limit)

    def asked(self, until: float, retry_after: float) -> None:
        """The provider asked for silence: different times that end at the same second of a minute are a window's."""
        off = (until - self._asked_until + _WINDOW / 2) % _WINDOW - _WINDOW / 2
        if self._asked is not None and abs(retry_after - self._asked) > 2 and abs(off) < 1.5:
            self.windowed = True
        self._asked, self._asked_until = retry_after, until

    def again(self, now: float, began: float) -> None:
        """Another refusal of the same event: of a call that was under way, or of the one that went first after the pause."""
        self._event_calls += 1
        self._again_at = now
        if self.limit is not None and (began - self._event_at) * self.limit > 3:  # calls which a bucket would have let in
            self.windowed = True

    def over(self, now: float) -> None:
        """The first call after the pause was taken: the event is over, and its price is known."""
        if not self._event_calls or self.limit is None:
            return
        self.allowance.costs(now - self._event_at, self._event_calls)
        self._event_calls = 0
        dear = self.allowance.price >= _DEAR
        if self._unsure:
            if not dear:
                self.allowance.guessed()
            elif self._dear == 1 and self._unsure > 2 * self.limit:
                self.phase = Phase.PROBE  # a small bucket, or a window? What is not refused costs nothing
            self._dear += dear
            self._unsure = 0.0
        span = now - self._over_at
        if self.windowed and span < _RECENT and self._taken:
            shut = now - self._again_at  # its window began some time in these
            self._live(self._taken / (span - shut / 2))
            if shut > _NEWS * span:
                self.allowance.guessed()
        self._over_at, self._taken = now, 0

    def _live(self, limit: float) -> None:
        self.phase = Phase.LIVE
        self.limit = min(FASTEST, max(SLOWEST, limit))
        self.value = self.limit * _BELOW

    # -- concluding -----------------------------------------------------------------------------------------------------------------

    def _concluded(self, now: float) -> float:
        """What the limit is, after a refusal."""
        live = self.phase is Phase.LIVE
        run = now - self._over_at
        if self.windowed:
            return self._of_window(run)
        bounds = self._evidence.bounds(self.value * (0.99 if live else 1.02))
        if bounds is None or (live and self._sure and run < _WINDOW):
            limit = self._surprised(run)
            self._unsure = self.value
            self._forget(now)
            self.allowance.changed()
            return limit
        limit = self._of_bucket(bounds, run)
        return min(limit, self.value * 0.98) if live else limit

    def _of_bucket(self, bounds: Bounds, run: float) -> float:
        self._sure = bounds.point
        if bounds.point:
            self._doubt = _DOUBT
        elif self.allowance.price >= _DEAR:
            self._doubt = max(self._doubt, _WINDOW - run)
        limit = bounds.pick(self._doubt)
        self.burst = bounds.burst(limit)
        news = self.limit is None or abs(limit - self.limit) > _NEWS * self.limit
        if not bounds.point and news:
            self._doubt = min(_WINDOW, self._doubt * 3)
            self._unsure = self.value
        if self.burst > _WINDOW * limit:  # no bucket holds more than a minute's calls: it is so many a minute
            self._unsure = self.value
            return self.burst / _WINDOW
        return limit

    def _of_window(self, run: float) -> float:
        """The limit of a window, after a refusal: a step was too high. `over` corrects it if this was not the only one."""
        if self.phase is not Phase.LIVE and self.limit is not None:
            return self.limit
        return self._surprised(run) if run < _RECENT else self.value * (1 - _EVEN)

    def _surprised(self, run: float) -> float:
        """The limit when the evidence contradicts itself: it has changed, or is no bucket."""
        if self.phase is not Phase.LIVE:
            return self._evidence.mean(min(_WINDOW, run))
        if run < _RECENT:  # what was taken from one refusal to the next is surely permitted, if that was long enough to tell
            return max(
                self._taken / (run + min(_WINDOW, self.allowance.price)),
                self.value * (_FURTHEST_CHEAP if self.allowance.cheap else _FURTHEST),
            )
        return self.value * _FALL
