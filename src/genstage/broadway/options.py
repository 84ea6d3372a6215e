"""What a Broadway is told when it opens: one typed record for each layer."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from genstage.broadway.bucket import RateLimit
from genstage.broadway.message import DEFAULT, Message
from genstage.clock import Clock, SystemClock
from genstage.errors import DefinitionError
from genstage.supervision import Backoff, Restarts
from genstage.telemetry import Listener

__all__ = ["Batcher", "Options", "Processors", "Retry", "Splitter"]

Splitter = Callable[[], Callable[[Message[Any]], bool]]
"""Makes, for each new batch, a function that is called with every message put into it and says whether the batch is complete."""


def _always(_error: Exception) -> bool:
    return True


def _never(_error: Exception) -> float | None:
    return None


@dataclass(frozen=True, slots=True)
class Retry:
    """What raised is tried again, after a while. `Message.fail` is a decision, and is not.

    A message that waits for its next try still counts as being handled, so when everything fails nothing new is read. With
    ``partition_by`` those behind it in its partition wait too.

    Attributes:
        attempts: So often in all; what fails the last time goes to `Broadway.handle_dead_letters`.
        backoff: How long to wait; its jitter spreads what failed at the same time.
        when: Which errors are worth it; by default all.
        after: Seconds that an error itself asks to wait (a Retry-After); None, the default, leaves it to the back-off.
    """

    attempts: int = 5
    backoff: Backoff = field(default_factory=lambda: Backoff(first=0.5, most=60.0))
    when: Callable[[Exception], bool] = _always
    after: Callable[[Exception], float | None] = _never

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise DefinitionError(f"Retry has {self.attempts} attempts; give at least 1, or leave it out")

    def delay(self, error: BaseException, failures: int, chance: float) -> float | None:
        """Seconds to wait before the next try; None if there is none.

        Args:
            error: What the handler raised.
            failures: How often it did, this time included.
            chance: Random, from 0 to 1.
        """
        if not isinstance(error, Exception) or failures >= self.attempts or not self.when(error):
            return None
        wanted = self.after(error)
        return self.backoff.delay(failures - 1, chance) if wanted is None else wanted


@dataclass(frozen=True, slots=True)
class Processors:
    """The layer that calls `Broadway.handle_message`.

    Attributes:
        concurrency: How many lists of messages are handled at once; each by itself one message after the other.
        max_demand: For each of them: at most so many messages are asked of a source and have not left this layer.
        min_demand: A list has at most ``max_demand - min_demand`` messages; half of ``max_demand`` if not given.
        time_limit: Seconds for one message; longer fails it. None: no limit.
        retry: Whether to try again what raised.
    """

    concurrency: int = 10
    max_demand: int = 10
    min_demand: int | None = None
    time_limit: float | None = None
    retry: Retry | None = None

    def __post_init__(self) -> None:
        if self.concurrency < 1 or self.max_demand < 1 or not 0 <= self.least < self.max_demand:
            raise DefinitionError(f"{self!r} cannot be: give concurrency >= 1 and 0 <= min_demand < max_demand")
        _check_limit(self.time_limit)

    @property
    def least(self) -> int:
        """The ``min_demand`` that holds."""
        return self.max_demand // 2 if self.min_demand is None else self.min_demand

    @property
    def capacity(self) -> int:
        """How many messages of one source may be in this layer."""
        return self.concurrency * self.max_demand


@dataclass(frozen=True, slots=True)
class Batcher:
    """One batcher, and the layer behind it that calls `Broadway.handle_batch`.

    Attributes:
        name: What `Message.put_batcher` says.
        size: A batch is complete with so many messages, or as a `Splitter` says.
        timeout: Seconds after its first message when a batch is handled although it is not complete.
        concurrency: How many batches are handled at once.
        max_demand: At most so many messages are in batches, being gathered or handled; beyond that processors wait. By default
            ``2 * size * concurrency``; to be given with a `Splitter`.
        time_limit: Seconds for one batch; longer fails it. None: no limit.
        retry: Whether to try again a batch whose handler raised.
    """

    name: str = DEFAULT
    size: int | Splitter = 100
    timeout: float = 1.0
    concurrency: int = 1
    max_demand: int | None = None
    time_limit: float | None = None
    retry: Retry | None = None

    def __post_init__(self) -> None:
        if isinstance(self.size, int):
            if self.size < 1:
                raise DefinitionError(f"batcher {self.name!r} has size {self.size}; give at least 1, or a Splitter")
        elif not callable(self.size):
            raise DefinitionError(f"batcher {self.name!r} has size {self.size!r}; give a number or a Splitter")
        elif self.max_demand is None:
            raise DefinitionError(f"batcher {self.name!r} has a Splitter; say with max_demand how many messages it may hold")
        if self.timeout <= 0 or self.concurrency < 1 or (self.max_demand is not None and self.max_demand < 1):
            raise DefinitionError(f"batcher {self.name!r} cannot be: give timeout > 0, concurrency >= 1 and max_demand >= 1")
        _check_limit(self.time_limit)

    @property
    def capacity(self) -> int:
        """How many messages it holds at most."""
        if self.max_demand is not None:
            return self.max_demand
        return 2 * self.size * self.concurrency if isinstance(self.size, int) else self.concurrency


@dataclass(frozen=True, slots=True)
class Options:
    """How a Broadway runs.

    Attributes:
        processors: See `Processors`.
        batchers: See `Batcher`; without any, a message ends with `Broadway.handle_message`.
        transformer: Makes a `Message` of an event of the source; by default an event that is none becomes the data of one that nobody
            acknowledges. What it raises is a failure of the stage that takes in, see ``restarts``.
        key: Whose message it is: for limits and pauses per key, and for fairness: keys are served in turn.
        partition_by: Messages for which this is equal are handled one after the other, in their order; their batches as well.
        rate_limit: Of all keys together.
        key_rate_limit: Of each key by itself.
        restarts: How often the source may fail.
        resubscribe: How long to wait before a source that failed is asked again.
        shutdown: Seconds that `Broadway.drain` has by default.
        listener: Is told of what happens: the events of `genstage.telemetry` and of `genstage.broadway.events`.
        clock: Tells the time.
    """

    processors: Processors = field(default_factory=Processors)
    batchers: tuple[Batcher, ...] = ()
    transformer: Callable[[Any], Message[Any]] | None = None
    key: Callable[[Message[Any]], Hashable] | None = None
    partition_by: Callable[[Message[Any]], Hashable] | None = None
    rate_limit: RateLimit | None = None
    key_rate_limit: RateLimit | None = None
    restarts: Restarts = field(default_factory=Restarts)
    resubscribe: Backoff = field(default_factory=Backoff)
    shutdown: float = 30.0
    listener: Listener | None = None
    clock: Clock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        names = [batcher.name for batcher in self.batchers]
        if len(set(names)) != len(names):
            raise DefinitionError(f"two batchers have the same name: {', '.join(names)}")
        if self.key_rate_limit is not None and self.key is None:
            raise DefinitionError("key_rate_limit needs key=…, a function that says whose message it is")


def _check_limit(seconds: float | None) -> None:
    if seconds is not None and seconds <= 0:
        raise DefinitionError(f"time_limit is {seconds}; give seconds > 0, or leave it out")
