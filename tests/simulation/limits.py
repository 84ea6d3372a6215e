"""What clouds permit: pure, the time is a parameter. Each knows its own way of saying no."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Protocol

import msgspec

from archiver.destinations.port import CallKind
from archiver.errors import ThrottleKind

__all__ = ["AtOnce", "CommitLock", "FixedWindow", "Limit", "Refusal", "TokenBucket", "some_limits"]


class Refusal(msgspec.Struct, frozen=True):
    """A 429.

    Attributes:
        retry_after: Seconds; None if the cloud does not tell.
        kind: Which 429.
    """

    retry_after: float | None
    kind: ThrottleKind = ThrottleKind.RATE


class Limit(Protocol):
    """One rule of an account."""

    def refuses(self, now: float, kind: CallKind) -> Refusal | None:
        """A call arrives; None lets it through."""
        ...

    def ended(self, kind: CallKind) -> None:
        """A call that was let through ended."""
        ...

    def scale(self, factor: float) -> None:
        """The cloud permits more or less from now on."""
        ...


class TokenBucket:
    """So many calls per second, some more at once. Refused calls cost nothing."""

    def __init__(self, rate: float, burst: float, retry_after: float | None) -> None:
        self._full_rate = self._rate = rate
        self._burst = self._tokens = burst
        self._retry_after = retry_after
        self._at = 0.0

    def refuses(self, now: float, kind: CallKind) -> Refusal | None:
        """See `Limit`."""
        del kind
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return Refusal(self._retry_after)
        self._tokens -= 1
        return None

    def ended(self, kind: CallKind) -> None:
        """See `Limit`."""

    def scale(self, factor: float) -> None:
        """See `Limit`."""
        self._rate = self._full_rate * factor


class FixedWindow:
    """So many calls in each window of some seconds; a refusal tells how much of the window is left, if it tells anything."""

    def __init__(self, calls: int, seconds: float, *, tells: bool) -> None:
        self._full_calls = self._calls = calls
        self._seconds = seconds
        self._tells = tells
        self._window = -1
        self._used = 0

    def refuses(self, now: float, kind: CallKind) -> Refusal | None:
        """See `Limit`."""
        del kind
        window = int(now / self._seconds)
        if window != self._window:
            self._window, self._used = window, 0
        if self._used >= self._calls:
            return Refusal((window + 1) * self._seconds - now if self._tells else None)
        self._used += 1
        return None

    def ended(self, kind: CallKind) -> None:
        """See `Limit`."""

    def scale(self, factor: float) -> None:
        """See `Limit`."""
        self._calls = max(1, int(self._full_calls * factor))


class AtOnce:
    """So many calls at the same time."""

    def __init__(self, calls: int, retry_after: float | None) -> None:
        self._calls = calls
        self._retry_after = retry_after
        self._running = 0

    def refuses(self, now: float, kind: CallKind) -> Refusal | None:
        """See `Limit`."""
        del now, kind
        if self._running >= self._calls:
            return Refusal(self._retry_after)
        self._running += 1
        return None

    def ended(self, kind: CallKind) -> None:
        """See `Limit`."""
        del kind
        self._running -= 1

    def scale(self, factor: float) -> None:
        """See `Limit`."""


class CommitLock:
    """One commit at a time: another that comes meanwhile is refused as Dropbox does, with "too many write operations"."""

    def __init__(self, retry_after: float | None) -> None:
        self._retry_after = retry_after
        self._running = 0

    def refuses(self, now: float, kind: CallKind) -> Refusal | None:
        """See `Limit`."""
        del now
        if kind is CallKind.COMMIT:
            if self._running:
                return Refusal(self._retry_after, ThrottleKind.CONTENTION)
            self._running += 1
        return None

    def ended(self, kind: CallKind) -> None:
        """See `Limit`."""
        if kind is CallKind.COMMIT:
            self._running -= 1

    def scale(self, factor: float) -> None:
        """See `Limit`."""


def some_limits(chance: random.Random, *, big: bool) -> Sequence[Limit]:
    """An account's limits, by chance: often one, sometimes none, sometimes a commit lock besides; a big customer's is not too low."""
    limits: list[Limit] = []
    retry_after = chance.choice([None, 1.0, 1.0, 15.0, 15.0])
    match chance.randrange(5):
        case 0 | 1:
            limits.append(TokenBucket(chance.choice([4.0, 12.0] if big else [1.0, 3.0, 12.0]), chance.choice([1.0, 5.0]), retry_after))
        case 2:
            limits.append(FixedWindow(chance.choice([40, 100]) if big else 20, chance.choice([10.0, 30.0]), tells=chance.random() < 0.7))
        case 3:
            limits.append(AtOnce(chance.choice([1, 2, 4]), min(retry_after or 1.0, 15.0) if chance.random() < 0.7 else None))
        case _:
            pass
    if chance.random() < 0.4:
        limits.append(CommitLock(chance.choice([None, 1.0, 15.0])))
    return limits
