"""Resource units: what each call costs, and how many a minute are permitted. Pure: the time is a parameter.

https://learn.microsoft.com/sharepoint/dev/general-development/how-to-avoid-getting-throttled-or-blocked-in-sharepoint-online publishes
costs and limits, and that the headers ``RateLimit-*`` come from 80 % of the limit on. Calls that were refused count as well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

__all__ = ["Budget", "Limits"]

_TOLD_FROM = 0.8
_COSTS = {"item.get": 1, "drive.get": 1, "me.get": 1, "item.content": 1, "upload.fragment": 0, "upload.status": 0, "upload.cancel": 0}
_COST = 2


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one user; all of them may be changed while it is served.

    Attributes:
        units: Resource units in each window; None permits any number.
        window: The window's length in seconds.
        headers: Whether ``RateLimit-*`` is told.
        retry_after: What a refused call is told, in whole seconds; None tells what is left of the window.
        status: 429, or 503 as a busy server has it.
        latency: Seconds before a call is looked at.
        hash_lag: Seconds until the hashes of a new file are told.
    """

    units: int | None = 1200
    window: float = 60.0
    headers: bool = True
    retry_after: int | None = None
    status: Literal[429, 503] = 429
    latency: float = 0.0
    hash_lag: float = 0.0

    def changed(self, changes: dict[str, Any]) -> Limits:
        """These limits with some of them changed.

        Raises:
            msgspec.ValidationError: An unknown name, or a value of a wrong type.
        """
        unknown = sorted(changes.keys() - set(self.__struct_fields__))
        if unknown:
            raise msgspec.ValidationError(f"no such limit: {', '.join(unknown)}")
        return msgspec.convert({**msgspec.to_builtins(self), **changes}, Limits)


class Budget:
    """What one user has used of the window that runs now."""

    def __init__(self) -> None:
        self.units = 0
        self._window = -1
        self._used = 0

    def take(self, route: str, now: float, limits: Limits) -> int | None:
        """Counts one more call; the seconds to wait if it is one too many."""
        window = int(now // limits.window)
        if window != self._window:
            self._window, self._used = window, 0
        cost = _COSTS.get(route, _COST)
        self._used += cost
        self.units += cost
        if limits.units is None or not cost or self._used <= limits.units:
            return None
        return self._left(now, limits) if limits.retry_after is None else limits.retry_after

    def told(self, now: float, limits: Limits) -> Mapping[str, str]:
        """The headers of an answer."""
        if limits.units is None or not limits.headers or self._used < limits.units * _TOLD_FROM:
            return {}
        return {
            "RateLimit-Limit": str(limits.units),
            "RateLimit-Remaining": str(max(0, limits.units - self._used)),
            "RateLimit-Reset": str(self._left(now, limits)),
        }

    def _left(self, now: float, limits: Limits) -> int:
        return max(1, math.ceil(limits.window - now % limits.window))
