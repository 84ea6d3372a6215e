"""Whether a process lives."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

from archiver.database.port import LaneRecord
from archiver.destinations.memory import MemoryDestination
from archiver.destinations.port import Context
from archiver.model import Connection, ConnectionState, Customer, Role
from archiver.observe.pulse import LAG_SECONDS, STALL_SECONDS, Pulse, under_way
from archiver.pipeline.circuit import Circuit
from archiver.pipeline.events import BatchSettled, Born
from archiver.pipeline.gate import Gate
from archiver.pipeline.lane import Lane
from archiver.pipeline.pacer import Pacer
from genstage.clock import Clock, SystemClock
from genstage.testing import VirtualClock, run

MOVED = BatchSettled(archived=1, others=0, refused=0, seconds=0.1)


class HandClock(SystemClock):
    """A clock that goes when a hand turns it; whoever sleeps is woken by `wake`."""

    def __init__(self) -> None:
        self.now = 100.0
        self._sleepers: list[asyncio.Future[None]] = []

    def time(self) -> float:
        """As far as it was turned."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Until somebody is woken."""
        del seconds
        self._sleepers.append(asyncio.get_running_loop().create_future())
        await self._sleepers[-1]

    async def wake(self) -> None:
        """Whoever sleeps goes on, however late it is."""
        self._sleepers.pop().set_result(None)
        await asyncio.sleep(0)


def lane_of(clock: Clock) -> Lane:
    """A lane that is awake and has three deliveries, of which one has not begun."""
    gate = Gate(Pacer(clock.time()), clock)
    record = LaneRecord(
        customer=Customer(id=1, name="acme", path_template="/{id}", created_at=0),
        destination=Connection(id=2, customer_id=1, role=Role.DESTINATION, adapter="memory"),
        sources=(),
    )
    lane = Lane(record, MemoryDestination(Context(pace=gate, clock=clock)), gate, Circuit(), clock)
    lane.in_flight = {1: 10, 2: 10, 3: 10}
    lane.queued = 1
    return lane


def test_a_loop_that_turns_lags_little() -> None:
    """It lives, however long it has nothing to do."""

    async def main() -> None:
        clock = VirtualClock()
        pulse = Pulse(clock, lambda: 0)
        beating = asyncio.create_task(pulse.run())
        await clock.sleep(3 * STALL_SECONDS)
        assert pulse.lag() == 0.0
        assert pulse.alive()
        beating.cancel()

    run(main)


async def test_a_loop_that_stood_still_is_told_for_a_while() -> None:
    """A second more than is allowed: it does not live, before the late beat and for ten seconds after it; then it does again."""
    clock = HandClock()
    pulse = Pulse(clock, lambda: 0)
    beating = asyncio.create_task(pulse.run())
    await asyncio.sleep(0)
    clock.now += 0.5 + LAG_SECONDS + 1.0
    assert pulse.lag() == LAG_SECONDS + 1.0
    assert not pulse.alive()
    await clock.wake()
    for _ in range(20):
        assert not pulse.alive()
        clock.now += 0.5
        await clock.wake()
    clock.now += 0.5
    await clock.wake()
    assert pulse.alive()
    beating.cancel()


async def test_a_blocked_loop_is_seen() -> None:
    """Somebody holds the real loop for a moment: the beat comes so much too late."""
    pulse = Pulse(SystemClock(), lambda: 0)
    beating = asyncio.create_task(pulse.run())
    await asyncio.sleep(0)
    time.sleep(0.7)  # noqa: ASYNC251  it is what must be seen
    assert pulse.lag() >= 0.19
    beating.cancel()


async def test_work_that_does_not_move_is_a_stall() -> None:
    """Something is under way and nothing moves for a quarter of an hour; whatever moves begins the time anew."""
    clock = HandClock()
    pulse = Pulse(clock, lambda: 3)
    pulse.listen(MOVED)
    clock.now += STALL_SECONDS - 1
    assert pulse.alive()
    pulse.listen(Born(source=1, customer="acme", items=1))  # no upload moves by that
    clock.now += 1
    assert pulse.stalled() == STALL_SECONDS
    assert not pulse.alive()
    pulse.listen(MOVED)
    assert pulse.alive()


def test_what_begins_after_a_quiet_day_has_its_own_time() -> None:
    """Nothing to do is no stall, also if nobody asked meanwhile."""

    async def main() -> None:
        clock = VirtualClock()
        running = 0
        pulse = Pulse(clock, lambda: running)
        beating = asyncio.create_task(pulse.run())
        await clock.sleep(86_400.2)
        running = 1
        assert pulse.stalled() < 1.0
        await clock.sleep(STALL_SECONDS)
        assert not pulse.alive()
        beating.cancel()

    run(main)


async def test_what_waits_for_others_is_not_under_way() -> None:
    """A lane that is throttled, parked, or whose provider is away waits for somebody; so does all while the database is away."""
    clock = HandClock()
    lane = lane_of(clock)
    assembly: Any = SimpleNamespace(settlement=SimpleNamespace(away=False), lanes=SimpleNamespace(awake={2: lane}))
    assert under_way(assembly, clock) == 2
    lane.closed_until = clock.now + 5
    assert under_way(assembly, clock) == 0
    clock.now += 6
    lane.gate.throttle_until(clock.now + 5)
    assert under_way(assembly, clock) == 0
    clock.now += 6
    assert under_way(assembly, clock) == 2
    lane.parked = ConnectionState.QUOTA_FULL
    assert under_way(assembly, clock) == 0
    lane.parked = None
    assembly.settlement.away = True
    assert under_way(assembly, clock) == 0
