"""Forgets what nobody needs any more: links for connecting that ended a week ago."""

from __future__ import annotations

from archiver.database.port import Database
from genstage.clock import Clock

__all__ = ["Clearing"]

_KEPT_SECONDS = 7 * 24 * 3600.0


class Clearing:
    """The service.

    Args:
        database: Where invitations are.
        clock: Time.
    """

    interval = 3600.0

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def turn(self) -> None:
        """Clears away what has ended long ago; until then people may look at it."""
        await self._database.clear_invitations(int((self._clock.wall() - _KEPT_SECONDS) * 1000))
