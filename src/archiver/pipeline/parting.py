"""How lanes end: put away when nothing is left of them, or dropped at once when their customer is not held any more.

A lane that is put away has settled everything, and its pace is kept for whoever serves it next. One that is dropped leaves nothing behind:
its uploads are cancelled, its outcomes forgotten, and not a word of it is written under an epoch that is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from archiver.database.port import Database
from archiver.errors import DatabaseUnavailableError
from archiver.model import Customer, LaneId
from archiver.pipeline.lane import Lane
from archiver.pipeline.patience import Patience
from genstage import Pipeline
from genstage.clock import Clock

__all__ = ["Parting"]


class Parting:
    """Ends lanes which somebody else has taken out of those that are awake.

    Args:
        database: Where paces are kept.
        patience: With it.
        pipeline: Where Uploaders run.
        clock: Time.
        schedule: Shares out room, when a lane leaves some to others.

    Attributes:
        ending: Lanes that have not ended completely, by id; none of them may be awake anew before.
    """

    def __init__(self, database: Database, patience: Patience, pipeline: Pipeline, clock: Clock, schedule: Callable[[], None]) -> None:
        self._database = database
        self._patience = patience
        self._pipeline = pipeline
        self._clock = clock
        self._schedule = schedule
        self._burying = asyncio.Lock()
        self._fallen: list[Lane] = []
        self.ending: dict[LaneId, Lane] = {}

    async def put_away(self, lane: Lane) -> None:
        """Ends a lane of which nothing is under way, and keeps its pace."""
        self.ending[lane.id] = lane
        try:
            await self._end(lane)
            await self.save_pace(lane)
            await lane.destination.close()
        finally:
            self._gone(lane)

    def drop(self, lane: Lane) -> None:
        """Cancels what is under way of a lane; `bury` waits until it has ended."""
        self.ending[lane.id] = lane
        self._fallen.append(lane)
        lane.drop()
        if lane.uploader is not None:
            lane.uploader.abort()

    def forget(self, holds: Callable[[Customer], bool]) -> None:
        """Of lanes that are just being put away, and whose customers are not held any more, no pace is kept either."""
        for lane in self.ending.values():
            if not holds(lane.customer):
                lane.drop()

    async def bury(self) -> list[LaneId]:
        """Waits until everything that was dropped has ended; says which lanes these were."""
        buried = []
        async with self._burying:
            while self._fallen:
                lane = self._fallen.pop()
                await self._end(lane)
                await lane.destination.close()
                self._gone(lane)
                buried.append(lane.id)
        return buried

    def _gone(self, lane: Lane) -> None:
        if self.ending.get(lane.id) is lane:
            del self.ending[lane.id]

    async def _end(self, lane: Lane) -> None:
        if lane.uploader is not None:
            await self._pipeline.stop(lane.uploader)
        if lane.circuit.passes(lane.id):
            self._schedule()

    async def save_pace(self, lane: Lane) -> None:
        """Keeps what the lane's pacer has learnt, and a Retry-After that is not over, for whoever serves the lane next."""
        await self._patience(self._save_pace, lane)

    async def _save_pace(self, lane: Lane) -> None:
        if lane.dropped:  # perhaps while the database was away: by now another worker may know better
            return
        rest = lane.gate.throttled_until() - self._clock.time()
        until = int((self._clock.wall() + rest) * 1000) if rest > 0 else 0
        pace = lane.gate.learnt()
        if pace == lane.connection.pace and not until:
            return  # nothing new: of very many lanes with little work each, most learn nothing
        await self._database.save_pace(lane.id, throttled_until=until, pace=pace)

    async def close(self, lanes: list[Lane]) -> None:
        """The last thing of a process: keeps every pace once more and closes every destination."""
        try:
            for lane in lanes:
                await self.save_pace(lane)
        except DatabaseUnavailableError:
            pass  # told; the next process learns the pace anew
        finally:
            for lane in (*lanes, *self.ending.values()):
                await lane.destination.close()
