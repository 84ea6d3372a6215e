"""The sandbox's own clock: the machine's time, which a test may push forward so that tokens and sessions expire."""

from __future__ import annotations

import time
from datetime import UTC, datetime

__all__ = ["SandboxClock", "timestamp"]


class SandboxClock:
    """Seconds since the epoch that never go back."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds since the epoch, UTC, as the sandbox sees them."""
        return time.monotonic() + self._offset

    def advance(self, seconds: float) -> None:
        """Jumps forward: what would expire in so many seconds has expired now.

        Raises:
            ValueError: The jump goes back.
        """
        if seconds < 0:
            raise ValueError("the sandbox's clock only goes forward")
        self._offset += seconds


def timestamp(seconds: float) -> str:
    """The moment as Dropbox writes it: whole seconds, UTC (``DropboxTimestamp`` of common.stone)."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
