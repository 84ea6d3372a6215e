"""What a user writes: a `Producer`, a `ProducerConsumer` or a `Consumer`, with one handler each.

Handlers are sync or async; async ones may wait for anything. A subclass need not call ``super().__init__()``: a stage gets its
working parts when a pipeline starts it.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Generic, TypeVar, Unpack

from genstage.dispatchers import DemandDispatcher, Dispatcher
from genstage.errors import DefinitionError, StateError, SubscriptionError
from genstage.feed import Feed
from genstage.inbox import CutInbox, Inbox, SingleInbox, SplitInbox
from genstage.outlet import Outlet, OutletHooks
from genstage.subscription import Subscription, TermOptions, Terms
from genstage.workers import Handling, Inlet, Spawn

__all__ = ["Consumer", "Giving", "Post", "Producer", "ProducerConsumer", "Stage", "Taking"]

Event = TypeVar("Event")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Post:
    """What a stage gets from its pipeline when it starts.

    Attributes:
        name: Unique within the pipeline.
        spawn: Makes supervised tasks.
        done: To be called once, when the stage has ended.
    """

    name: str
    spawn: Spawn
    done: Callable[[], None]


class Stage(ABC):
    """What all stages have in common: a name, and a life within a pipeline."""

    _post: Post | None = None

    @property
    def name(self) -> str:
        """The name under which the pipeline started it; the class's name before."""
        return type(self).__name__ if self._post is None else self._post.name

    def attach(self, post: Post) -> None:
        """For the pipeline: makes the working parts.

        Raises:
            DefinitionError: The class cannot work.
            StateError: It has been started before.
        """
        if self._post is not None:
            raise StateError(f"{self.name} has been started before; make a new instance for every start")
        self._make_parts(post)
        self._post = post

    @abstractmethod
    def _make_parts(self, post: Post) -> None: ...

    @abstractmethod
    def begin(self) -> None:
        """For the pipeline: begins to work."""

    @abstractmethod
    def end_when_alone(self) -> None:
        """For the pipeline: nobody will subscribe it to anything more."""

    @abstractmethod
    def drain(self) -> None:
        """For the pipeline: nothing new; finish what is there."""

    @abstractmethod
    def halt(self) -> list[Any]:
        """For the pipeline: finish what was begun; returns what was not."""

    @abstractmethod
    def abort(self) -> bool:
        """For the pipeline: cancel what runs; returns whether handlers of events were cut short."""

    @abstractmethod
    async def gone(self) -> None:
        """For the pipeline: returns when everything it had running has ended."""

    @abstractmethod
    def runs_in(self, task: asyncio.Task[Any] | None) -> bool:
        """For the pipeline: whether a task is one of the stage's own."""


class Giving(Stage):
    """A stage that others subscribe to. Its class may name a dispatcher: ``class Fetcher(Producer[Item], dispatcher=…)``."""

    _dispatcher: Dispatcher = DemandDispatcher()
    _outlet: Outlet | None = None

    def __init_subclass__(cls, *, dispatcher: Dispatcher | None = None, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if dispatcher is not None:
            cls._dispatcher = dispatcher

    def handle_discarded(self, key: Hashable, events: list[Any]) -> None:
        """Hook: these events were produced, and now nobody will get them.

        It happens when the last consumer for a key goes away while ``handle_demand`` runs, or with events held for it,
        and when a drain forgets what was read ahead. By default nothing is done: what was only read can be read again.

        Args:
            key: Whose they were; None if the stage is not keyed.
            events: In their order.
        """

    def _left(self) -> None:
        """The last consumer has gone."""

    @property
    def outlet(self) -> Outlet:
        """For the toolkit: the giving side."""
        if self._outlet is None:
            raise StateError(f"{self.name} has not been started; start it with pipeline.start() before others subscribe to it")
        return self._outlet

    def _make_outlet(self, post: Post, wanted: Callable[[], None]) -> Outlet:
        hooks = OutletHooks(wanted=wanted, discarded=self.handle_discarded, left=self._left, done=post.done)
        self._outlet = Outlet(post.name, self._dispatcher.fresh(), hooks)
        return self._outlet


class Taking(Stage):
    """A stage that subscribes to others, and handles what it gets with ``workers``."""

    _inlet: Inlet | None = None

    def subscribe(self, to: Giving, **terms: Unpack[TermOptions]) -> Subscription:
        """Subscribes this stage to one that gives; both must have been started.

        Args:
            to: A `Producer` or `ProducerConsumer`.
            terms: ``key``, ``max_demand``, ``min_demand``, ``cancel``, ``demand``: see `Terms`.

        Raises:
            SubscriptionError: The terms cannot work. Nothing has changed then.
        """
        inlet = self.inlet
        if inlet.closing:
            raise SubscriptionError(f"{self.name} is ending and takes nothing more; subscribe a new stage")
        edge = Subscription(to.outlet, inlet, Terms(**terms))
        inlet.connect(edge)
        try:
            edge.open()
        except SubscriptionError:
            inlet.disconnect(edge)
            raise
        return edge

    @property
    def workers(self) -> int:
        """How many handler calls may run at once. May be changed at any time: surplus workers go when their call ends."""
        return self.inlet.limit

    @workers.setter
    def workers(self, count: int) -> None:
        if count < 1:
            raise StateError(f"{self.name} cannot have {count} workers; give at least 1 (to take nothing in, set max_demand = 0)")
        self.inlet.resize(count)

    @property
    def inlet(self) -> Inlet:
        """For the toolkit: the taking side."""
        if self._inlet is None:
            raise StateError(f"{self.name} has not been started; start it with pipeline.start() first")
        return self._inlet

    def end_when_alone(self) -> None:
        """For the pipeline: nobody will subscribe it to anything more."""
        self.inlet.end_when_alone()

    def drain(self) -> None:
        """For the pipeline: forgets what came by manual demand and was not begun; finishes the rest."""
        self.inlet.drain()

    def halt(self) -> list[Any]:
        """For the pipeline: finish what was begun; returns what was not."""
        return self.inlet.halt()

    def abort(self) -> bool:
        """For the pipeline: cancel what runs; returns whether handlers were cut short."""
        return self.inlet.abort()

    async def gone(self) -> None:
        """For the pipeline: returns when no worker is left."""
        await self.inlet.gone()

    def runs_in(self, task: asyncio.Task[Any] | None) -> bool:
        """For the pipeline: whether a task is one of the workers."""
        return task in self.inlet.tasks


class Producer(Giving, Generic[Event]):
    """Where events come from. Define ``handle_demand``."""

    poll_interval: float | None = 1.0
    """When ``handle_demand`` found nothing it is called again after so many seconds, if demand is still owed. None: not by time."""

    _feed: Feed | None = None

    def handle_demand(self, demand: Any) -> Any:
        """The handler: gives at most what is demanded. Sync or async; an async one may wait until it has something.

        What is not met stays owed: the toolkit calls again, with all that is outstanding then (see `Feed`).

        Args:
            demand: How many events are outstanding; with a `KeyedDispatcher` a mapping of every key that has demand to how many.
                A keyed handler should return promptly, since while it waits for one key it cannot hear of another: let it return
                nothing, and call `wake` when there is something.

        Returns:
            A list of events (keyed: a mapping of lists), perhaps empty; None ends the stream. The lists belong to the toolkit from then on.
        """
        raise NotImplementedError

    def wake(self) -> None:
        """There may be something now: ``handle_demand`` is called again if demand is outstanding. Cheap; any number of calls is one."""
        if self._feed is not None:
            self._feed.stir()

    def begin(self) -> None:
        """For the pipeline: starts the loop."""
        if self._feed is not None and self._post is not None:
            self._feed.start(self._post.spawn)

    def end_when_alone(self) -> None:
        """For the pipeline: a producer ends when its stream does."""

    def drain(self) -> None:
        """For the pipeline: ends the stream here."""
        self._the_feed.close()

    def halt(self) -> list[Any]:
        """For the pipeline: ends the stream here; returns what was buffered."""
        self._the_feed.close()
        return self.outlet.halt()

    def abort(self) -> bool:
        """For the pipeline: as `halt`. A waiting ``handle_demand`` holds no events, so nothing is cut short."""
        self.halt()
        return False

    async def gone(self) -> None:
        """For the pipeline: returns when the loop has ended."""
        await self._the_feed.gone()

    def runs_in(self, task: asyncio.Task[Any] | None) -> bool:
        """For the pipeline: whether a task is the loop's."""
        return self._the_feed.runs_in(task)

    @property
    def _the_feed(self) -> Feed:
        if self._feed is None:
            raise StateError(f"{self.name} has not been started; start it with pipeline.start() first")
        return self._feed

    def _make_parts(self, post: Post) -> None:
        if type(self).handle_demand is Producer.handle_demand:
            raise DefinitionError(f"{self.name} has no handler: define handle_demand(self, demand)")
        feed = Feed(self.handle_demand, self.poll_interval)
        feed.outlet = self._make_outlet(post, feed.stir)
        self._feed = feed


class Consumer(Taking, Generic[Event]):
    """Where events go to. Define ``handle_events`` (a list at a time) or ``handle_event`` (one at a time)."""

    def handle_events(self, events: list[Event]) -> Any:
        """The handler for lists. Their demand returns when it ends. Sync or async; returns nothing."""
        raise NotImplementedError

    def handle_event(self, event: Event) -> Any:
        """The handler for one event. Its demand returns when it ends. Sync or async; returns nothing."""
        raise NotImplementedError

    def cut(self, events: Sequence[Event]) -> int:
        """Hook: how many of the waiting events one call of ``handle_events`` takes, at least 1.

        By default GenStage's rule: at most ``max_demand - min_demand`` of one delivery, and with manual demand a whole delivery.
        A stage that defines this gets to see all that waits of one subscription, whenever it was delivered.

        Args:
            events: What waits, in order; only to be looked at.
        """
        raise NotImplementedError

    def begin(self) -> None:
        """For the pipeline: nothing; workers are made when events come."""

    def _make_parts(self, post: Post) -> None:
        kind = type(self)
        listwise = kind.handle_events is not Consumer.handle_events
        single = kind.handle_event is not Consumer.handle_event
        if listwise == single:
            fault = "two handlers" if single else "no handler"
            raise DefinitionError(f"{self.name} has {fault}: define either handle_events(self, events) or handle_event(self, event)")
        cuts = kind.cut is not Consumer.cut
        if single and cuts:
            raise DefinitionError(f"{self.name} has cut() and handle_event, which takes one event a call: define handle_events instead")
        inbox: Inbox = SingleInbox() if single else CutInbox(self.cut) if cuts else SplitInbox()
        handle: Callable[[Any], Any] = self.handle_event if single else self.handle_events
        self._inlet = Inlet(post.name, inbox, Handling(handle, emit=None, gate=None, done=post.done), post.spawn)


class ProducerConsumer(Taking, Giving, Generic[Event, Result]):
    """Takes events and gives others: define ``handle_events``.

    It takes in nothing while nobody downstream has demand, so at most one call's results per worker are ever held.
    With one worker the order is kept.
    """

    _last: asyncio.Task[None] | None = None
    _aborted = False

    def handle_events(self, events: list[Event]) -> Any:
        """The handler: returns a list of results (keyed: a mapping of lists), fewer, as many or more. Sync or async."""
        raise NotImplementedError

    def handle_end(self) -> Any:
        """Hook: all streams have ended and everything was handled. Returns the last results, or None; sync or async.

        It is how a stage that gathers (sums, groups, windows) gives what it has gathered. A stage that is cancelled is not asked.
        """

    def begin(self) -> None:
        """For the pipeline: nothing; workers are made when events come."""

    def _make_parts(self, post: Post) -> None:
        if type(self).handle_events is ProducerConsumer.handle_events:
            raise DefinitionError(f"{self.name} has no handler: define handle_events(self, events), returning events")
        outlet = self._make_outlet(post, self._wanted)
        ends = type(self).handle_end is not ProducerConsumer.handle_end
        done = (lambda: self._begin_end(post.spawn)) if ends else outlet.end
        handling = Handling(self.handle_events, self._emit, gate=outlet.dispatcher, done=done)
        self._inlet = Inlet(post.name, SplitInbox(), handling, post.spawn)

    def drain(self) -> None:
        """For the pipeline: finishes what is there, as long as somebody is there to take it."""
        super().drain()
        if not self.outlet.edges:
            self._left()

    def abort(self) -> bool:
        """For the pipeline: cancel what runs; returns whether handlers were cut short."""
        self._aborted = True
        ending = self._last is not None and not self._last.done()
        if self._last is not None:
            self._last.cancel()
        return super().abort() or ending

    def runs_in(self, task: asyncio.Task[Any] | None) -> bool:
        """For the pipeline: whether a task is one of the stage's own."""
        return super().runs_in(task) or (task is not None and task is self._last)

    async def gone(self) -> None:
        """For the pipeline: returns when no worker is left and the last results are out."""
        await super().gone()
        if self._last is not None:
            await asyncio.wait((self._last,))

    def _left(self) -> None:
        if self.inlet.draining:
            self.inlet.halt()

    def _begin_end(self, spawn: Spawn) -> None:
        """Gives the last results in a task of the stage's own, so that a failure comes out of the pipeline."""
        self._last = None if self._aborted else spawn(self._give_the_last())
        if self._last is None:
            self.outlet.end()
        else:
            self._last.add_done_callback(lambda _: self.outlet.end())

    async def _give_the_last(self) -> None:
        results = self.handle_end()
        if isawaitable(results):
            results = await results
        if results is not None:
            self._emit(results)

    def _wanted(self) -> None:
        self.inlet.stir()

    def _emit(self, results: Any) -> None:
        self.outlet.emit(results, bounded=False)
