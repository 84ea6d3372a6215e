from __future__ import annotations

import time

from genstage import SystemClock


async def test_the_machines_clock_tells_the_machines_time() -> None:
    """Monotonic seconds for differences, seconds since the epoch for dates; sleeping takes time."""
    clock = SystemClock()
    before = clock.time()
    await clock.sleep(0.001)
    assert clock.time() - before >= 0.001
    assert abs(clock.wall() - time.time()) < 5
