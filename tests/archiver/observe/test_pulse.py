"""Whether a process lives."""

from __future__ import annotations

import asyncio
import time

from archiver.observe.pulse import LAG_SECONDS, STALL_SECONDS, Pulse
from archiver.pipeline.events import BatchSettled, LaneWoke
from genstage.clock import SystemClock
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
        self._sleepers.append(asyncio.get_running_loop().create_future())
        await self._sleepers[-1]

    async def wake(self) -> None:
        """Whoever sleeps goes on, however late it is."""
        self._sleepers.pop().set_result(None)
        await asyncio.sleep(0)


def test_a_loop_that_turns_lags_little() -> None:
    """It lives, however long it has nothing to do."""

    async def main() -> None:
        clock = VirtualClock()
        pulse = Pulse(clock)
        beating = asyncio.create_task(pulse.run())
        await clock.sleep(3 * STALL_SECONDS)
        assert pulse.lag() == 0.0
        assert pulse.alive(0)
        beating.cancel()

    run(main)


async def test_a_loop_that_stood_still_is_told_for_a_while() -> None:
    """A second more than is allowed: it does not live, before the late beat and for ten seconds after it; then it does again."""
    clock = HandClock()
    pulse = Pulse(clock)
    beating = asyncio.create_task(pulse.run())
    await asyncio.sleep(0)
    clock.now += 0.5 + LAG_SECONDS + 1.0
    assert pulse.lag() == LAG_SECONDS + 1.0
    assert not pulse.alive(0)
    await clock.wake()
    for _ in range(20):
        assert not pulse.alive(0)
        clock.now += 0.5
        await clock.wake()
    clock.now += 0.5
    await clock.wake()
    assert pulse.alive(0)
    beating.cancel()


async def test_a_blocked_loop_is_seen() -> None:
    """Somebody holds the real loop for a moment: the beat comes so much too late."""
    pulse = Pulse(SystemClock())
    beating = asyncio.create_task(pulse.run())
    await asyncio.sleep(0)
    time.sleep(0.7)  # noqa: ASYNC251  it is what must be seen
    assert pulse.lag() >= 0.19
    beating.cancel()


async def test_work_that_does_not_move_is_a_stall() -> None:
    """Something is under way and nothing moves for a quarter of an hour; whatever moves begins the time anew."""
    clock = HandClock()
    pulse = Pulse(clock)
    pulse.listen(MOVED)
    clock.now += STALL_SECONDS - 1
    assert pulse.alive(3)
    pulse.listen(LaneWoke(lane=1, customer="acme"))  # no upload moves by that
    clock.now += 1
    assert pulse.stalled(3) == STALL_SECONDS
    assert not pulse.alive(3)
    pulse.listen(MOVED)
    assert pulse.alive(3)


async def test_nothing_to_do_is_no_stall() -> None:
    """And what begins after a quiet day has its own time."""
    clock = HandClock()
    pulse = Pulse(clock)
    clock.now += 86_400
    assert pulse.alive(0)
    clock.now += 5
    assert pulse.stalled(1) == 5.0
