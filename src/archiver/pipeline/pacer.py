"""The pacer of a lane: finds out how many calls its provider permits, and lives just below that; pure.

In: how calls went, and the time. Out: when the next call may be made, and how many are worth being in flight. Nothing is configured.
It has no clock, no loop and no randomness but its seed; the gate around it has the first two.

A rate goes through three phases:

* **start**: it doubles every few seconds, until a call is refused or nobody asks for more.
* **live**: just below the limit that the refusals tell (see `archiver.pipeline.limit`).
* **probe**: slowly above it. A refusal there tells the limit better, and costs its Retry-After; so probes are paid out of an
  allowance of 3 % of the time and half a percent of the calls. If none comes where the limit should be, the limit was raised: start.
"""

from __future__ import annotations

import math
import random
from enum import StrEnum

import msgspec

from archiver.destinations.port import CallKind
from archiver.errors import ThrottleKind
from archiver.pipeline.limit import Limit

__all__ = ["Pacer", "Pacing", "Phase"]

MOST_IN_FLIGHT = 32
"""Calls of one lane; more only wait inside the provider."""

_FIRST_RATE = 2.0  # calls per second
_START_GROWTH = math.log(2) / 3  # doubles in 3 s
_PROBE_GROWTH = 0.01  # a percent per second
_SLOWEST = 1 / 60  # calls per second: below this it would look as if nothing went on
_FASTEST = 10_000.0
_BELOW = 0.985  # of the known limit
_TIME_SHARE = 0.03  # of the time may go into the price of probes
_CALL_SHARE = 0.005  # of the calls may be refused for them
_BACKOFF_MOST = 60.0
_RETRY_AFTER_MOST = 3600.0
_MARGIN = 0.05  # seconds after a Retry-After, for clocks that run at different speeds
_PATIENCE = 5.0  # seconds which a commit waits for others' commits
_FAILURES = 3  # in a row, after which one call at a time feels its way


class Phase(StrEnum):
    """What the rate is doing."""

    START = "start"
    LIVE = "live"
    PROBE = "probe"


class Pacing(msgspec.Struct, frozen=True, kw_only=True):
    """The pace, for people.

    Attributes:
        rate: Calls per second that are allowed now.
        limit: What the provider is believed to permit; None as long as it has refused nothing.
        phase: What the rate is doing.
        window: Calls that are worth being in flight.
        in_flight: Calls that are.
        throttled_until: Of the clock's time.
    """

    rate: float
    limit: float | None
    phase: Phase
    window: int
    in_flight: int
    throttled_until: float


class _Learnt(msgspec.Struct, frozen=True, omit_defaults=True):
    """What survives a restart."""

    limit: float
    burst: float = 1.0
    price: float = 0.0


class Pacer:
    """One lane's pace.

    Args:
        now: Seconds, on any clock that never goes back.
        learnt: What `learnt` gave earlier; junk is ignored.
        seed: Of the only randomness, the backoff where a provider tells no Retry-After.

    Attributes:
        in_flight: Calls that were started and have not ended.
        throttled_until: Nothing is sent before this moment; it lies in the past if the lane is open.
        throttled_by: Which kind of 429 said so.
    """

    def __init__(self, now: float, learnt: bytes = b"", *, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311 - jitter, no secret
        self.in_flight = 0
        self._latency = 0.2
        self._phase = Phase.START
        self._rate = _FIRST_RATE
        self._slot = now  # the next call's turn
        self._last = now  # the last call's
        self.throttled_until = -math.inf
        self.throttled_by = ThrottleKind.RATE
        self._pilot = True  # one call goes first and alone
        self._failures = 0
        self._backoffs = 0
        # the limit
        self._evidence = Limit(now)
        self._even = self._rate
        self._limit: float | None = None
        self._burst = 1.0
        self._doubt = 1.0  # seconds of burst which are taken for granted until two refusals tell
        self._refused_at = -math.inf
        self._event_began = 0.0
        self._event_calls = 0
        self._taken = 0  # since the last refusal
        self._concluded_at = now
        # what probes may cost
        self._price = 1.0
        self._price_calls = 1
        self._allowance = 0.0
        self._allowance_calls = 0.0
        self._caution = 1.0
        self._above = 0.0
        # commits
        self._commits = 0
        self._commits_serial = False
        self._commit_at = -math.inf
        self._commit_gap = 0.0
        self._commit_backoffs = 0
        self._recall(learnt)

    def _recall(self, learnt: bytes) -> None:
        if not learnt:
            return
        try:
            known = msgspec.json.decode(learnt, type=_Learnt)
        except msgspec.DecodeError:
            return
        if not (_SLOWEST <= known.limit <= _FASTEST and 0 <= known.burst < math.inf and 0 <= known.price <= _RETRY_AFTER_MOST):
            return
        self._limit, self._burst, self._price = known.limit, known.burst, max(1.0, known.price)
        self._phase = Phase.LIVE
        self._rate = known.limit * _BELOW

    def learnt(self) -> bytes:
        """What was found out, for the pacer that comes after a restart; empty if nothing was."""
        if self._limit is None:
            return b""
        return msgspec.json.encode(_Learnt(limit=round(self._limit, 4), burst=round(self._burst, 2), price=round(self._price, 2)))

    # -- asked ----------------------------------------------------------------------------------------------------------------------

    def next_call_at(self, now: float, kind: CallKind) -> float:
        """When a call of this kind may be made, as far as is known now: never infinite, and perhaps later when that moment has come."""
        at = max(self._slot, self.throttled_until)
        if kind is CallKind.COMMIT:
            at = max(at, self._commit_at)
            if self._commits_serial and self._commits:
                at = max(at, now + self._latency)
        if self.in_flight and (self._pilot or self.in_flight >= MOST_IN_FLIGHT):
            at = max(at, now + self._latency)
        return at

    @property
    def window(self) -> int:
        """Calls that are worth being in flight: Little's law, with one that waits for its turn."""
        if self._pilot:
            return 1
        return max(1, min(MOST_IN_FLIGHT, math.ceil(self._rate * self._latency * 1.5) + 1))

    def room(self, now: float, busy: int | None = None) -> int:
        """How many more `put_many` calls are worth beginning.

        Args:
            now: Seconds.
            busy: How many there are; by default the calls in flight.
        """
        if now < self.throttled_until:
            return 0
        return max(0, self.window - (self.in_flight if busy is None else busy))

    def snapshot(self) -> Pacing:
        """The pace, for people."""
        return Pacing(
            rate=self._rate,
            limit=self._limit,
            phase=self._phase,
            window=self.window,
            in_flight=self.in_flight,
            throttled_until=self.throttled_until,
        )

    # -- told -----------------------------------------------------------------------------------------------------------------------

    def throttle_until(self, until: float) -> None:
        """Sends nothing before ``until``."""
        self.throttled_until = max(self.throttled_until, until)
        self._pilot = True

    def started(self, now: float, kind: CallKind) -> None:
        """A call begins."""
        lag = now - self._slot
        gap = 1 / self._rate
        if lag < gap:
            self._grow(now, min(now - self._last, 2 * gap))
            self._slot = max(self._slot, now - gap / 2) + 1 / self._rate
            if not 0.97 < self._rate / self._even < 1.03:
                self._even = self._rate
                self._evidence.turn(now)
        else:
            self._slot = now + gap
            self._evidence.turn(now)
        self._last = now
        self._evidence.sent()
        self._allowance_calls += _CALL_SHARE
        self.in_flight += 1
        if kind is CallKind.COMMIT:
            self._commits += 1

    def ended(self, now: float, kind: CallKind, latency: float) -> None:
        """A call went well."""
        self._left(kind)
        self._failures = 0
        self._taken += 1
        if now - latency >= self._refused_at:
            if self._pilot and self._event_calls:
                self._event_over(now)
            self._pilot = False
            self._backoffs = 0
        else:
            self._evidence.sent()  # it was under way when others were refused
        self._latency += 0.1 * (latency - self._latency)
        if kind is CallKind.COMMIT:
            self._commit_backoffs = 0
            self._commit_gap *= 0.98
            self._commit_at = max(self._commit_at, now + self._commit_gap)

    def failed(self, kind: CallKind) -> None:
        """A call ended without telling anything about the pace."""
        self._left(kind)
        self._failures += 1
        if self._failures >= _FAILURES:
            self._pilot = True

    def refused(self, now: float, kind: CallKind, throttle: ThrottleKind, retry_after: float | None, began: float) -> float | None:
        """A call was refused.

        Args:
            now: Seconds.
            kind: The call's kind.
            throttle: Which 429 it was.
            retry_after: Seconds; None if the provider did not tell.
            began: When the call was sent.

        Returns:
            Until when the lane is throttled, if this changed it.
        """
        self._left(kind)
        if throttle is ThrottleKind.CONTENTION:
            return self._contended(now, retry_after)
        self._event_calls += 1
        first = began >= self.throttled_until and began >= self._refused_at
        if first:
            if self._pilot and self._event_began:
                pass  # still closed: it says how long the provider's memory is, not how fast we were
            else:
                self._conclude(now, began)
        if not first and retry_after is None:
            return None
        wait = self._wait(retry_after, self._backoffs)
        if first:
            self._refused_at = now
            self._backoffs += 1
            if self._pilot and retry_after is not None and self._backoffs > 1:
                wait = max(wait, min(_BACKOFF_MOST, 2.0 ** (self._backoffs - 1)))
        self._pilot = True
        until = now + wait
        if until <= self.throttled_until:
            return None
        self.throttled_until, self.throttled_by = until, throttle
        return until

    # -- the rate -------------------------------------------------------------------------------------------------------------------

    def _grow(self, now: float, seconds: float) -> None:
        if self._pilot:
            return
        match self._phase:
            case Phase.START:
                self._rate = min(_FASTEST, self._rate * (1 + _START_GROWTH * seconds))
            case Phase.LIVE:
                self._allowance += _TIME_SHARE * seconds
                needed = self._caution
                if self._allowance >= self._price * needed and self._allowance_calls >= self._price_calls * needed:
                    self._phase = Phase.PROBE
                    self._above = 0.0
            case Phase.PROBE:
                self._rate *= 1 + _PROBE_GROWTH * seconds
                limit = self._limit or self._rate
                self._above = max(0.0, self._above + 1 - limit * seconds)
                if self._rate > 1.1 * limit and self._above > 2 * self._burst + 3:
                    self._phase = Phase.START
                    self._evidence.forget(now)
                    self._caution = 1.0
                    self._doubt = 1.0

    def _conclude(self, now: float, began: float) -> None:
        """The first refusal of an event: what does it tell about the limit?"""
        self._event_began = now
        self._event_calls = 1
        self._evidence.unsent(1 + min(self.in_flight, round(self._rate * (now - began))))
        self._evidence.turn(began, refused=True)
        before = self._limit
        bounds = self._evidence.bounds(self._rate * (0.99 if self._phase is Phase.LIVE else 1.02))
        span = now - self._concluded_at
        sure = self._taken / span
        self._taken, self._concluded_at = 0, now
        if bounds is None:
            self._evidence.forget(now)
            self._limit = sure if before is not None and span < 180 else self._rate * 0.7
            self._caution = 1.0
            self._doubt = 1.0
        else:
            self._limit = bounds.pick(self._doubt)
            self._burst = bounds.burst(self._limit)
            if bounds.best is None:
                self._doubt = 60.0 if self._price > 60 or self._doubt > 20 else self._doubt * 3
                self._caution = 0.125 if self._price < 60 else 1.0
            else:
                self._doubt = 1.0
        self._limit = max(self._limit, _SLOWEST)
        if before is not None and self._phase is Phase.PROBE:
            self._caution = min(4.0, self._caution * 2) if abs(self._limit / before - 1) < 0.05 else 1.0
        self._phase = Phase.LIVE
        self._rate = self._limit * _BELOW
        self._allowance = self._allowance_calls = 0.0

    def _event_over(self, now: float) -> None:
        self._price = max(1.0, now - self._event_began)
        self._price_calls = self._event_calls
        self._event_calls = 0
        self._event_began = 0.0

    def _wait(self, retry_after: float | None, backoffs: int) -> float:
        if retry_after is None or not retry_after >= 0:  # also not a number
            return self._random.uniform(0, min(_BACKOFF_MOST, 2.0**backoffs)) + _MARGIN
        return min(retry_after, _RETRY_AFTER_MOST) + _MARGIN

    # -- commits --------------------------------------------------------------------------------------------------------------------

    def _contended(self, now: float, retry_after: float | None) -> float | None:
        """Commits collide: from now on one at a time, further apart. The rate is not to blame."""
        self._commits_serial = True
        self._commit_gap = min(_BACKOFF_MOST, max(0.1, self._commit_gap * 2))
        wait = max(self._wait(retry_after, self._commit_backoffs), self._commit_gap)
        self._commit_backoffs += 1
        self._commit_at = max(self._commit_at, now + wait)
        if wait > _PATIENCE and self._commit_at > self.throttled_until:
            self.throttled_until, self.throttled_by = self._commit_at, ThrottleKind.CONTENTION
            return self.throttled_until
        return None

    def _left(self, kind: CallKind) -> None:
        self.in_flight -= 1
        if kind is CallKind.COMMIT:
            self._commits -= 1
