"""Patience with the Database: what cannot be read or written now is tried again until it can."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from archiver.errors import DatabaseUnavailableError
from genstage.clock import Clock

__all__ = ["Patience", "rest_seconds"]

P = ParamSpec("P")
T = TypeVar("T")

_AWAY_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)


def rest_seconds(failures: int) -> float:
    """How long to wait after so many failures in a row, the first being 0."""
    return _AWAY_SECONDS[min(failures, len(_AWAY_SECONDS) - 1)]


class Patience:
    """Calls the Database until it answers: a full disk or a locked file ends no process, it only makes everybody wait.

    ``await patience(database.lanes, ids)``

    Args:
        clock: Time.
        tell: Told of each failure.
    """

    def __init__(self, clock: Clock, tell: Callable[[DatabaseUnavailableError], None]) -> None:
        self._clock = clock
        self._tell = tell
        self._ended = False

    async def __call__(self, work: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``work`` returns.

        Raises:
            DatabaseUnavailableError: Only after `end`.
        """
        failures = 0
        while True:
            try:
                return await work(*args, **kwargs)
            except DatabaseUnavailableError as error:
                self._tell(error)
                if self._ended:
                    raise
            await self._clock.sleep(rest_seconds(failures))
            failures += 1

    def end(self) -> None:
        """From now on each call is made once: at the end of the process nobody has time."""
        self._ended = True
