"""The loop of the quiet services, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from archiver.errors import DatabaseUnavailableError
from archiver.upkeep import Rounds
from genstage.testing import VirtualClock, run


class Service:
    """Counts its turns, and fails as it is told."""

    def __init__(self, interval: float, error: Exception | None = None) -> None:
        self.interval = interval
        self.turns = 0
        self.error = error

    async def turn(self) -> None:
        """One."""
        self.turns += 1
        if self.error is not None:
            raise self.error


def played(*services: Service, seconds: float, leads: Callable[[], Awaitable[bool]] | None = None) -> None:
    """Lets the services run for so long."""

    async def always() -> bool:
        return True

    async def scene(_: Path) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await Rounds(services, leads or always, VirtualClock()).run()

    run(scene, Path())


def test_each_service_has_its_interval() -> None:
    """And the loop ends only when it is cancelled."""
    often, seldom = Service(10), Service(100)
    played(often, seldom, seconds=1000)
    assert 90 <= often.turns <= 100
    assert 9 <= seldom.turns <= 10


def test_one_that_fails_stops_nobody() -> None:
    """Neither for what it may expect nor for a bug; it is asked again."""
    away, bug, well = Service(10, DatabaseUnavailableError("locked")), Service(10, ZeroDivisionError()), Service(10)
    played(away, bug, well, seconds=100)
    assert away.turns == bug.turns == well.turns > 5


def test_only_whoever_leads_does_it() -> None:
    """Nobody does while it cannot be told who leads."""
    told = iter([False, True])

    async def leads() -> bool:
        answer = next(told, None)
        if answer is None:
            raise DatabaseUnavailableError("away")
        return answer

    service = Service(10)
    played(service, seconds=200, leads=leads)
    assert service.turns == 1
