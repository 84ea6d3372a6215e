"""For tests of pipelines: virtual time in, the same result every time out.

`run` (or `virtual_time`) gives an event loop whose clock jumps; `VirtualClock` is its `Clock`; `wait_until_idle` (or shorter `idle`)
waits until nothing moves. `ScriptedProducer` gives, pauses, fails and ends as told; `Probe` keeps what it receives, `HeldProbe` holds it.
"""

from genstage.testing.probes import HeldProbe, Probe
from genstage.testing.scripted import END, Fail, Pause, ScriptedProducer
from genstage.testing.virtual import DeadlockError, VirtualClock, VirtualLoop, idle, run, virtual_time, wait_until_idle

__all__ = [
    "END",
    "DeadlockError",
    "Fail",
    "HeldProbe",
    "Pause",
    "Probe",
    "ScriptedProducer",
    "VirtualClock",
    "VirtualLoop",
    "idle",
    "run",
    "virtual_time",
    "wait_until_idle",
]
