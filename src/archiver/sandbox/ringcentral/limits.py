"""The limits: so many calls of a group in a window, per user and application; whoever asks for more waits out a penalty. Pure.

RingCentral's guide on rate limits: Light 50, Medium 40, Heavy 10, Auth 5 in 60 s, a penalty of 60 s, and every request during the
penalty begins it anew. Whether its window slides is not told; here it does, which is the strictest reading.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

import msgspec

__all__ = ["LIMITS", "GroupLimit", "GroupMeter"]


class GroupLimit(msgspec.Struct, frozen=True, kw_only=True):
    """The limit of one group.

    Attributes:
        calls: So many …
        window: … in so many seconds.
        penalty: Seconds for which everything is refused after one call too many.
        announced: Answers carry the headers that tell the limit; without them it is a limit of another sort.
        retry_after: Refusals say how long to wait.
    """

    calls: int
    window: float = 60.0
    penalty: float = 60.0
    announced: bool = True
    retry_after: bool = True


LIMITS: Mapping[str, GroupLimit] = {
    "Light": GroupLimit(calls=50),
    "Medium": GroupLimit(calls=40),
    "Heavy": GroupLimit(calls=10),
    "Auth": GroupLimit(calls=5),
}


class GroupMeter:
    """The calls of one user with one application in one group.

    Attributes:
        admitted: Calls that were permitted.
        refused: Calls that were answered 429.
        poked: Of these, calls that came while a penalty ran: each of them began it anew.
    """

    def __init__(self) -> None:
        self._calls: deque[float] = deque()
        self._penalty_until = 0.0
        self.admitted = 0
        self.refused = 0
        self.poked = 0

    def admit(self, now: float, limit: GroupLimit) -> bool:
        """Whether one more call is permitted now; one too many begins the penalty, one during it begins it anew."""
        while self._calls and self._calls[0] <= now - limit.window:
            self._calls.popleft()
        in_penalty = now < self._penalty_until
        if not in_penalty and len(self._calls) < limit.calls:
            self._calls.append(now)
            self.admitted += 1
            return True
        self.refused += 1
        self.poked += in_penalty
        self._penalty_until = now + limit.penalty
        return False

    def headers(self, group: str, now: float, limit: GroupLimit) -> dict[str, str]:
        """What answers tell about the limit."""
        headers = {}
        if limit.announced:
            headers = {
                "X-Rate-Limit-Group": group.lower(),
                "X-Rate-Limit-Limit": str(limit.calls),
                "X-Rate-Limit-Remaining": str(0 if now < self._penalty_until else max(0, limit.calls - len(self._calls))),
                "X-Rate-Limit-Window": f"{limit.window:g}",
            }
        if now < self._penalty_until and limit.retry_after:
            headers["Retry-After"] = str(math.ceil(self._penalty_until - now))
        return headers
