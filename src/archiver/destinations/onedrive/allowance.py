"""What Graph says is left of the minute that runs: believed, so that calls end before one of them is refused; pure.

From 80 % of an application's budget in a tenant on, each answer tells it in ``RateLimit-Limit``, ``-Remaining`` and ``-Reset``
(https://learn.microsoft.com/sharepoint/dev/general-development/how-to-avoid-getting-throttled-or-blocked-in-sharepoint-online). Calls that
are refused count against it as well, and a client that goes on is blocked: not asking is the only way to be let in again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

__all__ = ["Allowance"]

_RESERVE = 0.02  # of the limit: other lanes of the same tenant take from it too
_LONGEST = 3600.0


class Allowance:
    """Resource units that are left, and until when."""

    def __init__(self) -> None:
        self._left = math.inf
        self._reserve = 0.0
        self._until = -math.inf

    def told(self, headers: Mapping[str, str], now: float) -> None:
        """An answer came, perhaps with headers; junk is ignored."""
        limit, left, reset = (_number(headers.get(f"RateLimit-{name}", "")) for name in ("Limit", "Remaining", "Reset"))
        if limit is None or left is None or reset is None or reset > _LONGEST:
            return
        self._forget(now)
        self._left = min(self._left, left)  # answers overtake each other
        self._reserve = limit * _RESERVE
        self._until = now + reset

    def take(self, cost: float, now: float) -> float | None:
        """Takes what a call costs; the seconds until it may be made if too little is left."""
        self._forget(now)
        if not cost or self._left - cost >= self._reserve:
            self._left -= cost
            return None
        return self._until - now

    def _forget(self, now: float) -> None:
        if now >= self._until:
            self._left, self._reserve, self._until = math.inf, 0.0, -math.inf


def _number(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
