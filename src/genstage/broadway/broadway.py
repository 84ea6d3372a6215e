"""The class that a user subclasses, opens and talks to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf
from typing import Any, Self, TypeVar

from genstage.broadway.acknowledger import Ack, Acked, CallerAcknowledger
from genstage.broadway.bucket import RateLimit
from genstage.broadway.events import Paused, Resumed
from genstage.broadway.handlers import Handlers
from genstage.broadway.message import BatchMode, Message
from genstage.broadway.options import Options
from genstage.broadway.processing import STAGE
from genstage.broadway.topology import Source, Topology, check
from genstage.errors import StateError
from genstage.pipeline import Pipeline
from genstage.stats import Stats

__all__ = ["Broadway", "BroadwayStats"]

Data = TypeVar("Data")


@dataclass(frozen=True, slots=True)
class BroadwayStats:
    """A Broadway at one moment.

    Attributes:
        pipeline: Its stages and their subscriptions.
        held: Messages that have not come to their end: waiting, being handled, or in batches (one for several batchers: in each).
        received: Messages since the start.
        successful: Messages that have ended well.
        failed: Messages that have failed for good.
        retried: Further tries.
        dead: Of the failed ones, those whose tries were used up.
        unacknowledged: Of those that have ended, those whose acknowledger raised.
    """

    pipeline: Stats
    held: int
    received: int
    successful: int
    failed: int
    retried: int
    dead: int
    unacknowledged: int


class Broadway(Handlers[Data]):
    """Messages from a source, handled many at a time, gathered into batches, and acknowledged: ``async with Archive().open(source): …``.

    A subclass defines the callbacks (see `Handlers`) and need not call ``super().__init__()``.
    """

    _topology: Topology | None = None

    @asynccontextmanager
    async def open(self, *sources: Source, options: Options | None = None) -> AsyncIterator[Self]:
        """Runs it while the block runs, and until every message has come to its end.

        Args:
            sources: Producers, iterables or async iterables. None at all: messages come by `push_messages`.
            options: How it runs.

        Raises:
            DefinitionError: The class cannot work.
            StateError: It has been opened before.
        """
        if self._topology is not None:
            raise StateError(f"{type(self).__name__} has been opened before; make a new instance each time")
        options = Options() if options is None else options
        check(self, options)
        async with Pipeline(clock=options.clock, listener=options.listener) as pipeline:
            topology = self._topology = Topology(self, options, pipeline)
            topology.start(sources)
            yield self
            await topology.finish()

    async def run(self, *sources: Source, options: Options | None = None) -> None:
        """Runs it until every source has ended and every message has come to its end."""
        async with self.open(*sources, options=options):
            pass

    async def drain(self, deadline: float | None = None) -> bool:
        """Ends it: see `Topology.drain` for the order.

        Args:
            deadline: In seconds; ``Options.shutdown`` if not given.

        Returns:
            Whether every message has come to its end.

        Raises:
            StateError: Called by a callback, which would wait for itself.
        """
        return await self._running.drain(self._running.options.shutdown if deadline is None else deadline)

    def pause(self, *keys: Hashable, seconds: float | None = None) -> None:
        """Begins no message of these keys, or none at all if there are no keys; what was begun is finished.

        Args:
            keys: As ``Options.key`` says them.
            seconds: For so long: a Retry-After. A longer pause is not shortened. None: until `resume`.
        """
        topology = self._running
        now = topology.endings.time()
        topology.gate.pause(keys, inf if seconds is None else now + seconds, now)
        if topology.options.listener is not None:
            topology.options.listener(Paused(now, STAGE, keys, inf if seconds is None else seconds))

    def resume(self, *keys: Hashable) -> None:
        """Ends the pause of these keys, or the pause of all together; those of single keys go on then."""
        topology = self._running
        now = topology.endings.time()
        topology.gate.resume(keys, now)
        topology.entrance.wake()
        if topology.options.listener is not None:
            topology.options.listener(Resumed(now, STAGE, keys))

    def rate_limit(self, *key: Hashable) -> RateLimit | None:
        """The limit that holds for a key, or for all together if no key is given; None: there is none."""
        return self._running.gate.limit_of(*key)

    def update_rate_limit(self, limit: RateLimit | None, *keys: Hashable) -> None:
        """Changes the limit of these keys, or of all together, from now on; what has begun still counts.

        Args:
            limit: None: no limit.
            keys: As ``Options.key`` says them.
        """
        topology = self._running
        now = topology.endings.time()
        if not keys:
            topology.gate.limit(limit, now)
        for key in keys:
            topology.gate.limit_key(key, limit, now)
        topology.entrance.wake()

    def push_messages(self, messages: Iterable[Message[Data]]) -> None:
        """Brings messages in that come from no source; limits and pauses hold for them, demand does not.

        Raises:
            StateError: It is not running, or ending.
        """
        topology = self._running
        if topology.closing:
            raise StateError(f"{type(self).__name__} is ending and takes nothing more")
        topology.entrance.put(list(messages))

    async def test_message(self, data: Data, *, metadata: Any = None, batch_mode: BatchMode = "flush") -> Acked:
        """For tests: sends one message through at once, whatever is limited or paused, and waits for its acknowledgement."""
        return await self.test_batch([data], metadata=metadata, batch_mode=batch_mode)

    async def test_batch(self, data: Iterable[Data], *, metadata: Any = None, batch_mode: BatchMode = "bulk") -> Acked:
        """For tests: sends messages through together, and waits until all of them have been acknowledged.

        Args:
            data: Of each message.
            metadata: Of all of them.
            batch_mode: "bulk" lets their batches wait for size or time; "flush" does not.
        """
        topology = self._running
        if topology.closing:
            raise StateError(f"{type(self).__name__} is ending and takes nothing more")
        caller = CallerAcknowledger()
        messages = [Message(each, metadata=metadata, acknowledger=Ack(caller)) for each in data]
        for message in messages:
            message.put_batch_mode(batch_mode)
        topology.entrance.put(messages, express=True)
        return await caller.get_all(len(messages))

    def stats(self) -> BroadwayStats:
        """What it holds and has done, now."""
        topology = self._running
        counts = topology.endings.counts
        return BroadwayStats(
            topology.pipeline.stats(),
            topology.held,
            counts.received,
            counts.successful,
            counts.failed,
            counts.retried,
            counts.dead,
            counts.unacknowledged,
        )

    def diagram(self) -> str:
        """Its stages as a Mermaid flowchart."""
        return self._running.pipeline.diagram()

    @property
    def _running(self) -> Topology:
        if self._topology is None:
            raise StateError(f"{type(self).__name__} is not running; open it with `async with … .open(source)`")
        return self._topology
