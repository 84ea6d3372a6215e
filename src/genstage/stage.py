"""What a user writes: a `Producer`, a `ProducerConsumer` or a `Consumer`, with one handler each.

Handlers are sync or async; async ones may wait for anything. A subclass need not call ``super().__init__()``: a stage gets its
working parts when a pipeline starts it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from inspect import isawaitable
from typing import Any, Generic, Literal, TypeVar

from genstage.dispatchers import Dispatcher
from genstage.ends import Giving, Taking
from genstage.errors import DefinitionError, StateError
from genstage.feed import ACCUMULATES, STARTS, Feed
from genstage.handling import Handling
from genstage.inbox import CutInbox, Inbox, SingleInbox, SplitInbox
from genstage.inlet import Inlet
from genstage.post import Post
from genstage.root import Stage

__all__ = ["Consumer", "Demand", "Giving", "Post", "Producer", "ProducerConsumer", "Stage", "Taking"]

Event = TypeVar("Event")
Result = TypeVar("Result")

Demand = Literal["forward", "accumulate"]
"""What a producer does with demand: serves it, or lets it accumulate until it is set to forward it."""


class Producer(Giving, Generic[Event]):
    """Where events come from. Define ``handle_demand``."""

    poll_interval: float | None = 1.0
    """When ``handle_demand`` found nothing it is called again after so many seconds, if demand is still owed. None: not by time."""

    _feed: Feed | None = None
    _demand: Demand | None = None

    def __init_subclass__(cls, *, dispatcher: Dispatcher | None = None, demand: Demand | None = None, **rest: Any) -> None:
        super().__init_subclass__(dispatcher=dispatcher, **rest)
        if demand is not None:
            cls._demand = demand

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

    @property
    def demand(self) -> Demand:
        """Whether demand is forwarded to ``handle_demand``, or accumulates until it is set to "forward".

        While it accumulates nothing is given out: what is pushed is kept, in its order. May be changed at any time. What a producer
        begins with, its class says (``class Clicks(Producer[Click], demand="accumulate")``), or else the pipeline.
        """
        return self._demand or "forward"

    @demand.setter
    def demand(self, demand: Demand) -> None:
        if demand not in ("forward", "accumulate"):
            raise StateError(f'demand is {demand!r}; give "forward" or "accumulate"')
        self._demand = demand
        if self._feed is not None:
            if demand == "accumulate":
                self.outlet.hold()
                self._feed.hold(ACCUMULATES)
            else:
                self.outlet.release()
                self._feed.release(ACCUMULATES)

    def accumulate_by_default(self) -> None:
        """For the pipeline: demand accumulates, unless the class says otherwise."""
        if self._demand is None:
            self.demand = "accumulate"

    def hold_parts(self) -> None:
        """For the toolkit: begin nothing."""
        super().hold_parts()
        self._the_feed.hold(STARTS)

    def release_parts(self) -> None:
        """For the toolkit: go on."""
        super().release_parts()
        self._the_feed.release(STARTS)

    async def quiet_parts(self) -> None:
        """For the toolkit: returns when the handler does not run."""
        await self._the_feed.quiet()

    def tasks(self) -> set[asyncio.Task[None]]:
        """For the toolkit: the loop's."""
        return self._the_feed.tasks()

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
        """For the pipeline: as `halt`. A waiting ``handle_demand`` holds no events, so it is not cut short."""
        hooks = super().abort()
        self.halt()
        return hooks

    async def gone(self) -> None:
        """For the pipeline: returns when the loop has ended."""
        await self._the_feed.gone()
        await super().gone()

    def runs_in(self, task: asyncio.Task[Any] | None) -> bool:
        """For the pipeline: whether a task is the loop's."""
        return self._the_feed.runs_in(task) or super().runs_in(task)

    @property
    def _the_feed(self) -> Feed:
        if self._feed is None:
            raise StateError(f"{self.name} has not been started; start it with pipeline.start() first")
        return self._feed

    def _make_parts(self, post: Post) -> None:
        if type(self).handle_demand is Producer.handle_demand:
            raise DefinitionError(f"{self.name} has no handler: define handle_demand(self, demand)")
        feed = Feed(post, self.handle_demand, self.poll_interval)
        feed.outlet = self._make_outlet(post, feed.stir)
        self._feed = feed
        if self._demand is not None:
            self.demand = self._demand

    def _mark(self, message: Any) -> None:
        self.outlet.mark(message)


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
        handling = Handling(
            handle,
            outlet=None,
            done=self._parts_ended,
            failed=self.handle_failed if kind.handle_failed is not Taking.handle_failed else None,
            informed=self._reached,
            timeout=post.timeout,
        )
        self._inlet = Inlet(post, inbox, handling, self._edge_hooks("producer"))

    def _mark(self, message: Any) -> None:
        self.inlet.mark(message)

    def _reached(self, message: Any, after: Callable[[], None]) -> None:
        """A marker's turn has come."""
        self._letters.put(self.handle_info, message, after=after)


class ProducerConsumer(Taking, Giving, Generic[Event, Result]):
    """Takes events and gives others: define ``handle_events`` (a list at a time) or ``handle_event`` (one at a time).

    It takes in nothing while nobody downstream has demand, so at most one call's results per worker are ever held.
    With one worker the order is kept.
    """

    _last: asyncio.Task[None] | None = None
    _aborted = False

    def handle_events(self, events: list[Event]) -> Any:
        """The handler for lists: returns a list of results (keyed: a mapping of lists), fewer, as many or more. Sync or async."""
        raise NotImplementedError

    def handle_event(self, event: Event) -> Any:
        """The handler for one event: returns a list of its results (keyed: a mapping of lists). Sync or async."""
        raise NotImplementedError

    def handle_end(self) -> Any:
        """Hook: all streams have ended and everything was handled. Returns the last results, or None; sync or async.

        It is how a stage that gathers (sums, groups, windows) gives what it has gathered. A stage that is cancelled is not asked.
        """

    def _make_parts(self, post: Post) -> None:
        listwise = type(self).handle_events is not ProducerConsumer.handle_events
        single = type(self).handle_event is not ProducerConsumer.handle_event
        if listwise == single:
            fault = "two handlers" if single else "no handler"
            raise DefinitionError(
                f"{self.name} has {fault}: define either handle_events(self, events) or handle_event(self, event), returning events"
            )
        outlet = self._make_outlet(post, self._ignore_demand)
        ends = type(self).handle_end is not ProducerConsumer.handle_end
        done = (lambda: self._begin_end(post)) if ends else outlet.end
        handling = Handling(
            self.handle_event if single else self.handle_events,
            outlet=outlet,
            done=done,
            failed=self.handle_failed if type(self).handle_failed is not Taking.handle_failed else None,
            informed=self._pass_on,
            timeout=post.timeout,
        )
        self._inlet = Inlet(post, SingleInbox() if single else SplitInbox(), handling, self._edge_hooks("producer"))
        outlet.wanted = self._inlet.stir

    def _mark(self, message: Any) -> None:
        self.inlet.mark(message)

    def _pass_on(self, message: Any, after: Callable[[], None]) -> None:
        """A marker has passed the waiting events; now it waits behind the buffered results."""
        self.outlet.mark(message)
        after()

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

    def _begin_end(self, post: Post) -> None:
        """Gives the last results in a task of the stage's own, so that a failure comes out of the pipeline."""
        self._last = None if self._aborted else post.spawn(self._give_the_last())
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

    def _ignore_demand(self) -> None:
        """Nobody can have asked before there is an inlet."""

    def _emit(self, results: Any) -> None:
        self.outlet.emit(results, bounded=False)
