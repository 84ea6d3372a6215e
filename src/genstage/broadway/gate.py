"""Where messages wait until they may be handled: keys in turn, limits and pauses of each, order within a partition. Pure: time is told."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from math import inf, isinf
from typing import Any

from genstage.broadway.bucket import Bucket, RateLimit
from genstage.broadway.message import Message

__all__ = ["Entry", "Gate", "Work"]


class _Key:
    """One key that has messages, a pause, or a limit that it has used."""

    __slots__ = ("asleep", "bucket", "leaving", "load", "name", "paused", "ready", "strands")

    def __init__(self, name: Hashable) -> None:
        self.name = name
        self.bucket: Bucket | None = None
        self.paused = -inf  # until then
        self.asleep = False  # not in the ring although it has something: somebody will wake it
        self.leaving = False  # it will be forgotten when its pause is over and its bucket full
        self.load = 0  # messages here or being handled
        self.strands: dict[Hashable, _Strand] = {}
        self.ready: dict[_Strand, None] = {}


class _Strand:
    """The messages of one partition of one key; without partitions, all of the key."""

    __slots__ = ("busy", "hold", "key", "load", "partition", "queue", "serial")

    def __init__(self, key: _Key, partition: Hashable, serial: bool) -> None:
        self.key = key
        self.partition = partition
        self.serial = serial
        self.queue: deque[Entry] = deque()
        self.busy = False
        self.hold = -inf
        self.load = 0


@dataclass(slots=True, eq=False)
class Entry:
    """A message on its way, and what belongs to it.

    Attributes:
        message: It.
        origin: Who took it in and will be told when it has left; None for messages that were pushed.
        partition: What ``partition_by`` says of it.
        express: A test message: it is not limited, not paused, and goes before all others.
    """

    message: Message[Any]
    origin: Any = None
    partition: Hashable = None
    express: bool = False
    strand: _Strand | None = None


@dataclass(slots=True, eq=False)
class Work:
    """What one processor does next: messages of one key (and partition), in order."""

    entries: list[Entry]
    strand: _Strand | None
    retries: list[tuple[Entry, float]] = field(default_factory=list)
    """Those that failed and are to be tried again, and when."""
    unbegun: list[Entry] = field(default_factory=list)
    """Those that were not begun."""


class Gate:
    """Gives out messages that may begin to be handled.

    Every operation is O(1) a message, or O(log of those that wait for a time); a key without messages, pause and used limit takes no space.

    Args:
        chunk: How many messages one work has at most.
        limit: Of all keys together.
        key_limit: Of each key.
        now: Seconds of the clock.
    """

    def __init__(self, chunk: int, limit: RateLimit | None, key_limit: RateLimit | None, now: float) -> None:
        self.load = 0
        """Messages here, waiting or being handled."""
        self.out = 0
        """Works that were taken and not yet closed."""
        self.key_limit = key_limit
        self.key_limits: dict[Hashable, RateLimit | None] = {}
        """Of keys that have one of their own."""
        self._chunk = chunk
        self._bucket = None if limit is None else Bucket(limit, now)
        self._paused = -inf
        self._keys: dict[Hashable, _Key] = {}
        self._ring: dict[_Key, None] = {}
        self._express: deque[Entry] = deque()
        self._timers: list[tuple[float, int, Entry | _Strand | _Key | None]] = []
        self._numbers = count()
        self._armed = inf  # when a timer for all keys together is due

    def put(self, entry: Entry, key: Hashable, *, serial: bool, now: float) -> None:
        """Takes a message in, behind the others of its key and partition."""
        if entry.express:
            self.load += 1
            self._express.append(entry)
            return
        hash(entry.partition)  # raises before anything has happened
        state = self._key(key, now)
        strand = state.strands.get(entry.partition)
        if strand is None:
            strand = state.strands[entry.partition] = _Strand(state, entry.partition, serial)
        entry.strand = strand
        self.load += 1
        state.load += 1
        strand.load += 1
        strand.queue.append(entry)
        self._offer(strand, now)

    def take(self, most: int, now: float) -> list[Work]:
        """At most so many works that may begin now; their messages are charged to the limits."""
        self._wake(now)
        works: list[Work] = []
        while self._express and len(works) < most:
            works.append(Work([self._express.popleft()], None))
        while self._ring and len(works) < most and self._open(now):
            key = next(iter(self._ring))
            del self._ring[key]
            room = self._room(key, now)
            if room:
                works.append(self._cut(key, room, now))
        self.out += len(works)
        return works

    def close(self, work: Work, now: float) -> int:
        """A work has ended; what is to be tried again, and what was not begun, waits on. Returns how many messages have left."""
        self.out -= 1
        stay = len(work.unbegun) + len(work.retries)
        left = len(work.entries) - stay
        self.load -= left
        strand = work.strand
        if strand is None:
            self._express.extendleft(reversed(work.unbegun))
            for entry, when in work.retries:
                self._arm(when, entry)
            return left
        self._charge(strand.key, -len(work.unbegun), now)
        strand.load -= left
        strand.key.load -= left
        if strand.serial:
            strand.busy = False
            strand.queue.extendleft(reversed([*(entry for entry, _ in work.retries), *work.unbegun]))
            if work.retries:
                strand.hold = work.retries[0][1]
                self._arm(strand.hold, strand)
        else:
            strand.queue.extendleft(reversed(work.unbegun))
            for entry, when in work.retries:
                self._arm(when, entry)
        self._offer(strand, now)
        self._forget(strand, now)
        return left

    def may_go_on(self, work: Work, now: float) -> bool:
        """Whether the next message of a work that was begun may begin, too: nobody has paused it meanwhile."""
        return work.strand is None or (self._paused <= now and work.strand.key.paused <= now)

    def pause(self, keys: Sequence[Hashable], until: float, now: float) -> None:
        """No message (of these keys, or at all if there are none) begins before then; a longer pause is not shortened."""
        if not keys:
            self._paused = max(self._paused, until)
        for key in keys:
            state = self._key(key, now)
            state.paused = max(state.paused, until)
            if not state.load:
                self._retire(state, now)

    def resume(self, keys: Sequence[Hashable], now: float) -> None:
        """Ends pauses: of these keys, or the one of all together if there are none."""
        if not keys:
            self._paused = -inf
        for key in keys:
            state = self._keys.get(key)
            if state is not None:
                state.paused = -inf
                self._rouse(state, now)

    def limit(self, limit: RateLimit | None, now: float) -> None:
        """Another limit of all keys together."""
        self._bucket = _changed(self._bucket, limit, now)

    def limit_key(self, key: Hashable, limit: RateLimit | None, now: float) -> None:
        """A limit of its own for a key; None: none."""
        self.key_limits[key] = limit
        state = self._keys.get(key)
        if state is not None:
            state.bucket = _changed(state.bucket, limit, now)
            self._rouse(state, now)

    def limit_of(self, *keys: Hashable) -> RateLimit | None:
        """The limit that holds for a key, or for all together."""
        if keys:
            return self.key_limits.get(keys[0], self.key_limit)
        return None if self._bucket is None else self._bucket.limit

    def next_time(self) -> float | None:
        """When something may become ready that is not now; None: never by time."""
        return self._timers[0][0] if self._timers else None

    def stuck(self) -> bool:
        """After `take` gave nothing: whether nothing will ever go on unless somebody puts, resumes or changes a limit."""
        return not self.out and not self._timers

    def abandon(self) -> list[Entry]:
        """Gives up everything that is not being handled."""
        waiting = [entry for key in self._keys.values() for strand in key.strands.values() for entry in strand.queue]
        waiting += [thing for _, _, thing in self._timers if isinstance(thing, Entry)]
        waiting += self._express
        self.load -= len(waiting)
        self._timers.clear()
        self._express.clear()
        self._ring.clear()
        self._keys.clear()
        return waiting

    def _key(self, name: Hashable, now: float) -> _Key:
        state = self._keys.get(name)
        if state is None:
            state = self._keys[name] = _Key(name)
            limit = self.limit_of(name)
            if limit is not None:
                state.bucket = Bucket(limit, now)
        return state

    def _offer(self, strand: _Strand, now: float) -> None:
        """Puts a strand that has something to begin where `take` looks."""
        if strand.queue and not strand.busy and strand.hold <= now:
            strand.key.ready[strand] = None
            if not strand.key.asleep:
                self._ring[strand.key] = None

    def _cut(self, key: _Key, room: int, now: float) -> Work:
        strand = next(iter(key.ready))
        del key.ready[strand]
        size = min(len(strand.queue), room, self._chunk)
        work = Work([strand.queue.popleft() for _ in range(size)], strand)
        self._charge(key, size, now)
        strand.busy = strand.serial
        self._offer(strand, now)
        if key.ready:
            self._ring[key] = None  # behind the others
        return work

    def _open(self, now: float) -> bool:
        """Whether the limits of all together let anything begin."""
        when = self._paused
        if when <= now and self._bucket is not None and not self._bucket.room(now):
            when = self._bucket.due(now)
        if when <= now:
            return True
        if not isinf(when) and not now < self._armed <= when:
            self._armed = when
            self._arm(when, None)
        return False

    def _room(self, key: _Key, now: float) -> int:
        """How many messages of a key may begin now; if none, it sleeps until some may."""
        if key.paused > now:
            key.asleep = True
            if not isinf(key.paused):
                self._arm(key.paused, key)
            return 0
        room = self._chunk if self._bucket is None else self._bucket.room(now)
        if key.bucket is not None:
            own = key.bucket.room(now)
            if not own:
                key.asleep = True
                self._arm(key.bucket.due(now), key)
            return min(room, own)
        return room

    def _charge(self, key: _Key, messages: int, now: float) -> None:
        if self._bucket is not None:
            self._bucket.charge(messages, now)
        if key.bucket is not None:
            key.bucket.charge(messages, now)

    def _arm(self, when: float, thing: Entry | _Strand | _Key | None) -> None:
        heappush(self._timers, (when, next(self._numbers), thing))

    def _wake(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            thing = heappop(self._timers)[2]
            if isinstance(thing, Entry):
                if thing.strand is None:
                    self._express.append(thing)
                else:
                    thing.strand.queue.appendleft(thing)
                    self._offer(thing.strand, now)
            elif isinstance(thing, _Strand):
                self._offer(thing, now)
            elif thing is not None:
                self._rouse(thing, now)
            else:
                self._armed = inf

    def _rouse(self, key: _Key, now: float) -> None:
        key.asleep = key.leaving = False
        if key.ready:
            self._ring[key] = None
        elif not key.load:
            self._retire(key, now)

    def _forget(self, strand: _Strand, now: float) -> None:
        if not strand.load:
            strand.key.strands.pop(strand.partition, None)
            if not strand.key.load:
                self._retire(strand.key, now)

    def _retire(self, key: _Key, now: float) -> None:
        """Forgets a key without messages, as soon as there is nothing to remember of it."""
        when = max(key.paused, key.bucket.full(now) if key.bucket is not None else -inf)
        if when <= now:
            if self._keys.get(key.name) is key:
                del self._keys[key.name]
        elif not key.leaving and not isinf(when):
            key.leaving = True
            self._arm(when, key)


def _changed(bucket: Bucket | None, limit: RateLimit | None, now: float) -> Bucket | None:
    if limit is None:
        return None
    if bucket is None:
        return Bucket(limit, now)
    bucket.change(limit, now)
    return bucket
