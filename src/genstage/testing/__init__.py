"""For tests of pipelines: virtual time in, the same result every time out.

`run` (or `virtual_time`) gives an event loop whose clock jumps; `VirtualClock` is its `Clock`; `idle` waits until nothing moves.
`ScriptedProducer` gives, pauses, fails and ends as told; `Probe` keeps what it receives.
"""

from genstage.testing.scripted import END, Fail, Pause, Probe, ScriptedProducer
from genstage.testing.virtual import DeadlockError, VirtualClock, VirtualLoop, idle, run, virtual_time

__all__ = [
    "END",
    "DeadlockError",
    "Fail",
    "Pause",
    "Probe",
    "ScriptedProducer",
    "VirtualClock",
    "VirtualLoop",
    "idle",
    "run",
    "virtual_time",
]
