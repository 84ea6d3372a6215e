"""The Fetcher: turns the demand of all lanes into one read of the Database. No demand, no read."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from archiver.database.port import Database, Want
from archiver.model import Delivery, LaneId
from archiver.pipeline.lane import Lane
from genstage import KeyedDispatcher, Producer
from genstage.clock import Clock

__all__ = ["Fetcher"]


class Fetcher(Producer[Delivery], dispatcher=KeyedDispatcher()):
    """Reads what lanes demand. It never waits inside: a lane for which nothing is due is dry, and takes its demand back.

    Args:
        database: Read, never written.
        lanes: The lanes that are awake, by id.
        clock: Time.
        went_dry: Told when everything due of a lane was read, and how many of what it asked for are on their way to it.

    Attributes:
        reads: How often the database was read.
    """

    poll_interval = None  # a dry lane has no demand; hints, timers and the sweep wake it

    def __init__(self, database: Database, lanes: Mapping[LaneId, Lane], clock: Clock, went_dry: Callable[[Lane, int], None]) -> None:
        self._database = database
        self._lanes = lanes
        self._clock = clock
        self._went_dry = went_dry
        self.reads = 0

    async def handle_demand(self, demand: Mapping[LaneId, int]) -> Mapping[LaneId, list[Delivery]]:
        """One read for every lane that asked."""
        wants: dict[LaneId, Want] = {lane_id: self._lanes[lane_id].want(n) for lane_id, n in demand.items() if lane_id in self._lanes}
        if not wants:
            return {}
        self.reads += 1
        found = await self._database.waiting(wants, int(self._clock.wall() * 1000))
        deliveries: dict[LaneId, list[Delivery]] = {}
        for lane_id, want in wants.items():
            lane = self._lanes.get(lane_id)
            if lane is None:
                continue
            fresh = lane.took(want, found.get(lane_id, ()), demand[lane_id])
            if fresh:
                deliveries[lane_id] = fresh
            if lane.dry:
                self._went_dry(lane, len(fresh))
            elif not fresh and lane.asked:
                # A hint or a settlement came while the read was under way: what it found says nothing about what there is.
                self.wake()
        return deliveries
