"""How much one user may ask. Pure: the time is a parameter.

https://developer.box.com/guides/api-calls/permissions-and-errors/rate-limits has a thousand calls a minute, of which 240 upload.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

__all__ = ["Budget", "Limits"]

_WINDOW = 60.0


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one user; all of them may be changed while it is served.

    Attributes:
        calls: A minute; None permits any number.
        uploads: Of them; None permits any number.
        retry_after: What a refused call is told, in whole seconds; None tells what is left of the minute.
        latency: Seconds before a call is looked at.
        part_size: Of upload sessions.
        session_bytes: Smaller files have no session.
        commit_lag: So many commits of each session are answered with 202.
    """

    calls: int | None = 1000
    uploads: int | None = 240
    retry_after: int | None = None
    latency: float = 0.0
    part_size: int = 8 * 1024 * 1024
    session_bytes: int = 20_000_000
    commit_lag: int = 0

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
    """What one user has used of the minute that runs now."""

    def __init__(self) -> None:
        self._window = -1
        self._calls = 0
        self._uploads = 0

    def take(self, now: float, limits: Limits, *, uploads: bool) -> int | None:
        """Counts one more call; the seconds to wait if it is one too many."""
        window = int(now // _WINDOW)
        if window != self._window:
            self._window, self._calls, self._uploads = window, 0, 0
        self._calls += 1
        self._uploads += uploads
        if (limits.calls is None or self._calls <= limits.calls) and (
            limits.uploads is None or not uploads or self._uploads <= limits.uploads
        ):
            return None
        return max(1, math.ceil(_WINDOW - now % _WINDOW)) if limits.retry_after is None else limits.retry_after
