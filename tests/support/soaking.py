"""How long each test of `make soak` lasts."""

from __future__ import annotations

import os
import time

__all__ = ["SOAK_SECONDS", "Hourglass"]

SOAK_SECONDS = 60.0 * float(os.environ.get("ARCHIVER_TEST_SOAK_MINUTES", "10"))
"""Of work, before what is left is brought to its end; ``ARCHIVER_TEST_SOAK_MINUTES`` is what a person sets."""


class Hourglass:
    """Runs from the moment at which it is made.

    Args:
        seconds: Until it is empty.
    """

    def __init__(self, seconds: float = SOAK_SECONDS) -> None:
        self._end = time.monotonic() + seconds

    @property
    def runs(self) -> bool:
        """Whether there is time left."""
        return time.monotonic() < self._end
