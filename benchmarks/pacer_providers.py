"""Providers with limits that a pacer does not know, in virtual time; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ["Bucket", "CommitLock", "Limiter", "Unlimited", "Window"]


class Limiter(Protocol):
    """What takes calls, or refuses them. Calls come in the order of their times."""

    def takes(self, now: float) -> bool:
        """Whether a call that arrives now is taken."""
        ...

    def permitted(self, start: float, end: float) -> float:
        """How many calls a client that knew the limit, and always had one to send, could have got through."""
        ...


class Unlimited:
    """Takes everything."""

    def takes(self, now: float) -> bool:
        """Always."""
        return now >= 0

    def permitted(self, start: float, end: float) -> float:
        """No number means anything here."""
        return float("inf") if end > start else 0.0


class Bucket:
    """A token bucket, perhaps with a rate that changes.

    Args:
        rates: From when on (seconds, rising, the first is 0) which rate holds, in calls per second.
        burst: What the bucket holds.
        count_refused: A refused call takes a token too, if there is part of one.
    """

    def __init__(self, rates: Sequence[tuple[float, float]], burst: float, *, count_refused: bool = False) -> None:
        self._rates = tuple(rates)
        self._burst = burst
        self._count_refused = count_refused
        self._level = burst
        self._at = 0.0

    def takes(self, now: float) -> bool:
        """Whether there is a token."""
        self._level = min(self._burst, self._level + self._integral(self._at, now))
        self._at = now
        taken = self._level >= 1
        if taken or self._count_refused:
            self._level = max(0.0, self._level - 1)
        return taken

    def permitted(self, start: float, end: float) -> float:
        """The rate over the time, and what the bucket held at the beginning."""
        return self._integral(start, end) + (self._burst if start == 0 else 0)

    def _integral(self, start: float, end: float) -> float:
        total = 0.0
        for index, (since, rate) in enumerate(self._rates):
            until = self._rates[index + 1][0] if index + 1 < len(self._rates) else end
            total += rate * max(0.0, min(end, until) - max(start, since))
        return total


class Window:
    """So many calls in each window of fixed length.

    Args:
        calls: In each window.
        seconds: Its length.
        offset: When, in seconds, the first whole window begins; nobody tells the client.
    """

    def __init__(self, calls: int, seconds: float, offset: float) -> None:
        self._calls = calls
        self._seconds = seconds
        self._offset = offset
        self._window = -1
        self._taken = 0

    def takes(self, now: float) -> bool:
        """Whether the window has room."""
        window = int((now - self._offset) // self._seconds)
        if window != self._window:
            self._window, self._taken = window, 0
        if self._taken >= self._calls:
            return False
        self._taken += 1
        return True

    def permitted(self, start: float, end: float) -> float:
        """Whole windows, and the parts of windows at both ends in proportion."""
        return self._calls * (end - start) / self._seconds

    def rest(self, now: float) -> float:
        """Seconds until the next window."""
        return self._seconds - (now - self._offset) % self._seconds


class CommitLock:
    """The lock of a namespace: a commit that comes while another holds it is refused.

    Args:
        seconds: A commit holds it so long.
        per_file: And so much longer for each file.
    """

    def __init__(self, seconds: float, per_file: float) -> None:
        self._seconds = seconds
        self._per_file = per_file
        self._until = 0.0

    def takes(self, now: float, files: int) -> float | None:
        """Seconds until the commit is done; None if it is refused."""
        if now < self._until:
            return None
        self._until = now + self._seconds + self._per_file * files
        return self._until - now
