"""The Fetcher: turns the demand of all lanes into one read of the Database. No demand, no read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from archiver.database.port import Database, Want
from archiver.model import Delivery, LaneId
from archiver.pipeline.lane import Lane
from archiver.pipeline.patience import Patience
from genstage import KeyedDispatcher, Producer
from genstage.clock import Clock

__all__ = ["Fetcher"]


class Fetcher(Producer[Delivery], dispatcher=KeyedDispatcher()):
    """Reads what lanes demand. It never waits inside: a lane for which nothing is due is dry, and takes its demand back.

    Args:
        database: Read, never written.
        patience: With it: what was demanded stays owed while it is away.
        lanes: The lanes that are awake, by id.
        clock: Time.
        went_dry: Told when everything due of a lane was read, and how many of what it asked for are on their way to it.

    Attributes:
        reads: How often the database was read.
    """

    poll_interval = None  # a dry lane has no demand; hints, timers and the sweep wake it

    def __init__(
        self, database: Database, patience: Patience, lanes: Mapping[LaneId, Lane], clock: Clock, went_dry: Callable[[Lane, int], None]
    ) -> None:
        self._database = database
        self._patience = patience
        self._lanes = lanes
        self._clock = clock
        self._went_dry = went_dry
        self.reads = 0

    async def handle_demand(self, demand: Mapping[LaneId, int]) -> Mapping[LaneId, list[Delivery]]:
        """One read for every lane that asked."""
        asking = {lane_id: self._lanes[lane_id] for lane_id in demand if lane_id in self._lanes}
        wants, found = await self._patience(self._read, asking, demand)
        deliveries: dict[LaneId, list[Delivery]] = {}
        for lane_id, want in wants.items():
            lane = asking[lane_id]
            if self._lanes.get(lane_id) is not lane:
                continue  # put away meanwhile, perhaps awake anew: what was read for the one before may be settled by now
            fresh = lane.took(want, found.get(lane_id, ()), demand[lane_id])
            if fresh:
                deliveries[lane_id] = fresh
            if lane.dry:
                self._went_dry(lane, len(fresh))
            elif not fresh and lane.asked:
                # A hint or a settlement came while the read was under way: what it found says nothing about what there is.
                self.wake()
        return deliveries

    async def _read(
        self, asking: Mapping[LaneId, Lane], demand: Mapping[LaneId, int]
    ) -> tuple[Mapping[LaneId, Want], Mapping[LaneId, Sequence[Delivery]]]:
        """What lanes want now, and what was found. While the database was away one may have been throttled: nothing is read for it."""
        wants = {lane_id: lane.want(demand[lane_id]) for lane_id, lane in asking.items() if self._lanes.get(lane_id) is lane and lane.asked}
        if not wants:
            return {}, {}
        self.reads += 1
        return wants, await self._database.waiting(wants, int(self._clock.wall() * 1000))
