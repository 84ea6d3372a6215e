"""How messages become batches: by batch key and partition, complete by size or by time, in order within a partition. Pure: time is told."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import Any

from genstage.broadway.message import BatchInfo, Message, Trigger
from genstage.broadway.options import Batcher

__all__ = ["Batch", "Batching"]


@dataclass(slots=True, eq=False)
class Batch:
    """Messages that are handled together.

    Attributes:
        key: The batch key that they have in common.
        partition: Their partition's number; None without partitions.
        due: When it is handled although it is not complete.
        full: Is called with each message and says whether the batch is complete; None: its length says so.
        messages: In their order.
        trigger: Why it is handled; "timeout" as long as it is being gathered.
        failures: How often its handler raised.
    """

    key: Hashable
    partition: int | None
    due: float
    full: Callable[[Message[Any]], bool] | None
    messages: list[Message[Any]] = field(default_factory=list)
    trigger: Trigger = "timeout"
    failures: int = 0

    def info(self, batcher: str) -> BatchInfo:
        """What its handler is told."""
        return BatchInfo(batcher, self.key, self.partition, len(self.messages), self.trigger, self.failures + 1)


class _Lane:
    """Complete batches of one partition, of which one at a time is handled; without partitions, all batches and no such limit."""

    __slots__ = ("batches", "busy", "hold", "serial")

    def __init__(self, serial: bool) -> None:
        self.batches: deque[Batch] = deque()
        self.serial = serial
        self.busy = False
        self.hold = -inf


class Batching:
    """The batches of one batcher.

    Args:
        batcher: How it batches.
    """

    def __init__(self, batcher: Batcher) -> None:
        self.batcher = batcher
        self.held = 0
        """Messages in batches that have not ended."""
        self.out = 0
        """Batches that were taken and have not ended."""
        self._gathering: dict[tuple[Hashable, int | None], Batch] = {}  # all wait as long, so the first is due first
        self._lanes: dict[int | None, _Lane] = {}
        self._ready: dict[_Lane, None] = {}
        self._timers: list[tuple[float, int, Batch | _Lane]] = []
        self._numbers = count()

    @property
    def room(self) -> int:
        """How many more messages it takes."""
        return self.batcher.capacity - self.held

    def put(self, message: Message[Any], partition: int | None, now: float) -> None:
        """Puts a message into its batch. A splitter that raises has not taken it."""
        place = message.batch_key, partition
        batch = self._gathering.get(place)
        if batch is None:
            size = self.batcher.size
            batch = Batch(message.batch_key, partition, now + self.batcher.timeout, None if isinstance(size, int) else size())
        complete = (
            len(batch.messages) + 1 >= self.batcher.size if isinstance(self.batcher.size, int) else batch.full and batch.full(message)
        )
        batch.messages.append(message)
        self._gathering[place] = batch
        self.held += 1
        if message.batch_mode == "flush":
            self._complete(place, "flush", now)
        elif complete:
            self._complete(place, "size", now)

    def flush(self, now: float) -> None:
        """Completes all batches: nothing more will come."""
        for place in list(self._gathering):
            self._complete(place, "flush", now)

    def take(self, most: int, now: float) -> list[Batch]:
        """At most so many batches that may be handled now."""
        while self._gathering:
            place, batch = next(iter(self._gathering.items()))
            if batch.due > now:
                break
            self._complete(place, "timeout", now)
        while self._timers and self._timers[0][0] <= now:
            thing = heappop(self._timers)[2]
            lane = thing if isinstance(thing, _Lane) else self._lane(thing.partition)
            if isinstance(thing, Batch):
                lane.batches.appendleft(thing)
            self._offer(lane, now)
        taken: list[Batch] = []
        while self._ready and len(taken) < most:
            lane = next(iter(self._ready))
            del self._ready[lane]
            taken.append(lane.batches.popleft())
            lane.busy = lane.serial
            self._offer(lane, now)
        self.out += len(taken)
        return taken

    def close(self, batch: Batch, again: float | None, now: float) -> None:
        """A batch's handler has ended.

        Args:
            batch: The batch.
            again: When to try it again, with the messages that it has then; None: it has ended.
            now: Seconds of the clock.
        """
        self.out -= 1
        lane = self._lane(batch.partition)
        lane.busy = False
        if again is None:
            self.held -= len(batch.messages)
        elif lane.serial:
            lane.batches.appendleft(batch)
            lane.hold = again
            heappush(self._timers, (again, next(self._numbers), lane))
        else:
            heappush(self._timers, (again, next(self._numbers), batch))
        self._offer(lane, now)

    def leave(self, batch: Batch, messages: list[Message[Any]]) -> None:
        """Some of a batch's messages have come to their end, before the batch has."""
        gone = set(map(id, messages))
        batch.messages = [message for message in batch.messages if id(message) not in gone]
        self.held -= len(gone)

    def next_time(self) -> float | None:
        """When something may become ready that is not now; None: never by time."""
        times = [next(iter(self._gathering.values())).due] if self._gathering else []
        if self._timers:
            times.append(self._timers[0][0])
        return min(times, default=None)

    def _lane(self, partition: int | None) -> _Lane:
        lane = self._lanes.get(partition)
        if lane is None:
            lane = self._lanes[partition] = _Lane(serial=partition is not None)
        return lane

    def _complete(self, place: tuple[Hashable, int | None], trigger: Trigger, now: float) -> None:
        batch = self._gathering.pop(place)
        batch.trigger = trigger
        lane = self._lane(batch.partition)
        lane.batches.append(batch)
        self._offer(lane, now)

    def _offer(self, lane: _Lane, now: float) -> None:
        if lane.batches and not lane.busy and lane.hold <= now:
            self._ready[lane] = None
