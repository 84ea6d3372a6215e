"""`archiver.database.survey.Survey` for every engine, but for what it finds in its own way."""

from __future__ import annotations

from collections.abc import Sequence

from archiver.database.engine import survey
from archiver.database.engine.handles import Handled
from archiver.database.port import LaneCounters, Totals
from archiver.model import LaneId, Millis

__all__ = ["Surveys"]


class Surveys:
    """What people see at one glance."""

    async def totals(self: Handled, now: Millis) -> Totals:
        """The sums over every lane."""
        return await self._looker.core(survey.totals, now)

    async def counters_of(self: Handled, lanes: Sequence[LaneId]) -> Sequence[LaneCounters]:
        """These lanes' numbers."""
        return await self._looker.core(survey.counters_of, lanes)

    async def needing(self: Handled, limit: int) -> Sequence[LaneId]:
        """Lanes that are not active."""
        return await self._looker.core(survey.needing, limit)
