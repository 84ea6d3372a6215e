"""A producer that follows a script."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from genstage.stage import Producer

__all__ = ["END", "Fail", "Pause", "ScriptedProducer"]


@dataclass(frozen=True, slots=True)
class Fail:
    """A step of a script: ``handle_demand`` raises this."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Pause:
    """A step of a script: ``handle_demand`` waits so many seconds."""

    seconds: float


END: Final = object()
"""A step of a script: the stream ends."""


class ScriptedProducer(Producer[Any]):
    """Gives the events of a script, as they are demanded: ``ScriptedProducer([1, 2, Fail(OSError()), 3, Pause(5), END])``.

    Steps that are not `Fail`, `Pause` or `END` are events. When the script is used up the producer finds nothing until `add`.
    It is never called again by time alone, so a test in virtual time sees a deadlock where something was forgotten.

    Args:
        steps: The script.
    """

    poll_interval = None

    def __init__(self, steps: Iterable[Any] = ()) -> None:
        self.steps = deque(steps)
        self.asked: list[int] = []
        """The demand of each call."""

    def add(self, *steps: Any) -> None:
        """Appends to the script and wakes the producer."""
        self.steps.extend(steps)
        self.wake()

    async def handle_demand(self, demand: int) -> list[Any] | None:
        """Gives events up to the demand or the next step that is none."""
        self.asked.append(demand)
        events: list[Any] = []
        while self.steps and len(events) < demand:
            step = self.steps[0]
            if events and (step is END or isinstance(step, (Fail, Pause))):
                break  # what was found so far goes out first
            self.steps.popleft()
            if step is END:
                return None
            if isinstance(step, Fail):
                raise step.error
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
            else:
                events.append(step)
        return events
