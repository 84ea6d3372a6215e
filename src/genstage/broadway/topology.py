"""The stages of a running Broadway, and how they end: the written order of its drain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Iterable
from typing import Any

from genstage.broadway.batchers import Batchers, BatchFeed, BatchProcessing
from genstage.broadway.endings import Endings
from genstage.broadway.events import Abandoned
from genstage.broadway.gate import Gate
from genstage.broadway.handlers import Handlers
from genstage.broadway.options import Options
from genstage.broadway.processing import STAGE, Entrance, Intake, Outflow, Processing
from genstage.errors import DefinitionError, StateError
from genstage.pipeline import Pipeline
from genstage.stage import Giving, Producer, Stage
from genstage.streams import from_iterable
from genstage.supervision import Restarts

__all__ = ["Source", "Topology", "check"]

NEVER = Restarts(0)
"""What a callback raises does not reach the stages in between. What does reach them, a listener's error, comes out of the block."""

Source = Producer[Any] | Iterable[Any] | AsyncIterable[Any]
"""Where messages come from: a producer that was not started, or anything that can be iterated."""


class Topology:
    """The stages.

        source ──> Intake ──> [Gate] ──> Outflow ──> Processing ──> [Batching] ──> BatchFeed ──> BatchProcessing
        each                                                        each batcher

    Args:
        handlers: The user's callbacks.
        options: How it runs.
        pipeline: Where the stages live.
    """

    def __init__(self, handlers: Handlers[Any], options: Options, pipeline: Pipeline) -> None:
        time = options.clock.time
        settings = options.processors
        self.options = options
        self.pipeline = pipeline
        self.endings = Endings(handlers, options.listener, time)
        self.gate = Gate(settings.max_demand - settings.least, options.rate_limit, options.key_rate_limit, time())
        self.entrance = Entrance(options, self.gate, self.endings)
        self.closing = False
        self._sources: list[Giving] = []
        self._intakes: list[Intake] = []
        self._feeds = [BatchFeed(batcher, self.endings) for batcher in options.batchers]
        forward = Batchers(self._feeds, partitioned=options.partition_by is not None) if self._feeds else None
        self._outflow = Outflow(self.gate, time)
        self._processing = Processing(handlers, options, self.entrance, forward)
        self._batches = [BatchProcessing(handlers, feed, self.endings) for feed in self._feeds]
        self.entrance.wake = self._outflow.wake

    def start(self, sources: tuple[Source, ...]) -> None:
        """Starts all stages, the last first."""
        start = self.pipeline.start
        for feed, batches in zip(self._feeds, self._batches, strict=True):
            batcher = feed.batching.batcher
            start(feed, name=f"batcher {batcher.name}", restarts=NEVER)
            start(
                batches,
                name=f"batches {batcher.name}",
                subscribe_to=feed,
                workers=batcher.concurrency,
                max_demand=batcher.concurrency,
                min_demand=batcher.concurrency - 1,
                restarts=NEVER,
            )
        many = self.options.processors.concurrency
        start(self._outflow, name="gate", restarts=NEVER)
        start(self._processing, name=STAGE, subscribe_to=self._outflow, workers=many, max_demand=many, min_demand=many - 1, restarts=NEVER)
        for source in sources:
            self._take_from(source)

    @property
    def held(self) -> int:
        """Messages that have not come to their end."""
        return self.gate.load + sum(feed.batching.held for feed in self._feeds)

    async def finish(self, *, draining: bool = False) -> None:
        """Waits until every source has ended and every message has come to its end, layer by layer."""
        for intake in self._intakes:
            await intake.gone()
        self.closing = True
        self._outflow.close(draining=draining)
        await self._processing.gone()
        for feed in self._feeds:
            feed.close()
        for batches in self._batches:
            await batches.gone()

    async def drain(self, deadline: float) -> bool:
        """Ends it in a written order; returns whether every message has come to its end.

        1. The sources' streams end here; what they hold is still taken in.
        2. What waits is handled, at the pace of the limits; what is paused without an end is not waited for.
        3. Batches that are not complete are handled, with the trigger "flush".
        4. After the deadline handlers are cancelled. What has not ended is not acknowledged, so a source that keeps what it gave gives it
           again.
        """
        layers: list[Stage] = [self._processing, *self._batches]
        for stage in layers:
            if stage.runs_in(asyncio.current_task()):
                raise StateError("a callback called drain(), which would wait for that very callback; call it from another task")
        for source in self._sources:
            source.drain()
        try:
            async with asyncio.timeout(deadline):
                await self.finish(draining=True)
        except TimeoutError:
            pass
        abandoned = self.held
        if not abandoned:
            return True
        self.closing = True
        self.gate.abandon()
        stages: list[Stage] = [*self._sources, *self._intakes, self._outflow, self._processing, *self._feeds, *self._batches]
        for stage in stages:
            stage.abort()
        for stage in stages:
            await stage.gone()
        if self.options.listener is not None:
            self.options.listener(Abandoned(self.endings.time(), STAGE, abandoned))
        return False

    def _take_from(self, source: Source) -> None:
        producer = source if isinstance(source, Producer) else from_iterable(source)
        number = f" {len(self._sources) + 1}" if self._sources else ""
        self._sources.append(self.pipeline.start(producer, name=f"source{number}", restarts=self.options.restarts))
        intake = Intake(self.entrance, self.options.transformer)
        self.pipeline.start(intake, name=f"intake{number}", restarts=self.options.restarts)
        intake.edge = intake.subscribe(producer, demand="manual", resubscribe=self.options.resubscribe)
        intake.release(self.options.processors.capacity)
        self._intakes.append(intake)


def check(handlers: Handlers[Any], options: Options) -> None:
    """Sees whether a class can work.

    Raises:
        DefinitionError: It cannot.
    """
    kind = type(handlers)
    if kind.handle_message is Handlers.handle_message:
        raise DefinitionError(f"{kind.__name__} has no handler: define handle_message(self, message)")
    if options.batchers and kind.handle_batch is Handlers.handle_batch:
        raise DefinitionError(f"{kind.__name__} has batchers and no handler for them: define handle_batch(self, batcher, messages, info)")
