"""Probes: full and misconfigured destinations are looked at again from time to time, so that nobody has to press a button.

They have a loop of their own: a provider that does not answer must not hold up those who wake lanes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from archiver.database.port import Database, LaneRecord
from archiver.destinations.port import Account, Destination, Pace
from archiver.errors import ArchiverError, UnavailableError
from archiver.model import Connection, ConnectionState, LaneId
from archiver.pipeline.events import LaneResumed, Listener
from archiver.pipeline.gate import Gate
from archiver.pipeline.holding import Holding
from archiver.pipeline.pacer import Pacer
from archiver.pipeline.patience import Patience
from genstage.clock import Clock

__all__ = ["PROBED", "ProbeParts", "Probes"]

PROBED = frozenset({ConnectionState.QUOTA_FULL, ConnectionState.MISCONFIGURED})
"""What may have got better without anybody telling us."""
_PROBE_SECONDS = 15 * 60.0  # between two looks at a destination
_RAREST_SECONDS = 6 * 3600.0  # between two looks at one that was well at each of them, and at the next upload was not
_LASTING_SECONDS = 3600.0  # so long after a look it had better be well
_LONGEST_SECONDS = 60.0  # that a look may take


class ProbeParts(msgspec.Struct, frozen=True, kw_only=True):
    """What `Probes` works with.

    Attributes:
        database: Where a destination's state is kept.
        patience: With it.
        holding: Whose destinations may be looked at.
        open_destination: Makes a destination from its connection, with a pace.
        resumed: Told which lane may go on.
        clock: Time.
        listener: Told what happens.
    """

    database: Database
    patience: Patience
    holding: Holding
    open_destination: Callable[[Connection, Pace], Destination]
    resumed: Callable[[LaneId], None]
    clock: Clock
    listener: Listener


class Probes:
    """Looks at parked destinations that may have got better, one after the other."""

    def __init__(self, parts: ProbeParts) -> None:
        self._parts = parts
        self._clock = parts.clock
        self._looked_at: dict[LaneId, float] = {}
        self._rests: dict[LaneId, float] = {}  # of those whose looks were in vain
        self._resumed_at: dict[LaneId, float] = {}
        self._wanted: dict[LaneId, LaneRecord] = {}
        self._wake = asyncio.Event()

    def want(self, record: LaneRecord) -> None:
        """The lane has work but is parked: looks at its destination soon, if it was not looked at lately."""
        connection = record.destination
        if connection.state not in PROBED:
            return
        now = self._clock.time()
        since = now - self._clock.wall() + connection.state_since / 1000
        if now >= max(since, self._looked_at.get(connection.id, since)) + self._rest(connection.id, since):
            self._looked_at[connection.id] = now
            self._wanted[connection.id] = record
            self._wake.set()

    def _rest(self, lane_id: LaneId, since: float) -> float:
        """How long a lane that is parked since then is left alone: a look writes nothing, so it may be in vain again and again."""
        resumed_at = self._resumed_at.pop(lane_id, None)
        if resumed_at is not None:
            vain = since - resumed_at < _LASTING_SECONDS
            self._rests[lane_id] = min(self._rests.get(lane_id, _PROBE_SECONDS) * 2, _RAREST_SECONDS) if vain else _PROBE_SECONDS
        return self._rests.get(lane_id, _PROBE_SECONDS)

    async def run(self) -> None:
        """Looks at what is wanted, until cancelled."""
        while True:
            self._wake.clear()
            while self._wanted:
                lane_id = next(iter(self._wanted))
                await self._look(self._wanted.pop(lane_id))
            await self._wake.wait()

    async def _look(self, record: LaneRecord) -> None:
        connection = record.destination
        if not self._parts.holding.serves(record.customer):
            return
        try:
            account = await self._ping(connection)
        except ArchiverError:
            return  # as bad as before; the state and its reason stay
        if connection.state is ConnectionState.QUOTA_FULL and account.free_bytes == 0:
            return
        await self._parts.patience(self._parts.database.set_connection_state, connection.id, ConnectionState.ACTIVE, "")
        self._looked_at.pop(connection.id, None)
        self._resumed_at[connection.id] = self._clock.time()
        self._parts.listener(LaneResumed(lane=connection.id, customer=record.customer.name))
        self._parts.resumed(connection.id)

    async def _ping(self, connection: Connection) -> Account:
        now = self._clock.time()
        gate = Gate(Pacer(now), self._clock)
        gate.throttle_until(now + connection.throttled_until / 1000 - self._clock.wall())
        destination = self._parts.open_destination(connection, gate)
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                return await destination.ping()
        except TimeoutError:
            raise UnavailableError("the destination did not answer in time") from None
        finally:
            await destination.close()
