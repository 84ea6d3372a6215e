"""The second layer: Processing ──> Batching ──> BatchFeed ──> BatchProcessing ──> the end; one for each batcher."""

from __future__ import annotations

import asyncio
from random import random
from typing import Any

from genstage.broadway.batching import Batch, Batching
from genstage.broadway.calls import contained
from genstage.broadway.endings import Endings
from genstage.broadway.events import Batched, Retried
from genstage.broadway.gate import Entry
from genstage.broadway.handlers import Handlers
from genstage.broadway.message import Message, Parts, Raised
from genstage.broadway.options import Batcher
from genstage.broadway.processing import Alarm
from genstage.errors import AnswerError
from genstage.stage import Consumer, Producer

__all__ = ["BatchFeed", "BatchProcessing", "Batchers"]


class Batchers:
    """All batchers, by name: where messages go after ``handle_message``."""

    def __init__(self, feeds: list[BatchFeed], *, partitioned: bool) -> None:
        self._feeds = {feed.batching.batcher.name: feed for feed in feeds}
        self._partitioned = partitioned

    def knows(self, batcher: str) -> bool:
        """Whether there is a batcher of that name."""
        return batcher in self._feeds

    async def put(self, entries: list[Entry]) -> list[Message[Any]]:
        """Puts each message, or its parts, into their batches, waiting for room; returns what failed on the way."""
        failed: list[Message[Any]] = []
        fed: dict[BatchFeed, None] = {}
        for entry in entries:
            whole = entry.message
            for message in Parts(whole).made() if whole.others else (whole,):
                feed = self._feeds[message.batcher]
                partition = hash(entry.partition) % feed.batching.batcher.concurrency if self._partitioned else None
                fed[feed] = None
                if not await feed.put(message, partition):
                    failed.append(message)
        for feed in fed:
            feed.wake()
        return failed


class BatchFeed(Producer[Batch]):
    """Gives out batches as they are complete or due."""

    poll_interval = None

    def __init__(self, batcher: Batcher, endings: Endings) -> None:
        self.batching = Batching(batcher)
        self._endings = endings
        self._alarm = Alarm(self.wake)
        self._room = asyncio.Event()
        self._closing = False

    async def put(self, message: Message[Any], partition: int | None) -> bool:
        """Puts a message into its batch when there is room; whether it is in one."""
        while self.batching.room <= 0:
            self._room.clear()
            self.wake()
            await self._room.wait()
        try:
            self.batching.put(message, partition, self._endings.time())
        except Exception as error:  # noqa: BLE001 - told, and it fails the message
            self._endings.failed(self.batching.batcher.name, "size", error, 1)
            message.status = Raised(error)
            return False
        return True

    def close_batch(self, batch: Batch, again: float | None) -> None:
        """A batch's handler has ended; it is tried again then, or has ended with it."""
        self.batching.close(batch, again, self._endings.time())
        self._room.set()
        self.wake()

    def leave(self, batch: Batch, messages: list[Message[Any]]) -> None:
        """Some of a batch's messages have ended before it."""
        self.batching.leave(batch, messages)
        self._room.set()

    def handle_demand(self, demand: int) -> list[Batch] | None:
        """As many batches as there are processors, if so many are ready."""
        now = self._endings.time()
        batches = self.batching.take(demand, now)
        if batches:
            return batches
        if self._closing and not self.batching.held:
            return None
        when = self.batching.next_time()
        self._alarm.set(None if when is None else when - now)
        return []

    def close(self) -> None:
        """Nothing more will come: what is being gathered is complete, and the stream ends when all batches have ended."""
        self._closing = True
        self.batching.flush(self._endings.time())
        self.wake()


class BatchProcessing(Consumer[Batch]):
    """Calls ``handle_batch``."""

    def __init__(self, handlers: Handlers[Any], feed: BatchFeed, endings: Endings) -> None:
        self._handlers = handlers
        self._feed = feed
        self._batcher = feed.batching.batcher
        self._endings = endings

    async def handle_event(self, batch: Batch) -> None:
        """Handles a batch, and brings its messages to their end."""
        began = self._endings.time()
        messages = batch.messages[:]
        info = batch.info(self._batcher.name)
        result, error = await contained(self._handlers.handle_batch, self._batcher.name, messages[:], info, limit=self._batcher.time_limit)
        again: float | None = None
        if error is None:
            self._look_for_forgotten(result, messages)
            ended = messages
        else:
            self._endings.failed(self._batcher.name, "handle_batch", error, len(messages))
            again = self._again(batch, error)
            ended = messages if again is None else [message for message in messages if message.failed]
        await self._end(ended)
        if again is not None:
            self._feed.leave(batch, ended)
            if not batch.messages:
                again = None
        if self._endings.listener is not None:
            now = self._endings.time()
            failed = sum(message.failed for message in ended)
            self._endings.listener(Batched(now, self._batcher.name, info, len(ended) - failed, failed, now - began))
        self._feed.close_batch(batch, again)

    def _look_for_forgotten(self, result: Any, messages: list[Message[Any]]) -> None:
        """Fails those that the handler did not return, if it returned any; they would never be acknowledged."""
        if result is None:
            return
        returned = {*map(id, result)} if isinstance(result, list) else set()
        forgotten = [message for message in messages if id(message) not in returned and not message.failed]
        if forgotten:
            error = AnswerError(
                f"handle_batch returned {len(returned)} of {len(messages)} messages; return nothing, or all of them, and fail those "
                "that failed with message.fail(reason)"
            )
            self._endings.failed(self._batcher.name, "handle_batch", error, len(forgotten))
            for message in forgotten:
                message.status = Raised(error)

    def _again(self, batch: Batch, error: Exception) -> float | None:
        """When the batch is tried again; if not, its messages have failed."""
        batch.failures += 1
        retry = self._batcher.retry
        delay = None if retry is None else retry.delay(error, batch.failures, random())  # noqa: S311 - spreads tries, guards nothing
        for message in batch.messages:
            message.attempts += 1
            if delay is None and not message.failed:
                message.status = Raised(error)
        if delay is None:
            return None
        now = self._endings.time()
        waiting = sum(not message.failed for message in batch.messages)
        self._endings.counts.retried += waiting
        if self._endings.listener is not None and waiting:
            self._endings.listener(Retried(now, self._batcher.name, waiting, delay, batch.failures, error))
        return now + delay

    async def _end(self, ended: list[Message[Any]]) -> None:
        if ended:
            failed = [message for message in ended if message.failed]
            dead = [message for message in failed if isinstance(message.status, Raised)] if self._batcher.retry is not None else []
            await self._endings.end(self._batcher.name, [message for message in ended if not message.failed], failed, dead)
