"""What a failure means: how often a stage may be restarted, how long to wait before asking a failed producer again."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from genstage.errors import DefinitionError, GenStageError

__all__ = ["NO_RESTARTS", "THREE_IN_FIVE", "Backoff", "Office", "Restarts", "Warden", "is_cancelled"]

_log = logging.getLogger("genstage")


@dataclass(frozen=True, slots=True)
class Restarts:
    """How often a stage may fail and go on: ``Restarts()`` is OTP's three times in five seconds, ``Restarts(0)`` never.

    What says that the program is wrong is not survived, whatever the limits: a `GenStageError` (a handler's answer of the wrong shape, a
    call at the wrong time), an ``AssertionError``, and what the pipeline's listener raises. No restart makes them right.

    Attributes:
        max_restarts: At most so many within the time; one more stops the pipeline with the exception.
        max_seconds: The time, in seconds of the event loop.
    """

    max_restarts: int = 3
    max_seconds: float = 5.0

    def __post_init__(self) -> None:
        if self.max_restarts < 0 or self.max_seconds <= 0:
            raise DefinitionError(f"{self!r} cannot be: give max_restarts >= 0 (0: never) and max_seconds > 0")


THREE_IN_FIVE: Final = Restarts()
"""What holds for a stage of which nobody says anything else."""
NO_RESTARTS: Final = Restarts(0)
"""The first failure is the end."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a subscription waits before it opens again, after its producer failed and was restarted.

    Attributes:
        first: Seconds before the first try; each further one waits ``factor`` times as long, up to ``most`` seconds.
        most: The longest wait. A subscription that stayed open for longer than that begins with ``first`` again.
        factor: See above; at least 1.
        jitter: So much of each wait is random: 0.5 means between half of it and all of it, so that many do not come at once.
    """

    first: float = 0.1
    most: float = 30.0
    factor: float = 2.0
    jitter: float = 0.5

    def __post_init__(self) -> None:
        if self.first < 0 or self.most < self.first or self.factor < 1 or not 0 <= self.jitter <= 1:
            raise DefinitionError(f"{self!r} cannot be: give 0 <= first <= most, factor >= 1 and 0 <= jitter <= 1")

    def delay(self, attempt: int, chance: float) -> float:
        """Seconds to wait before a try.

        Args:
            attempt: 0 for the first.
            chance: Random, from 0 to 1.
        """
        full = self.first
        for _ in range(attempt):  # not a power: that may be too great for a float
            if full >= self.most or self.factor == 1:
                break
            full *= self.factor
        return min(self.most, full) * (1 - self.jitter * chance)


class Office(Protocol):
    """Who ends a pipeline."""

    def give_up(self, error: BaseException) -> None:
        """A stage has failed for good: the pipeline stops with this exception."""
        ...

    def condemns(self, error: BaseException) -> bool:
        """Whether it is the end in whatever stage it shows: the listener raised it."""
        ...


class Warden:
    """Decides for one stage whether a failure is the end.

    Each failure after which the stage goes on is told in the log ``genstage``, with its traceback: nothing fails in silence.

    Args:
        name: The stage, for the log.
        limits: How often it may fail and go on.
        office: Stops the pipeline if it may not.
    """

    __slots__ = ("_limits", "_listeners", "_name", "_office", "_recent", "restarts")

    def __init__(self, name: str, limits: Restarts, office: Office) -> None:
        self.restarts = 0
        """How often it went on, since it was started."""
        self._name = name
        self._limits = limits
        self._office = office
        self._listeners: tuple[Callable[[BaseException], None], ...] = ()
        self._recent: deque[float] | None = None

    def on_restart(self, tell: Callable[[BaseException], None]) -> None:
        """Is called with each exception after which the stage goes on."""
        if self._limits.max_restarts:
            self._listeners = (*self._listeners, tell)

    def survives(self, error: BaseException) -> bool:
        """Whether the stage goes on after this failure; if so, everybody concerned has been told."""
        if not self._limits.max_restarts or not isinstance(error, (Exception, asyncio.CancelledError)):
            return False
        if isinstance(error, (GenStageError, AssertionError)) or self._office.condemns(error):
            return False
        now = asyncio.get_running_loop().time()
        recent = self._recent = deque() if self._recent is None else self._recent
        while recent and now - recent[0] > self._limits.max_seconds:
            recent.popleft()
        if len(recent) >= self._limits.max_restarts:
            return False
        recent.append(now)
        self.restarts += 1
        _log.error(
            "%s failed and goes on; restart %d of at most %d in %g seconds",
            self._name,
            len(recent),
            self._limits.max_restarts,
            self._limits.max_seconds,
            exc_info=error,
        )
        for tell in self._listeners:
            tell(error)
        return True

    def failed(self, error: BaseException) -> bool:
        """As `survives`; if the stage may not go on, the pipeline stops with the exception."""
        if self.survives(error):
            return True
        self._office.give_up(error)
        return False


def is_cancelled(error: BaseException) -> bool:
    """Whether an exception is the cancellation of the running task, and no failure of its handler."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
