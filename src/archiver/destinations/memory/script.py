"""What the memory destination does wrong on request, and the limit it keeps."""

from __future__ import annotations

from collections import deque

import msgspec

from archiver.errors import ArchiverError, IntegrityError, Scope, ThrottledError, ThrottleKind

__all__ = ["RateLimit", "Script"]


class RateLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A token bucket for calls.

    Attributes:
        calls_per_second: How fast it fills.
        burst: How many calls it holds; it begins full.
        retry_after: What a refused call is told; None tells nothing.
    """

    calls_per_second: float
    burst: float = 1.0
    retry_after: float | None = 1.0


class Script:
    """What goes wrong, written beforehand. Each line is used up once, in order; what is not written goes well."""

    def __init__(self) -> None:
        self._calls: deque[ArchiverError] = deque()
        self._items: deque[ArchiverError] = deque()
        self._delays: deque[float] = deque()
        self._corrupt = 0
        self._lost = 0

    def throttle(self, retry_after: float | None = None, kind: ThrottleKind = ThrottleKind.RATE, *, calls: int = 1) -> None:
        """The next calls are refused, with so many seconds to wait."""
        self._calls.extend(ThrottledError("scripted", retry_after=retry_after, kind=kind) for _ in range(calls))

    def fail(self, error: ArchiverError, *, times: int = 1) -> None:
        """The next items fail with an error of item scope; with any other, the next calls."""
        (self._items if error.scope is Scope.ITEM else self._calls).extend([error] * times)

    def delay(self, seconds: float, *, calls: int = 1) -> None:
        """The next calls take so long, by the destination's clock."""
        self._delays.extend([seconds] * calls)

    def corrupt(self, *, items: int = 1) -> None:
        """The next items arrive damaged, and the store notices."""
        self._corrupt += items

    def lose_answer(self, *, calls: int = 1) -> None:
        """The next calls are carried out, but their answer is lost."""
        self._lost += calls

    def clear(self) -> None:
        """Forgets what is left of the script."""
        self._calls.clear()
        self._items.clear()
        self._delays.clear()
        self._corrupt = self._lost = 0

    def next_call(self) -> tuple[float, ArchiverError | None]:
        """How long the next call takes, and how it fails."""
        return (self._delays.popleft() if self._delays else 0.0, self._calls.popleft() if self._calls else None)

    def next_item(self) -> ArchiverError | None:
        """How the next item fails."""
        if self._items:
            return self._items.popleft()
        if self._corrupt:
            self._corrupt -= 1
            return IntegrityError("the store has other bytes than were sent; nothing was kept")
        return None

    def answer_lost(self) -> bool:
        """Whether the answer of the call that was just carried out is lost."""
        if self._lost:
            self._lost -= 1
            return True
        return False
