"""The pacer of a lane: finds out how many calls its provider permits, and lives just below that; pure.

In: how calls went, and the time. Out: when the next call may be made, and how many are worth being in flight. Nothing is configured.
It has no clock, no loop and no randomness but its seed; the gate around it has the first two. How the rate is found is told in
`archiver.pipeline.rate`; here it becomes turns, and the two kinds of 429 are obeyed.
"""

from __future__ import annotations

import math
import random
from collections import deque

import msgspec

from archiver.destinations.port import CallKind
from archiver.errors import ThrottleKind
from archiver.pipeline.rate import AT_ONCE, FASTEST, SLOWEST, Phase, Rate

__all__ = ["MOST_IN_FLIGHT", "Pacer", "Pacing"]

MOST_IN_FLIGHT = 32
"""Calls of one lane; more only wait inside the provider."""
_WAITING = 2  # put_many calls that wait for their turn
_PASSES = 8  # calls that go before a commit that waits, or while it runs
_GATHERING = 12  # where a limit is known: as many as go before a commit (see the gate), and some more

_BACKLOG_AT_ONCE = 2.0  # of the turns that nobody took, where others wait already

_BACKOFF_MOST = 60.0
_RETRY_AFTER_MOST = 3600.0
_MARGIN = 0.05  # seconds after a Retry-After, for clocks that run at different speeds
_SMOOTHING = 0.1  # of a call's mean duration; the first calls count for more
_AHEAD = 3.0  # times what commits carry
_COMMIT_SMOOTHING = 0.5  # of a commit's: there are few of them, and each differs by what it takes along
_LAG = 0.04  # seconds: a busy event loop may be so late
_PATIENCE = 5.0  # seconds which a commit waits for others' commits
_ASK_AGAIN = 1.0  # seconds: it depends on a call that is under way, and nobody knows when that will end
_FAILURES = 3  # in a row, after which one call at a time feels its way


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
    windowed: bool = False


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
        self._rate = Rate(now)
        self._answers = 0
        self._slot = self._last = now  # the next call's turn, and when the last one began
        self._sent = deque[float](maxlen=MOST_IN_FLIGHT)  # when the last ones did
        self.throttled_until = -math.inf
        self.throttled_by = ThrottleKind.RATE
        self._refused_at = -math.inf  # what was sent before tells nothing new
        self._pilot = True  # one call goes first and alone
        self._failures = 0
        self._backoffs = 0
        # commits
        self._commits = 0
        self._commit_latency = 0.0
        self._commit_began = now
        self._commits_beside = False  # some ran at the same time: the provider does not make one wait for another
        self._moved = self._carried = 0  # transfers since the last commit began, and those that it carries
        self._flow = 0.0  # transfers that commits carry, per second
        self._commits_serial = False
        self._commit_at = -math.inf
        self._commit_gap = 0.0
        self._commit_backoffs = 0
        self._recall(learnt)
        self._gap = 1 / self._rate.pace()  # seconds from one turn to the next
        self._early = now - self._rate.at_once * self._gap  # the next turn, where those that nobody took are made up for

    def _recall(self, learnt: bytes) -> None:
        if not learnt:
            return
        try:
            known = msgspec.json.decode(learnt, type=_Learnt)
        except msgspec.DecodeError:
            return
        if not (SLOWEST <= known.limit <= FASTEST and 0 <= known.burst < math.inf and 0 <= known.price <= _RETRY_AFTER_MOST):
            return
        self._rate.recall(known.limit, known.burst, known.price, windowed=known.windowed)

    def learnt(self) -> bytes:
        """What was found out, for the pacer that comes after a restart; empty if nothing was."""
        rate = self._rate
        if rate.limit is None:
            return b""
        price = round(rate.allowance.price, 2)
        return msgspec.json.encode(_Learnt(limit=round(rate.limit, 4), burst=round(rate.burst, 2), price=price, windowed=rate.windowed))

    # -- asked ----------------------------------------------------------------------------------------------------------------------

    def next_call_at(self, now: float, kind: CallKind, *, alone: bool = False) -> float:
        """When a call may be made, as far as is known now: never infinite, and perhaps later when that moment has come.

        Args:
            now: Seconds.
            kind: The call's kind.
            alone: No other call waits for its turn.
        """
        at = self._turn(alone=alone)
        if kind is CallKind.COMMIT and self.passes <= 0 and self._rate.at_once >= 1:
            at -= self._gap  # the namespace is what is scarce, and would stand idle for a turn; the call after it goes later instead
        at = max(at, self.throttled_until)
        if kind is CallKind.COMMIT:
            at = max(at, self._commit_at)
            if self._commits_serial and self._commits:
                at = max(at, now + _ASK_AGAIN)
        if self.in_flight and (self._pilot or self.in_flight >= MOST_IN_FLIGHT):
            at = max(at, now + _ASK_AGAIN)
        return at

    def _turn(self, *, alone: bool) -> float:
        """The next call's turn.

        Turns that nobody took are made up for by calls that go one after the other, as those of a single item do: so an idle lane is
        quick. A backlog gets two of them at its very beginning; more would be a burst, and tell little if it were refused.
        """
        if self.in_flight:
            return self._slot
        if alone:
            return min(self._slot, self._early)
        if self._rate.limit is None:
            return min(self._slot, self._early + (AT_ONCE - _BACKLOG_AT_ONCE) * self._gap)
        return self._slot

    @property
    def window(self) -> int:
        """`put_many` calls that are worth being in flight: Little's law twice over, since each is more than one call, and some that wait.

        Where commits take longer than other calls, it is a commit that a `put_many` waits for, and what counts is how many can move
        their bytes while one runs: all of them travel in the next one. So commits grow until what they cost each is as good as nothing.

        Where a limit is known calls are what is scarce, so more of them wait: for the commit that takes them all, and behind it,
        so that no turn passes unused while it runs.
        """
        if self._pilot:
            return 1
        waiting = _WAITING if self._rate.limit is None else _GATHERING
        return min(MOST_IN_FLIGHT, math.ceil(self._rate.value * max(self._rate.latency, self._commit_latency) * 2) + waiting)

    @property
    def passes(self) -> float:
        """How many calls go before a commit whose turn has come, so that what they move travels along and fewer commits are needed.

        What goes while a commit runs travels in the next one anyway. So where commits take long they wait for nobody: they are what is
        scarce there, and not the calls.
        """
        return _PASSES - self._rate.value * self._commit_latency

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
            rate=self._rate.value,
            limit=self._rate.limit,
            phase=self._rate.phase,
            window=self.window,
            in_flight=self.in_flight,
            throttled_until=self.throttled_until,
        )

    # -- told -----------------------------------------------------------------------------------------------------------------------

    def throttle_until(self, now: float, until: float) -> None:
        """Sends nothing before ``until``, or for an hour if that is less."""
        self.throttled_until = max(self.throttled_until, min(until, now + _RETRY_AFTER_MOST))
        self._pilot = True

    def started(self, now: float, kind: CallKind) -> None:
        """A call begins."""
        since = now - self._last
        self._rate.useful = self._useful(now)
        idle = since - self._gap >= max(self._gap, _LAG)
        self._gap = 1 / self._rate.sent(now, since, idle=idle, alone=self._pilot)
        # A turn that came a little late is made up for, one that nobody took is not, except as `_turn` tells.
        self._slot = (now if idle else max(self._slot, now - max(self._gap, _LAG) / 2)) + self._gap
        self._early = max(self._early, now - self._rate.at_once * self._gap) + self._gap
        self._last = now
        self._sent.append(now)
        self.in_flight += 1
        if kind is CallKind.COMMIT:
            if self._commits:
                self._commits_beside = True
            else:
                self._commit_began = now
                self._carried, self._moved = self._moved, 0
            self._commits += 1

    def _useful(self, now: float) -> float:
        """Calls per second that fill the next commit while one runs, and more: where commits are scarce, faster ones only wait for it.

        Commits that carry little seem to be slower than they are, so a multiple of what they carry is allowed, and each carries more.
        """
        if self._commits_beside:
            return math.inf
        flow = self._flow or math.inf
        if self._commits and self._carried and now > self._commit_began:
            flow = min(flow, self._carried / (now - self._commit_began))  # one that runs for long tells before it ends
        return _AHEAD * flow

    def ended(self, now: float, kind: CallKind, latency: float) -> None:
        """A call went well."""
        self._left(kind)
        self._failures = 0
        late = now - latency < self._refused_at
        self._rate.taken(late=late)
        if not late:
            if self._pilot:
                self._rate.over(now)
            self._pilot = False
            self._backoffs = 0
        self._answers += 1
        self._rate.latency += max(_SMOOTHING, 1 / (1 + self._answers)) * (latency - self._rate.latency)
        if kind is CallKind.TRANSFER:
            self._moved += 1
        if kind is CallKind.COMMIT:
            self._commit_latency += (_COMMIT_SMOOTHING if self._commit_latency else 1) * (latency - self._commit_latency)
            if self._carried and latency > 0:
                self._flow += (_COMMIT_SMOOTHING if self._flow else 1) * (self._carried / latency - self._flow)
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
        if retry_after is not None:  # a provider may say anything
            retry_after = min(retry_after, _RETRY_AFTER_MOST) if retry_after >= 0 else None
        if throttle is ThrottleKind.CONTENTION:
            return self._contended(now, retry_after)
        first = began >= self._refused_at
        if first and not self._backoffs:
            after = sum(sent >= began for sent in self._sent) - 1
            self._rate.refused(now, began, max(0, min(self.in_flight, after)))
        else:
            self._rate.again(now, began)
        if not first and retry_after is None:
            return None
        wait = self._wait(retry_after, self._backoffs)
        if first:
            self._refused_at = now
            if retry_after is not None:
                self._rate.asked(now + retry_after, retry_after)
            if self._backoffs and retry_after is not None:  # it says less than it means
                wait = max(wait, min(_BACKOFF_MOST, 2.0**self._backoffs))
            self._backoffs += 1
        self._pilot = True
        until = now + wait
        if until <= self.throttled_until:
            return None
        self.throttled_until, self.throttled_by = until, throttle
        return until

    def _wait(self, retry_after: float | None, backoffs: int) -> float:
        if retry_after is None:
            most = min(_BACKOFF_MOST, 2.0**backoffs)
            return self._random.uniform(0.75 * most if self._rate.windowed else 0, most) + _MARGIN  # a window does not open for trying
        return retry_after + _MARGIN

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
