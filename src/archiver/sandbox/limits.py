"""What the sandbox permits an authorisation: calls, commits, latency. Pure: the time is a parameter.

The real limits are unpublished; these are the shapes that were observed (a rate per authorisation with a Retry-After, and a lock
per namespace that commits wait for).
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

__all__ = ["CommitLock", "Limits", "RateMeter", "RateSpan"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one account; all of them may be changed while it is served.

    Attributes:
        calls_per_second: A token bucket's rate; None permits any number of calls.
        burst: The bucket's size in calls.
        window_calls: A fixed window instead: so many calls in each window; None for the bucket.
        window_seconds: The window's length.
        retry_after: What a refused call is told, in whole seconds; None tells nothing.
        plain_text: Refused calls are answered in plain text.
        count_refused: Refused calls use up the limit too, as the real service says.
        commit_seconds: A commit holds the namespace so long …
        commit_seconds_per_file: … and so much longer for each file.
        commit_wait: A commit that would wait longer for the namespace is refused with ``too_many_write_operations``; None waits.
        commit_refusal: How: a 429 for the ``call``, or a failure for each of its ``entries`` in a reply that succeeds.
        commit_retry_after: What a refused commit is told in the header.
        latency: Seconds before a call is looked at.
    """

    calls_per_second: float | None = None
    burst: float = 1
    window_calls: int | None = None
    window_seconds: float = 60
    retry_after: int | None = 15
    plain_text: bool = False
    count_refused: bool = True
    commit_seconds: float = 0
    commit_seconds_per_file: float = 0
    commit_wait: float | None = None
    commit_refusal: Literal["call", "entries"] = "call"
    commit_retry_after: int | None = 1
    latency: float = 0

    @property
    def rate(self) -> float | None:
        """Calls per second permitted in the long run; None without a limit."""
        if self.window_calls is not None:
            return self.window_calls / self.window_seconds
        return self.calls_per_second

    def hold(self, files: int) -> float:
        """For how many seconds a commit of so many files has the namespace to itself."""
        return self.commit_seconds + files * self.commit_seconds_per_file

    def changed(self, changes: dict[str, Any]) -> Limits:
        """These limits with some of them changed.

        Raises:
            msgspec.ValidationError: An unknown name, or a value of a wrong type.
        """
        unknown = sorted(changes.keys() - set(self.__struct_fields__))
        if unknown:
            raise msgspec.ValidationError(f"no such limit: {', '.join(unknown)}")
        return msgspec.convert({**msgspec.to_builtins(self), **changes}, Limits)


class RateSpan(msgspec.Struct, frozen=True, kw_only=True):
    """From a moment on, a rate was permitted.

    Attributes:
        since: Seconds since the epoch.
        calls_per_second: None without a limit.
        burst: What came on top of it at the beginning.
    """

    since: float
    calls_per_second: float | None
    burst: float


class RateMeter:
    """Admits or refuses calls.

    Args:
        limits: The limits at first.
        now: Seconds.
    """

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._level = limits.burst
        self._at = now
        self._window = 0
        self._in_window = 0
        self.spans = [self._span(now)]

    def change(self, limits: Limits, now: float) -> None:
        """Other limits from now on; what is in the bucket stays, as far as it fits."""
        self._refill(now)
        if limits.rate != self._limits.rate or limits.burst != self._limits.burst:
            self._level = limits.burst if self._limits.rate is None else min(self._level, limits.burst)
            self._limits = limits
            self.spans.append(self._span(now))
        self._limits = limits

    def admit(self, now: float) -> bool:
        """Whether one more call is permitted now."""
        if self._limits.window_calls is not None:
            return self._admit_in_window(now, self._limits.window_calls)
        if self._limits.calls_per_second is None:
            return True
        self._refill(now)
        admitted = self._level >= 1
        if admitted or self._limits.count_refused:
            self._level = max(0.0, self._level - 1)
        return admitted

    def _admit_in_window(self, now: float, calls: int) -> bool:
        window = int(now // self._limits.window_seconds)
        if window != self._window:
            self._window, self._in_window = window, 0
        admitted = self._in_window < calls
        if admitted:
            self._in_window += 1
        return admitted

    def _refill(self, now: float) -> None:
        rate = self._limits.calls_per_second
        if rate is not None:
            self._level = min(self._limits.burst, self._level + rate * (now - self._at))
        self._at = now

    def _span(self, now: float) -> RateSpan:
        burst = 0 if self._limits.window_calls is not None or self._limits.calls_per_second is None else self._limits.burst
        return RateSpan(since=now, calls_per_second=self._limits.rate, burst=burst)


class CommitLock:
    """The namespace's lock: commits go one after the other."""

    def __init__(self) -> None:
        self._busy_until = 0.0

    def enter(self, now: float, files: int, limits: Limits) -> float | None:
        """One more commit of so many files.

        Returns:
            Seconds until it is done; None if it would wait too long and is refused.
        """
        begin = max(now, self._busy_until)
        if limits.commit_wait is not None and begin - now > limits.commit_wait:
            return None
        self._busy_until = begin + limits.hold(files)
        return self._busy_until - now
