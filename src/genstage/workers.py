"""The taking side of a stage: an inbox and n long-lived workers, made when events need them. Demand returns when a handler ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from inspect import isawaitable
from types import CoroutineType
from typing import Any

from genstage.dispatchers import Dispatcher
from genstage.errors import AnswerError
from genstage.inbox import Inbox
from genstage.subscription import Subscription

__all__ = ["Handling", "Inlet", "Spawn"]

Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None] | None"]
"""Makes a supervised task of a coroutine; None when the pipeline is breaking off and nothing new may begin."""


@dataclass(frozen=True, slots=True)
class Handling:
    """What a stage does with events.

    Attributes:
        handle: The stage's handler: gets an event or a list; may return an awaitable.
        emit: For producer-consumers: where results go, before demand returns. None for consumers, which have no results.
        gate: For producer-consumers: nothing is begun before somebody wants results of this dispatcher. None: always.
        done: Called once, when the stage has finished what it had to and all its workers have gone.
    """

    handle: Callable[[Any], Any]
    emit: Callable[[Any], None] | None
    gate: Dispatcher | None
    done: Callable[[], None]


class Inlet:
    """The taking side of one stage.

    A worker that has nothing to do sleeps; whoever brings work wakes one, and one that is about to wait wakes two more if work is left.
    So a synchronous handler is served by a single worker, and an asynchronous one by as many as there is work for, up to ``limit``.
    """

    def __init__(self, name: str, inbox: Inbox, handling: Handling, spawn: Spawn) -> None:
        self.name = name
        self.inbox = inbox
        self.limit = 1
        self.delivered = 0
        """Events that came, without those that were taken out again before they were begun."""
        self.handled = 0
        """Events whose handler has ended well."""
        self.edges: dict[Subscription, None] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.closing = False
        self.draining = False
        self._permanent = 0
        self._lone_ends = False
        self._done = False
        self._idle: list[asyncio.Future[None]] = []
        self._coming = 0  # workers that were woken or made, and have not looked into the inbox yet
        self._gone: asyncio.Future[None] | None = None
        self._handling = handling
        self._spawn = spawn

    @property
    def busy(self) -> int:
        """Workers that are inside the handler: all but those that sleep or are on their way."""
        return len(self.tasks) - len(self._idle) - self._coming

    @property
    def in_flight(self) -> int:
        """Events that are inside the handler."""
        return self.delivered - self.inbox.waiting - self.handled

    def connect(self, edge: Subscription) -> None:
        """Takes in a subscription that is about to open."""
        self.edges[edge] = None
        self._permanent += edge.terms.cancel == "permanent"

    def disconnect(self, edge: Subscription) -> None:
        """Forgets a subscription that could not open."""
        del self.edges[edge]
        self._permanent -= edge.terms.cancel == "permanent"

    def deliver(self, edge: Subscription, events: list[Any]) -> None:
        """Takes events in."""
        self.delivered += len(events)
        self.inbox.put(edge, events)
        self.stir()

    def lost(self, edge: Subscription) -> None:
        """A subscription is over; with the last permanent one the stage finishes what waits and ends."""
        self.disconnect(edge)
        if edge.terms.cancel == "permanent" and not self._permanent:
            self.close()
        else:
            self._look_for_the_end()

    def end_when_alone(self) -> None:
        """From now on, being without any subscription ends the stage, whatever the terms were."""
        self._lone_ends = True
        self._look_for_the_end()

    def drain(self) -> None:
        """Ends subscriptions with manual demand and forgets what they brought; finishes what comes over the others, until they are over.

        An automatic one that was silenced (``max_demand = 0``, or `Subscription.retract`) is over when nothing of it is in hand:
        it would never ask for what may be held for it.
        """
        self.draining = True
        for edge in list(self.edges):
            if edge.manual or not edge.level:
                edge.cancel()
        self.forget(only_manual=True)
        self.end_when_alone()

    def close(self) -> None:
        """Ends all subscriptions; the stage finishes what waits and ends."""
        if not self.closing:
            self.closing = True
            for edge in list(self.edges):
                edge.cancel()
            self._look_for_the_end()

    def halt(self) -> list[Any]:
        """Ends all subscriptions; what was not begun is returned, what was begun is finished."""
        rest = self.forget()
        self.close()
        self._look_for_the_end()  # closed before, it may have ended with the last of what waited
        return rest

    def forget(self, *, only_manual: bool = False) -> list[Any]:
        """Takes out what was not begun: all of it, or what came by manual demand."""
        gone = self.inbox.clear(only_manual=only_manual)
        self.delivered -= len(gone)
        return gone

    def abort(self) -> bool:
        """As `halt`, but running handlers are cancelled; returns whether there were any."""
        self.halt()
        for task in self.tasks:
            task.cancel()
        return self.busy > 0

    async def gone(self) -> None:
        """Returns when the stage has ended and no worker is left."""
        if not self._done:
            if self._gone is None:
                self._gone = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._gone)

    def resize(self, limit: int) -> None:
        """More or fewer workers from now on; those that are too many go when their handler ends."""
        self.limit = limit
        for _ in range(len(self.tasks) - limit):
            self._wake()
        for _ in range(min(limit - len(self.tasks), self.inbox.waiting)):
            self.stir()

    def stir(self) -> None:
        """There may be something to do: wakes or makes a worker, if one may be had and not enough are coming."""
        if self.inbox.waiting > self._coming and not self._wake() and len(self.tasks) < self.limit:
            task = self._spawn(self._work())
            if task is not None:
                self._coming += 1
                self.tasks.add(task)
                task.add_done_callback(self._reap)

    def _wake(self) -> bool:
        while self._idle:
            sleeper = self._idle.pop()
            if not sleeper.done():
                self._coming += 1
                sleeper.set_result(None)
                return True
        return False

    async def _work(self) -> None:
        inbox, handle, gate, emit = self.inbox, self._handling.handle, self._handling.gate, self._handling.emit
        new_future = asyncio.get_running_loop().create_future
        self._coming -= 1
        while len(self.tasks) <= self.limit:
            job = inbox.take() if gate is None or gate.wanted > 0 else None
            if job is None:
                if self.closing and not inbox.waiting:
                    break
                sleeper = new_future()
                self._idle.append(sleeper)
                await sleeper
                self._coming -= 1
                continue
            edge, payload, count = job
            result = handle(payload)
            kind = type(result)
            if kind is CoroutineType or (result is not None and kind is not list and isawaitable(result)):
                if inbox.waiting and (self._idle or len(self.tasks) < self.limit):
                    self.stir()  # two more: so all of n workers are busy in log n steps
                    self.stir()
                result = await result
            self.handled += count
            if emit is not None:
                emit(result)
            elif result is not None:
                raise AnswerError(f"the handler of {self.name} returned {type(result).__name__}; only a ProducerConsumer returns something")
            edge.handled(count)
            if self.draining and not edge.level:
                edge.cancel()
        task = asyncio.current_task()
        if task is not None:
            self.tasks.discard(task)  # at once, so that a second one does not find itself surplus too
        self.stir()  # if somebody counted on this one
        self._look_for_the_end()

    def _look_for_the_end(self) -> None:
        if self._lone_ends and not self.edges:
            self.closing = True
        if self.closing and not self.inbox.waiting:
            while self._wake():
                pass
            if not self.tasks:
                self._finish()

    def _reap(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if self.closing and not self.tasks and not self.inbox.waiting:
            self._finish()

    def _finish(self) -> None:
        if not self._done:
            self._done = True
            self._handling.done()
            if self._gone is not None and not self._gone.done():
                self._gone.set_result(None)
