"""One lane with endless work, its real `Pacer`, and a provider, in virtual time: a heap of events, no loop and no waiting."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable

import msgspec

from archiver.destinations.port import CallKind
from archiver.errors import ThrottleKind
from archiver.pipeline.pacer import Pacer
from benchmarks.pacer_providers import CommitLock, Limiter

__all__ = ["RetryAfter", "Trace", "World"]

RetryAfter = Callable[[float], float | None]
"""What a call that is refused at a moment is told, in seconds."""

_COMMITTERS = 4  # they do not know of each other


class Trace(msgspec.Struct):
    """What happened.

    Attributes:
        taken: Calls that were taken, by second.
        refused: Calls that were refused for their rate, by second.
        contended: Commits that were refused because another held the lock.
        commits: Commits that were taken.
        disobeyed: Calls sent after a 429 had come and before its Retry-After was over.
        in_flight: Most calls in flight, by second.
    """

    taken: list[int]
    refused: list[int]
    in_flight: list[int]
    contended: int = 0
    commits: int = 0
    disobeyed: int = 0


class _Call(msgspec.Struct):
    """A call under way."""

    kind: CallKind
    sent: float
    files: int
    refused: ThrottleKind | None = None
    answered: float = 0.0


class _Silence:
    """What a Retry-After asks for: nothing from when the lane knows of it until it is over."""

    def __init__(self) -> None:
        self._since = self._until = 0.0

    def asked(self, now: float, until: float) -> None:
        """The lane has just read that it should wait until then."""
        if now >= self._until:
            self._since = now
        self._until = max(self._until, until)

    def broken(self, sent: float, arrived: float) -> bool:
        """Whether a call should not have been sent."""
        return self._since < sent and arrived < self._until


class World:
    """Runs a lane against a provider. A call takes 50 to 300 ms, half of it on the way there.

    Args:
        limiter: What it permits.
        retry_after: What a refused call is told.
        seconds: How long it runs.
        seed: Of the latencies.
        lock: Commits hold it; None if the lane makes no commits of their own.
    """

    def __init__(self, limiter: Limiter, retry_after: RetryAfter, seconds: int, seed: int, lock: CommitLock | None = None) -> None:
        self._limiter = limiter
        self._retry_after = retry_after
        self._seconds = seconds
        self._random = random.Random(seed)  # noqa: S311 - latencies, no secret
        self._lock = lock
        self._events: list[tuple[float, int, Callable[[float, _Call], None], _Call]] = []
        self._count = 0
        self._uncommitted = 0
        self._commits = 0
        self._silence = {kind: _Silence() for kind in ThrottleKind}
        self.pacer = Pacer(0.0, seed=seed)
        self.trace = Trace([0] * (seconds + 1), [0] * (seconds + 1), [0] * (seconds + 1))

    def run(self) -> Trace:
        """Runs to the end."""
        now = 0.0
        while True:
            kind = self._next_kind(now)
            at = max(now, self.pacer.next_call_at(now, kind)) if self.pacer.room(max(now, self.pacer.throttled_until)) else float("inf")
            event = self._events[0][0] if self._events else float("inf")
            if min(at, event) >= self._seconds:
                return self.trace
            if event <= at:
                now, _, step, call = heapq.heappop(self._events)
                step(now, call)
            else:
                now = at
                if self.pacer.next_call_at(now, kind) <= now:
                    self._send(now, kind)

    def _next_kind(self, now: float) -> CallKind:
        """A commit if there is something to commit, unless another call may go sooner."""
        if self._lock is None or not self._uncommitted or self._commits >= _COMMITTERS:
            return CallKind.TRANSFER
        sooner = self.pacer.next_call_at(now, CallKind.TRANSFER) < self.pacer.next_call_at(now, CallKind.COMMIT)
        return CallKind.TRANSFER if sooner else CallKind.COMMIT

    def _push(self, at: float, step: Callable[[float, _Call], None], call: _Call) -> None:
        self._count += 1
        heapq.heappush(self._events, (at + self._random.uniform(0.025, 0.15), self._count, step, call))

    def _send(self, now: float, kind: CallKind) -> None:
        self.pacer.started(now, kind)
        self.trace.in_flight[int(now)] = max(self.trace.in_flight[int(now)], self.pacer.in_flight)
        call = _Call(kind, now, 0)
        if kind is CallKind.COMMIT:
            call.files = min(1000, self._uncommitted)
            self._uncommitted -= call.files
            self._commits += 1
        self._push(now, self._arrived, call)

    def _arrived(self, now: float, call: _Call) -> None:
        """At the provider."""
        if self._silence[ThrottleKind.RATE].broken(call.sent, now):
            self.trace.disobeyed += 1
        call.answered = now
        if not self._limiter.takes(now):
            self.trace.refused[int(now)] += 1
            call.refused = ThrottleKind.RATE
        else:
            self.trace.taken[int(now)] += 1
            if call.kind is CallKind.COMMIT:
                self._commit(now, call)
        self._push(call.answered, self._answered, call)

    def _commit(self, now: float, call: _Call) -> None:
        assert self._lock is not None
        if self._silence[ThrottleKind.CONTENTION].broken(call.sent, now):
            self.trace.disobeyed += 1
        seconds = self._lock.takes(now, call.files)
        if seconds is None:
            self.trace.contended += 1
            call.refused = ThrottleKind.CONTENTION
        else:
            self.trace.commits += 1
            call.answered = now + seconds

    def _answered(self, now: float, call: _Call) -> None:
        """At the lane."""
        if call.kind is CallKind.COMMIT:
            self._commits -= 1
        if call.refused is None:
            self._uncommitted += call.kind is CallKind.TRANSFER
            self.pacer.ended(now, call.kind, now - call.sent)
            return
        self._uncommitted += call.files
        retry_after = self._retry_after(call.answered)
        if retry_after is not None:
            self._silence[call.refused].asked(now, call.answered + retry_after)
        self.pacer.refused(now, call.kind, call.refused, retry_after, call.sent)
