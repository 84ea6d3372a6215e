"""One lane with endless work, its real `Pacer`, and a provider, in virtual time: a heap of events, no loop and no waiting."""

from __future__ import annotations

import heapq
import random

import msgspec

from archiver.destinations.port import CallKind
from archiver.errors import ThrottleKind
from archiver.pipeline.pacer import Pacer
from benchmarks.pacer_providers import CommitLock, Limiter, Window

__all__ = ["Trace", "World"]


class Trace(msgspec.Struct):
    """What happened.

    Attributes:
        taken: Calls that were taken, by second.
        refused: Calls that were refused, by second.
        contended: Commits that were refused because another held the lock.
        commits: Commits that were taken.
        disobeyed: Calls sent after a 429 had come and before its Retry-After was over.
        peak_in_flight: Most calls in flight.
        refusals: Of each refused call: when it was sent, and the pacer's rate then.
    """

    taken: list[int]
    refused: list[int]
    contended: int = 0
    commits: int = 0
    disobeyed: int = 0
    peak_in_flight: int = 0
    refusals: list[tuple[float, float]] = []


class World:
    """Runs a lane against a provider.

    Args:
        limiter: What it permits.
        retry_after: What a refused call is told, in seconds; None tells nothing, ``"rest"`` the rest of the window.
        seconds: How long it runs.
        seed: Of the latencies.
        lock: Commits hold it; None if the lane makes no commits of their own.
    """

    def __init__(
        self, limiter: Limiter, retry_after: float | str | None, seconds: int, seed: int, lock: CommitLock | None = None
    ) -> None:
        self._limiter = limiter
        self._retry_after = retry_after
        self._seconds = seconds
        self._random = random.Random(seed)
        self._lock = lock
        self._events: list[tuple[float, int, int, float, CallKind, object]] = []
        self._count = 0
        self._uncommitted = 0
        self._commits = 0
        self._over = 0.0  # when the last Retry-After is over, by the provider's clock
        self._told = float("inf")  # and since when the lane knows
        self.pacer = Pacer(0.0, seed=seed)
        self.trace = Trace([0] * (seconds + 1), [0] * (seconds + 1))

    def run(self) -> Trace:
        """Runs to the end."""
        now = 0.0
        while True:
            kind = self._next_kind()
            at = max(now, self.pacer.next_call_at(now, kind)) if self.pacer.room(max(now, self.pacer.throttled_until)) else float("inf")
            if self._events and self._events[0][0] <= at:
                now, _, step, sent, called, answer = heapq.heappop(self._events)
                if now >= self._seconds:
                    return self.trace
                (self._arrived if step == 0 else self._answered)(now, sent, called, answer)
            elif at >= self._seconds:
                return self.trace
            else:
                now = at
                if self.pacer.next_call_at(now, kind) <= now:
                    self._send(now, kind)

    def _next_kind(self) -> CallKind:
        if self._lock is not None and self._uncommitted and self._commits < 4:
            return CallKind.COMMIT
        return CallKind.TRANSFER

    def _push(self, at: float, step: int, sent: float, kind: CallKind, answer: object) -> None:
        self._count += 1
        heapq.heappush(self._events, (at, self._count, step, sent, kind, answer))

    def _send(self, now: float, kind: CallKind) -> None:
        self.pacer.started(now, kind)
        self.trace.peak_in_flight = max(self.trace.peak_in_flight, self.pacer.in_flight)
        files = 0
        if kind is CallKind.COMMIT:
            files, self._uncommitted = min(1000, self._uncommitted), 0
            self._commits += 1
        self._push(now + self._random.uniform(0.025, 0.15), 0, now, kind, files)

    def _arrived(self, now: float, sent: float, kind: CallKind, answer: object) -> None:
        """At the provider."""
        second = int(now)
        if self._told < sent and now < self._over:
            self.trace.disobeyed += 1
        wait: float | None = 0.0
        if not self._limiter.takes(now):
            self.trace.refused[second] += 1
            self.trace.refusals.append((sent, self.pacer.snapshot().rate))
            answer = ThrottleKind.RATE
        else:
            self.trace.taken[second] += 1
            if kind is CallKind.COMMIT and self._lock is not None:
                assert isinstance(answer, int)
                wait = self._lock.takes(now, answer)
                if wait is None:
                    self.trace.contended += 1
                    self._uncommitted += answer
                    answer, wait = ThrottleKind.CONTENTION, 0.0
                else:
                    self.trace.commits += 1
        self._push(now + wait + self._random.uniform(0.025, 0.15), 1, sent, kind, (answer, now + wait))

    def _answered(self, now: float, sent: float, kind: CallKind, answer: object) -> None:
        """At the lane."""
        assert isinstance(answer, tuple)
        what, answered = answer
        if kind is CallKind.COMMIT:
            self._commits -= 1
        if isinstance(what, ThrottleKind):
            retry_after = self._retry_after
            if isinstance(retry_after, str):
                assert isinstance(self._limiter, Window)
                retry_after = float(int(self._limiter.rest(answered)) + 1)
            if retry_after is not None and what is ThrottleKind.RATE:
                if now >= self._over:
                    self._told = now
                self._over = max(self._over, answered + retry_after)
            self.pacer.refused(now, kind, what, retry_after, sent)
        else:
            if kind is CallKind.TRANSFER:
                self._uncommitted += 1
            self.pacer.ended(now, kind, now - sent)
