"""The first layer: sources ──> Intake ──> Gate ──> Outflow ──> Processing ──> batchers, or the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from random import random
from typing import Any, Protocol

from genstage.broadway.calls import contained
from genstage.broadway.endings import Endings
from genstage.broadway.events import Processed, Received, Retried
from genstage.broadway.gate import Entry, Gate, Work
from genstage.broadway.handlers import Handlers
from genstage.broadway.message import Message, Raised
from genstage.broadway.options import Options
from genstage.errors import AnswerError
from genstage.stage import Consumer, Producer
from genstage.subscription import Subscription

__all__ = ["Alarm", "Entrance", "Forward", "Intake", "Outflow", "Processing"]

STAGE = "processors"
SOONEST = 1e-4
"""Seconds that an alarm waits at least, so that one that is early by the clock's rounding does not ring again in the same moment."""


class Forward(Protocol):
    """Where messages go after ``handle_message``: the batchers."""

    def knows(self, batcher: str) -> bool:
        """Whether there is a batcher of that name."""
        ...

    async def put(self, entries: list[Entry]) -> list[Message[Any]]:
        """Takes messages of known batchers in, waiting for room; returns those that failed on the way."""
        ...


class Alarm:
    """Wakes a producer at a time."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float | None) -> None:
        """In so many seconds and not before; None: not at all."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else asyncio.get_running_loop().call_later(max(seconds, SOONEST), self._wake)


class Entrance:
    """How messages come to the gate."""

    def __init__(self, options: Options, gate: Gate, endings: Endings) -> None:
        self.gate = gate
        self.endings = endings
        self.wake: Callable[[], None] = lambda: None
        """Tells `Outflow` that there is something."""
        self._key = options.key
        self._partition = options.partition_by

    def put(self, messages: list[Message[Any]], origin: Any = None, *, express: bool = False) -> None:
        """Takes messages in; what ``key`` or ``partition_by`` raise fails that message."""
        now = self.endings.time()
        for message in messages:
            entry = Entry(message, origin, express=express)
            key: Hashable = None
            try:
                if self._partition is not None:
                    entry.partition = self._partition(message)
                if self._key is not None and not express:
                    key = self._key(message)
                self.gate.put(entry, key, serial=self._partition is not None, now=now)
            except Exception as error:  # noqa: BLE001 - told, and it fails the message
                self.endings.failed(STAGE, "key or partition_by", error, 1)
                message.status = Raised(error)
                entry.partition = None
                self.gate.put(entry, None, serial=False, now=now)
        self.endings.counts.received += len(messages)
        if self.endings.listener is not None:
            self.endings.listener(Received(now, STAGE, len(messages), self.gate.load))
        self.wake()


class Intake(Consumer[Any]):
    """Takes the events of one source in, as many as there is room for, and makes messages of them."""

    def __init__(self, entrance: Entrance, transformer: Callable[[Any], Message[Any]] | None) -> None:
        self._entrance = entrance
        self._transformer = transformer
        self.edge: Subscription | None = None

    def handle_events(self, events: list[Any]) -> None:
        """Puts them into the gate; their demand returns when they leave the layer, so `release` does it."""
        try:
            messages = [self._message(event) for event in events]
        except Exception:
            self.release(len(events))
            raise
        self._entrance.put(messages, self)

    def release(self, count: int) -> None:
        """So many messages have left the layer."""
        if self.edge is not None:
            self.edge.ask(count)

    def _message(self, event: Any) -> Message[Any]:
        if self._transformer is None:
            return event if isinstance(event, Message) else Message(event)
        message = self._transformer(event)
        if not isinstance(message, Message):
            raise AnswerError(f"the transformer returned {type(message).__name__}; it must return a Message")
        return message


class Outflow(Producer[Work]):
    """Gives out what may begin."""

    poll_interval = None

    def __init__(self, gate: Gate, time: Callable[[], float]) -> None:
        self._gate = gate
        self._time = time
        self._alarm = Alarm(self.wake)
        self._closing = False
        self._draining = False

    def handle_demand(self, demand: int) -> list[Work] | None:
        """As many works as there are processors, if so many may begin."""
        now = self._time()
        works = self._gate.take(demand, now)
        if works:
            return works
        if self._closing and (not self._gate.load or (self._draining and self._gate.stuck())):
            self._alarm.set(None)
            return None
        when = self._gate.next_time()
        self._alarm.set(None if when is None else when - now)
        return []

    def close(self, *, draining: bool) -> None:
        """Nothing more will come in: the stream ends when everything has left.

        Args:
            draining: What is paused without an end is not waited for.
        """
        self._closing = True
        self._draining = self._draining or draining
        self.wake()


class Processing(Consumer[Work]):
    """Calls ``handle_message``."""

    def __init__(self, handlers: Handlers[Any], options: Options, entrance: Entrance, forward: Forward | None) -> None:
        self._handlers = handlers
        self._settings = options.processors
        self._serial = options.partition_by is not None
        self._entrance = entrance
        self._gate = entrance.gate
        self._endings = entrance.endings
        self._forward = forward
        self._prepares = type(handlers).prepare_messages is not Handlers.prepare_messages

    async def handle_event(self, work: Work) -> None:
        """Handles a list of messages, and brings what need not go further to its end."""
        began = self._endings.time()
        if self._prepares:
            await self._prepare([entry.message for entry in work.entries])
        ended = await self._handle(work)
        ok = [entry for entry in ended if not entry.message.failed]
        if self._forward is None:
            ok, further = [], ok
        else:
            ok, further = [entry for entry in ok if self._destined(entry.message)], []
        failed = [entry.message for entry in ended if entry.message.failed]
        await self._end([entry.message for entry in further], failed)
        if ok and self._forward is not None:
            lost = await self._forward.put(ok)
            if lost:
                await self._end([], lost)
                failed += lost
        if self._endings.listener is not None:
            now = self._endings.time()
            self._endings.listener(Processed(now, STAGE, len(further), len(ok), len(failed), now - began))
        self._close(work, ended)

    async def _prepare(self, messages: list[Message[Any]]) -> None:
        result, error = await contained(self._handlers.prepare_messages, messages[:])
        if error is None and result is not None and {*map(id, result)} != {*map(id, messages)}:
            error = AnswerError("prepare_messages must return nothing, or all the messages that it was given")
        if error is not None:
            self._endings.failed(STAGE, "prepare_messages", error, len(messages))
            for message in messages:
                message.status = Raised(error)

    async def _handle(self, work: Work) -> list[Entry]:
        """Returns those that were handled and are not to be tried again."""
        ended: list[Entry] = []
        for number, entry in enumerate(work.entries):
            message = entry.message
            if number and not self._gate.may_go_on(work, self._endings.time()):
                work.unbegun = work.entries[number:]
                break
            if not message.failed:
                result, error = await contained(self._handlers.handle_message, message, limit=self._settings.time_limit)
                if error is None and result is not None:
                    error = AnswerError(f"handle_message returned {type(result).__name__}; it changes the message and returns nothing")
                if error is not None:
                    self._endings.failed(STAGE, "handle_message", error, 1)
                    message.status = Raised(error)
            if message.failed and self._again(work, entry):
                if self._serial:
                    work.unbegun = work.entries[number + 1 :]
                    break
            else:
                ended.append(entry)
        return ended

    def _again(self, work: Work, entry: Entry) -> bool:
        message = entry.message
        message.attempts += 1
        status, retry = message.status, self._settings.retry
        if not isinstance(status, Raised) or retry is None:
            return False
        delay = retry.delay(status.error, message.attempts, random())  # noqa: S311 - spreads tries, guards nothing
        if delay is None:
            return False
        message.status = "ok"
        now = self._endings.time()
        work.retries.append((entry, now + delay))
        self._endings.counts.retried += 1
        if self._endings.listener is not None:
            self._endings.listener(Retried(now, STAGE, 1, delay, message.attempts, status.error))
        return True

    def _destined(self, message: Message[Any]) -> bool:
        unknown = [name for name in (message.batcher, *message.others) if self._forward is None or not self._forward.knows(name)]
        if not unknown:
            return True
        error = AnswerError(f"there is no batcher {unknown[0]!r}; declare it in Options(batchers=…), or choose another with put_batcher")
        self._endings.failed(STAGE, "put_batcher", error, 1)
        message.status = Raised(error)
        return False

    async def _end(self, successful: list[Message[Any]], failed: list[Message[Any]]) -> None:
        if successful or failed:
            dead = [message for message in failed if isinstance(message.status, Raised)] if self._settings.retry is not None else []
            await self._endings.end(STAGE, successful, failed, dead)

    def _close(self, work: Work, ended: list[Entry]) -> None:
        self._gate.close(work, self._endings.time())
        counts: dict[Any, int] = {}
        for entry in ended:
            if entry.origin is not None:
                counts[entry.origin] = counts.get(entry.origin, 0) + 1
        for origin, count in counts.items():
            origin.release(count)
        self._entrance.wake()
