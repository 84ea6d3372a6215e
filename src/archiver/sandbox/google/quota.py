"""What the sandbox permits a user: quota units per minute, writes per second, bytes per day. Pure: the time is a parameter.

Units and the limits per minute are published (https://developers.google.com/workspace/drive/api/guides/limits); that sustained writes
end at a few a second per account is what users observe.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

__all__ = ["UNITS", "Limits", "Meter", "Over"]

UNITS: Mapping[str, int] = {
    "files.get": 5,
    "files.list": 100,
    "files.generateIds": 5,
    "files.download": 200,
    "about.get": 5,
    "drives.get": 5,
    "drives.list": 100,
    "upload.chunk": 0,
    "upload.status": 0,
}
"""By route; every write costs `WRITE_UNITS`."""
WRITE_UNITS = 50
_DAY = 86_400.0

Over = Literal["units", "writes", "bytes"]
"""Which limit a call was over."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one user; all of them may be changed while it is served.

    Attributes:
        units: Quota units in each window; None permits any number.
        window: The window's length in seconds.
        writes_per_second: Sustained; None permits any number.
        write_burst: So many writes at once.
        daily_bytes: Of content in 24 hours; None permits any number.
        retry_after: What a refused call is told, in whole seconds; Google promises nothing.
        status: 403 as the quota has it, or 429 as the backend has it.
        latency: Seconds before a call is looked at.
        list_lag: Seconds after which a new file is found by a search.
    """

    units: int | None = 325_000
    window: float = 60.0
    writes_per_second: float | None = None
    write_burst: float = 10.0
    daily_bytes: int | None = 750_000_000_000
    retry_after: int | None = None
    status: Literal[403, 429] = 403
    latency: float = 0.0
    list_lag: float = 0.0

    def changed(self, changes: dict[str, Any]) -> Limits:
        """These limits with some of them changed.

        Raises:
            msgspec.ValidationError: An unknown name, or a value of a wrong type.
        """
        unknown = sorted(changes.keys() - set(self.__struct_fields__))
        if unknown:
            raise msgspec.ValidationError(f"no such limit: {', '.join(unknown)}")
        return msgspec.convert({**msgspec.to_builtins(self), **changes}, Limits)


class Meter:
    """Admits or refuses calls of one user.

    Args:
        now: Seconds.

    Attributes:
        units: Used in all windows so far.
    """

    def __init__(self, now: float) -> None:
        self.units = 0
        self._window = 0
        self._in_window = 0
        self._level: float | None = None
        self._at = now
        self._bytes = 0
        self._day_began = now

    def admit(self, route: str, now: float, limits: Limits) -> Over | None:
        """Whether one more call of a route is permitted now; which limit it is over, if not."""
        window = int(now // limits.window)
        if window != self._window:
            self._window, self._in_window = window, 0
        cost = UNITS.get(route, WRITE_UNITS)
        if limits.units is not None and self._in_window + cost > limits.units:
            return "units"
        if (
            route not in UNITS
            and limits.writes_per_second is not None
            and not self._write(now, limits.writes_per_second, limits.write_burst)
        ):
            return "writes"
        self._in_window += cost
        self.units += cost
        return None

    def take(self, size: int, now: float, limits: Limits) -> Over | None:
        """So many bytes of content are about to be stored."""
        if now - self._day_began >= _DAY:
            self._bytes, self._day_began = 0, now
        if limits.daily_bytes is not None and self._bytes + size > limits.daily_bytes:
            return "bytes"
        self._bytes += size
        return None

    def _write(self, now: float, rate: float, burst: float) -> bool:
        level = burst if self._level is None else min(burst, self._level + rate * (now - self._at))
        self._at = now
        self._level = level - 1 if level >= 1 else level
        return level >= 1
