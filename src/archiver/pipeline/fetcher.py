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
        freed: Told when something of a lane was given back.

    Attributes:
        reads: How often the database was read.
    """

    poll_interval = None  # a dry lane has no demand; hints, timers and the sweep wake it

    def __init__(  # noqa: PLR0913  its neighbours, the time, and whom it tells
        self,
        database: Database,
        patience: Patience,
        lanes: Mapping[LaneId, Lane],
        clock: Clock,
        *,
        went_dry: Callable[[Lane, int], None],
        freed: Callable[[Lane], None],
    ) -> None:
        self._database = database
        self._patience = patience
        self._lanes = lanes
        self._clock = clock
        self._went_dry = went_dry
        self._freed = freed
        self.reads = 0

    async def handle_demand(self, demand: Mapping[LaneId, int]) -> Mapping[LaneId, list[Delivery]]:
        """One read for every lane that asked; lanes with items which their sources give one by one may take a few more.

        All that is asked is read at once, however much that is: what arrives in portions is uploaded in portions, by more calls than need
        be, and meets limits that whole batches never meet.
        """
        # Two lanes of a customer may want what one source gives: whoever took less of such so far comes first.
        asking = sorted((self._lanes[lane_id] for lane_id in demand if lane_id in self._lanes), key=_paid)
        left = dict(demand)
        taken: dict[Lane, list[Delivery]] = {}
        begun: set[LaneId] = set()
        while asking:
            wants, found = await self._patience(self._read, asking, left, begun)
            read = [lane for lane in asking if lane.id in wants and self._lanes.get(lane.id) is lane]
            for lane in read:  # one that was put away meanwhile is left out: what was read for it may be settled by now
                fresh = lane.took(found.get(lane.id, ()), left[lane.id])
                left[lane.id] -= len(fresh)
                if fresh:
                    taken.setdefault(lane, []).extend(fresh)
            asking = read
        deliveries = {lane.id: kept for lane, fresh in taken.items() if (kept := self._still_asked(lane, fresh))}
        self._tell(demand, deliveries)
        return deliveries

    def _still_asked(self, lane: Lane, fresh: list[Delivery]) -> list[Delivery]:
        """What the lane still asks for when its read is over; the rest is given back.

        A read has several parts perhaps, and while a later one was under way the lane may have taken its demand back or have fallen. What
        nobody asks for would lie at this stage until the lane asks again, and one that is to end never does.
        """
        lane.taken = 0
        if self._lanes.get(lane.id) is not lane:
            return []
        asked = min(lane.asked, len(fresh))
        for delivery in fresh[asked:]:
            lane.queued -= 1
            lane.gave_back(delivery.id)
        if asked < len(fresh):
            self._freed(lane)
        return fresh[:asked]

    def _tell(self, demand: Mapping[LaneId, int], deliveries: Mapping[LaneId, Sequence[Delivery]]) -> None:
        for lane_id in demand:
            lane, fresh = self._lanes.get(lane_id), deliveries.get(lane_id, ())
            if lane is None:
                continue
            if lane.dry:
                self._went_dry(lane, len(fresh))
            elif not fresh and lane.asked:
                # A hint or a settlement came while the read was under way: what it found says nothing about what there is.
                self.wake()

    async def _read(
        self, asking: Sequence[Lane], left: Mapping[LaneId, int], begun: set[LaneId]
    ) -> tuple[Mapping[LaneId, Want], Mapping[LaneId, Sequence[Delivery]]]:
        """What lanes want now, and what was found. While the database was away one may have been throttled: nothing is read for it."""
        wants: dict[LaneId, Want] = {}
        for lane in asking:
            if self._lanes.get(lane.id) is not lane or not lane.asked:
                continue
            if lane.id not in begun:
                lane.plan(left[lane.id])
            want = lane.want()
            if want is not None:
                wants[lane.id] = want
        if not wants:
            return {}, {}
        self.reads += 1
        found = await self._database.waiting(wants, int(self._clock.wall() * 1000))
        begun.update(wants)
        return wants, found


def _paid(lane: Lane) -> int:
    return lane.paid
