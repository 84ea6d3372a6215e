"""Runs the quiet services, each at its interval, in the one process that leads."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from archiver.errors import ArchiverError
from genstage.clock import Clock

__all__ = ["Quiet", "Rounds"]

_log = logging.getLogger(__name__)

_ROUND_SECONDS = 5.0


class Quiet(Protocol):
    """A service that does a little at a time.

    Attributes:
        interval: Seconds between two turns.
    """

    interval: float

    async def turn(self) -> None:
        """Does what is due; small enough to be cancelled at any point without harm.

        Raises:
            ArchiverError: Not now; it is asked again after its interval.
        """
        ...


class Rounds:
    """One loop for all of them: they wait for one another, and nobody waits for them.

    Args:
        services: What is run.
        leads: Whether this process is the one that does it.
        clock: Time.
    """

    def __init__(self, services: Sequence[Quiet], leads: Callable[[], Awaitable[bool]], clock: Clock) -> None:
        self._services = services
        self._leads = leads
        self._clock = clock

    async def run(self) -> None:
        """Runs until cancelled. What a service raises ends its turn only, a bug in it as well."""
        due = [self._clock.time() + service.interval for service in self._services]
        while self._services:
            await self._clock.sleep(_ROUND_SECONDS)
            turns = [number for number, at in enumerate(due) if at <= self._clock.time()]
            try:
                leads = bool(turns) and await self._leads()
            except ArchiverError:
                leads = False  # the database is away: next time
            for number in turns:
                if leads:
                    await self._turn(self._services[number])
                due[number] = self._clock.time() + self._services[number].interval

    async def _turn(self, service: Quiet) -> None:
        try:
            await service.turn()
        except ArchiverError as error:
            _log.warning("%s must wait: %s", type(service).__name__, error.message)
        except Exception:  # noqa: BLE001  told in the log; a bug in one service must not stop uploads
            _log.exception("%s failed", type(service).__name__)
