"""For tests of pipelines: virtual time in, the same result every time out.

`run` (or `virtual_time`) gives an event loop whose clock jumps; `VirtualClock` is its `Clock`; `idle` waits until nothing moves.
"""

from genstage.testing.virtual import DeadlockError, VirtualClock, VirtualLoop, idle, run, virtual_time

__all__ = ["DeadlockError", "VirtualClock", "VirtualLoop", "idle", "run", "virtual_time"]
