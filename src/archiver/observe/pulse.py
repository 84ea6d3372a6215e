"""Whether the process lives: its loop turns, and its stages get somewhere or have nothing to do.

In: the pipeline's events, and twice a second a look at what is under way. Out: how far the loop lags, and for how long nothing has moved.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from archiver.pipeline.assembly import Assembly
from archiver.pipeline.events import BatchSettled, CallEnded, Event
from genstage.clock import Clock

__all__ = ["LAG_SECONDS", "STALL_SECONDS", "Pulse", "under_way"]

LAG_SECONDS = 5.0
"""A loop that came so much too late lately does not live."""
STALL_SECONDS = 900.0
"""If something is under way and nothing has moved for so long, the process does not live. The slowest thing that moves is a chunk of
8 MiB on a bad line, of which adapters themselves see to it that bytes go on flowing."""

_BEAT_SECONDS = 0.5
_LATELY_SECONDS = 10.0
_MOVES = (CallEnded, BatchSettled)


class Pulse:
    """Listens, and beats beside the stages.

    Args:
        clock: Time; the monotonic one, which stands still for nobody.
        under_way: Uploads that run and that nothing outside of this process holds up; see `under_way`.
    """

    def __init__(self, clock: Clock, under_way: Callable[[], int]) -> None:
        self._clock = clock
        self._under_way = under_way
        self._moved_at = clock.time()
        self._due_at: float | None = None
        self._late: deque[tuple[float, float]] = deque()

    def listen(self, event: Event) -> None:
        """Something has moved."""
        if isinstance(event, _MOVES):
            self._moved_at = self._clock.time()

    async def run(self) -> None:
        """Beats until cancelled."""
        try:
            while True:
                self._due_at = self._clock.time() + _BEAT_SECONDS
                await self._clock.sleep(_BEAT_SECONDS)
                self._beat(self._due_at)
        finally:
            self._due_at = None

    def lag(self) -> float:
        """The most that the loop came too late within the last ten seconds, in seconds."""
        now = self._clock.time()
        self._forget(now)
        running = 0.0 if self._due_at is None else now - self._due_at
        return max(0.0, running, *(late for _, late in self._late))

    def stalled(self) -> float:
        """For how many seconds nothing has moved though something is under way; 0 if nothing is."""
        return self._clock.time() - self._moved_at if self._under_way() else 0.0

    def alive(self) -> bool:
        """Whether it lives."""
        return self.lag() < LAG_SECONDS and self.stalled() < STALL_SECONDS

    def _beat(self, due_at: float) -> None:
        now = self._clock.time()
        if not self._under_way():
            self._moved_at = now  # what begins after this has its own time
        self._forget(now)
        if now > due_at:
            self._late.append((now, now - due_at))

    def _forget(self, now: float) -> None:
        while self._late and now - self._late[0][0] > _LATELY_SECONDS:
            self._late.popleft()


def under_way(assembly: Assembly, clock: Clock) -> int:
    """Uploads that run and that nothing outside of this process holds up: no throttle, no parked lane, no provider or database away."""
    if assembly.settlement.away:
        return 0
    now = clock.time()
    open_lanes = (lane for lane in assembly.lanes.awake.values() if lane.parked is None and lane.closed_before <= now)
    return sum(len(lane.in_flight) - lane.queued for lane in open_lanes)
