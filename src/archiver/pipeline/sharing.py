"""Sharing out: asks the Fetcher for each lane's part of what is free, soon after anything changed; one turn for many changes."""

from __future__ import annotations

import asyncio
import bisect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

from archiver.model import LaneId
from archiver.pipeline.lane import Lane
from archiver.pipeline.settlement import Settlement
from archiver.pipeline.share import TURN, Claim, FairShare
from genstage.clock import Clock

__all__ = ["Sharing"]

_FEW = 50  # lanes that cost next to nothing to look at
_REST_SECONDS = 8e-6  # between two sharings, for each lane that is awake: about four times what looking at it costs
_FEWEST_CLAIMS = 64  # lanes that are asked what they want, however little is free
_MOST_UNSETTLED = 20_000  # outcomes waiting for the database beyond which nothing more is asked


class Sharing:
    """Turns room into demand.

    Args:
        share: What decides.
        lanes: The lanes that are awake.
        settlement: While it cannot write, nothing is asked.
        clock: Time.
        failed: Told that `check` has something to raise.

    Attributes:
        stopping: Nothing is asked any more.
    """

    def __init__(
        self, share: FairShare, lanes: Mapping[LaneId, Lane], settlement: Settlement, clock: Clock, failed: Callable[[], None]
    ) -> None:
        self._share = share
        self._lanes = lanes
        self._settlement = settlement
        self._clock = clock
        self._failed = failed
        self._failure: Exception | None = None
        self._scheduled = False
        self.stopping = False

    def soon(self) -> None:
        """Shares out in this turn of the event loop, or with very many lanes a little later; however often it is called before, once.

        Each sharing adds up what every lane that is awake holds. With thousands of them it would take all the time if it were done at each
        change.
        """
        if not self._scheduled and not self.stopping:
            self._scheduled = True
            loop = asyncio.get_running_loop()
            if len(self._lanes) <= _FEW:
                loop.call_soon(self._now)
            else:
                loop.call_later(_REST_SECONDS * len(self._lanes), self._now)

    def check(self) -> None:
        """Raises what went wrong: the event loop would only log it, and the lanes would sleep for ever."""
        if self._failure is not None:
            raise self._failure

    def _now(self) -> None:
        self._scheduled = False
        try:
            self._share_out()
        except Exception as error:  # noqa: BLE001  `check` raises it where it is seen
            self._failure = error
            self._failed()

    def _share_out(self) -> None:
        settlement = self._settlement
        if self.stopping or settlement.away or settlement.waiting > _MOST_UNSETTLED:
            return
        held_items = held_bytes = 0
        fresh = []
        for lane in self._lanes.values():
            if lane.in_flight or lane.asked:  # of thousands most hold nothing
                held_items += lane.held_items
                held_bytes += lane.held_bytes
            if lane.fresh:
                fresh.append(lane)
            elif lane.queued:
                lane.staff()  # what has arrived waits for no turn
        if claims := self._claims(fresh, self._share.free(held_items, held_bytes)):
            for lane_id, count in self._share.grant(claims, held_items=held_items, held_bytes=held_bytes).items():
                subscription = self._lanes[lane_id].subscription
                if subscription is not None:
                    subscription.ask(count)

    def _claims(self, fresh: Sequence[Lane], free: float) -> list[Claim]:
        """What lanes want: those that have just woken, and the others from the one whose turn it is on, until it is twice what is free."""
        claims = []
        wanted = 0.0
        for lane in (*fresh, *self._in_turn()):
            # A lane that has nothing to read and nothing that waits for a call wants nothing.
            claim = None if (lane.dry and not lane.queued) or lane.closed() is not None else lane.claim()
            if claim is not None and claim.wants > 0:
                if lane.circuit.lets(lane.id, self._clock.time()):
                    claims.append(claim)
                    wanted += min(TURN * claim.weight, claim.wants * self._share.cost(claim))
                    if wanted >= 2 * free and len(claims) >= _FEWEST_CLAIMS:
                        break
            elif not lane.in_flight and not lane.asked and lane.circuit.passes(lane.id):
                self.soon()  # it was to probe for all and has nothing to probe with: let another one
        return claims

    def _in_turn(self) -> Iterator[Lane]:
        ids = sorted(self._lanes)
        first = bisect.bisect(ids, self._share.last)
        for lane_id in itertools.chain(itertools.islice(ids, first, None), itertools.islice(ids, first)):
            lane = self._lanes[lane_id]
            if not lane.fresh:
                yield lane
