"""What stages are made of: what all have in common, the end that gives and the end that takes."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any, Literal, Unpack

from genstage.desk import Desk
from genstage.dispatchers import DemandDispatcher, Dispatcher
from genstage.errors import DefinitionError, StateError, SubscriptionError
from genstage.inlet import Inlet, InletHooks
from genstage.life import Life
from genstage.outlet import BufferKeep, Outlet, OutletHooks
from genstage.post import Post
from genstage.subscription import Subscription, TermOptions, Terms

__all__ = ["Giving", "Side", "Stage", "Taking"]

Side = Literal["producer", "consumer"]
"""What the stage at the other end of a subscription is in it."""


class Stage(ABC):
    """What all stages have in common: a name, hooks, calls, and a life within a pipeline."""

    _post: Post | None = None
    _life: Life | None = None
    _desk: Desk | None = None

    @property
    def name(self) -> str:
        """The name under which the pipeline started it; the class's name before."""
        return type(self).__name__ if self._post is None else self._post.name

    @property
    def restarts(self) -> int:
        """How often a failure has restarted it."""
        return 0 if self._post is None else self._post.warden.restarts

    def start(self) -> Any:  # noqa: B027 - a hook
        """Hook, sync or async: the pipeline has started the stage, or restarts it after a failure. Nothing is handled before it ends."""

    def stop(self, error: BaseException | None) -> Any:  # noqa: B027 - a hook
        """Hook, sync or async: the stage has ended; or a handler has failed, and `start` follows. Running handlers have ended before.

        It is called also if the pipeline breaks off or is cancelled, but not if `start` did not end well.

        Args:
            error: What the handler raised; None at the end.
        """

    def handle_subscribe(self, other: Side, subscription: Subscription) -> None:  # noqa: B027 - a hook
        """Hook: a subscription has opened, or opened again.

        Args:
            other: "consumer": somebody has subscribed to this stage, which may refuse by raising a `SubscriptionError` at the subscriber.
                "producer": this stage has subscribed to somebody.
            subscription: The one they share.
        """

    def handle_cancel(self, other: Side, subscription: Subscription) -> None:  # noqa: B027 - a hook
        """Hook: a subscription is over, or interrupted by the producer's failure; ``subscription.reason`` says why.

        Args:
            other: What the stage at the other end was.
            subscription: The one they shared.
        """

    def handle_call(self, request: Any) -> Any:
        """Handler of `call`, sync or async: returns the answer. What it raises, the caller gets."""
        raise DefinitionError(f"{self.name} cannot answer {type(request).__name__}: define handle_call(self, request)")

    def handle_cast(self, request: Any) -> Any:
        """Handler of `cast`, sync or async; returns nothing. What it raises is a failure of the stage."""
        raise DefinitionError(f"{self.name} cannot handle {type(request).__name__}: define handle_cast(self, request)")

    def handle_info(self, message: Any) -> Any:
        """Handler of `inform`, sync or async; returns nothing. What it raises is a failure of the stage."""
        raise DefinitionError(f"{self.name} cannot handle {type(message).__name__}: define handle_info(self, message)")

    async def call(self, request: Any, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - GenStage's calls have one
        """Asks the stage something: what ``handle_call`` returns. Calls, casts and messages are handled one at a time, in their order.

        Args:
            request: Anything.
            timeout: Seconds to wait; None: any time.

        Raises:
            StateError: The stage has not been started, or has ended.
            TimeoutError: There was no answer in time. What runs goes on, what waits is left out.
        """
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._letters.put(self.handle_call, request, reply)
        async with asyncio.timeout(timeout):
            return await reply

    def cast(self, request: Any) -> None:
        """Tells the stage something, without waiting: ``handle_cast`` gets it.

        Raises:
            StateError: The stage has not been started, or has ended.
        """
        self._letters.put(self.handle_cast, request)

    def inform(self, message: Any) -> None:
        """Gives the stage a marker: ``handle_info`` gets it when everything that was there before it is through.

        For a consumer: when all that was delivered to it before has been handled; nothing that came later is begun before it has handled
        the marker. For a producer: when all that it had buffered has been given out. For a producer-consumer: both, in this order.

        Raises:
            StateError: The stage has not been started, or has ended.
        """
        self._letters.check()
        self._mark(message)

    def attach(self, post: Post) -> None:
        """For the pipeline: makes the working parts.

        Raises:
            DefinitionError: The class cannot work.
            StateError: It has been started before.
        """
        if self._post is not None:
            raise StateError(f"{self.name} has been started before; make a new instance for every start")
        kind = type(self)
        done = post.done

        def ended() -> None:
            if self._desk is not None:
                self._desk.close()
            done()

        post = replace(post, done=ended)
        if kind.start is not Stage.start or kind.stop is not Stage.stop:
            life = Life(self, post)
            self._make_parts(replace(post, done=life.end))
            self._life = life
            self.hold_parts()
            post.warden.restarted.insert(0, life.restart)
        else:
            self._make_parts(post)
        self._post = post

    def begin(self) -> None:
        """For the pipeline: begins to work."""
        if self._life is None:
            self.release_parts()
        else:
            self._life.begin()

    @abstractmethod
    def _make_parts(self, post: Post) -> None: ...

    @abstractmethod
    def _mark(self, message: Any) -> None: ...

    @abstractmethod
    def hold_parts(self) -> None:
        """For the toolkit: begin nothing."""
        if self._desk is not None:
            self._desk.hold()

    @abstractmethod
    def release_parts(self) -> None:
        """For the toolkit: go on."""
        if self._desk is not None:
            self._desk.release()

    @abstractmethod
    async def quiet_parts(self) -> None:
        """For the toolkit: returns when no handler of events runs."""

    @abstractmethod
    def tasks(self) -> set[asyncio.Task[None]]:
        """For the toolkit: what it has running for events."""

    @abstractmethod
    def end_when_alone(self) -> None:
        """For the pipeline: nobody will subscribe it to anything more."""

    @abstractmethod
    def drain(self) -> None:
        """For the pipeline: nothing new; finish what is there."""

    @abstractmethod
    def halt(self) -> list[Any]:
        """For the pipeline: finish what was begun; returns what was not."""

    def abort(self) -> bool:
        """For the pipeline: cancel what runs; returns whether handlers of events or hooks were cut short."""
        if self._desk is not None:
            self._desk.abort()
        return self._life is not None and self._life.abort()

    async def gone(self) -> None:
        """For the pipeline: returns when everything it had running has ended."""
        if self._life is not None:
            await self._life.gone()

    def runs_in(self, task: asyncio.Task[Any] | None) -> bool:
        """For the pipeline: whether a task is one of the stage's own."""
        desk, life = self._desk, self._life
        return (desk is not None and desk.runs_in(task)) or (life is not None and life.runs_in(task))

    @property
    def _letters(self) -> Desk:
        if self._desk is None:
            if self._post is None:
                raise StateError(f"{self.name} has not been started; start it with pipeline.start() first")
            self._desk = Desk(self._post)
        return self._desk

    def _overrides(self, hook: str) -> bool:
        return getattr(type(self), hook) is not getattr(Stage, hook)

    def _edge_hooks(self, other: Side) -> InletHooks:
        """What of the hooks for subscriptions the class defines."""
        subscribed = (lambda edge: self.handle_subscribe(other, edge)) if self._overrides("handle_subscribe") else None
        cancelled = (lambda edge: self.handle_cancel(other, edge)) if self._overrides("handle_cancel") else None
        return subscribed, cancelled


class Giving(Stage):
    """A stage that others subscribe to. Its class may name a dispatcher: ``class Fetcher(Producer[Item], dispatcher=…)``."""

    buffer_keep: BufferKeep | None = None
    """What happens if more is pushed than the dispatcher's buffer has room for. "first": the newest events are dropped; "last": the
    oldest; each time ``handle_discarded`` is told. None: nothing is dropped, `push` raises an `ExcessError`."""

    _dispatcher: Dispatcher = DemandDispatcher()
    _outlet: Outlet | None = None

    def __init_subclass__(cls, *, dispatcher: Dispatcher | None = None, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if dispatcher is not None:
            cls._dispatcher = dispatcher

    def handle_discarded(self, key: Hashable, events: list[Any]) -> None:
        """Hook: these events were produced, and now nobody will get them.

        It happens when more was pushed than a full buffer takes (see ``buffer_keep``), when the last consumer for a key goes away while
        ``handle_demand`` runs, or with events held for it, and when a drain forgets what was read ahead. By default nothing is done: what
        was only read can be read again.

        Args:
            key: Whose they were; None if the stage is not keyed.
            events: In their order.
        """

    def push(self, events: Any) -> None:
        """Gives out events that nobody need have asked for, from a cast, a timer, anywhere on the event loop.

        Whoever has demand gets them; the rest is buffered, up to the dispatcher's ``buffer_size``, and given out before
        ``handle_demand`` is asked for more.

        Args:
            events: A list; with a `KeyedDispatcher` a mapping of lists. They belong to the toolkit from then on.

        Raises:
            ExcessError: The buffer is full, and ``buffer_keep`` is not set. None of them was taken.
            StateError: The stage has not been started, or its stream has ended.
        """
        self.outlet.push(events, self.buffer_keep)

    def estimate_buffered_count(self) -> int:
        """How many events it holds for somebody to ask for them."""
        return self.outlet.buffered

    def _left(self) -> None:
        """The last consumer has gone."""

    @property
    def outlet(self) -> Outlet:
        """For the toolkit: the giving side."""
        if self._outlet is None:
            raise StateError(f"{self.name} has not been started; start it with pipeline.start() before others subscribe to it")
        return self._outlet

    def _make_outlet(self, post: Post, wanted: Callable[[], None]) -> Outlet:
        subscribed, cancelled = self._edge_hooks("consumer")
        hooks = OutletHooks(
            wanted=wanted,
            discarded=self.handle_discarded if post.watch is None else post.watch.discarding(self.handle_discarded),
            left=self._left,
            done=post.done,
            subscribed=subscribed,
            cancelled=cancelled,
            informed=lambda message: self._letters.put(self.handle_info, message),
        )
        self._outlet = Outlet(post.name, self._dispatcher.fresh(), hooks)
        post.warden.restarted.append(self._outlet.sever)
        return self._outlet


class Taking(Stage):
    """A stage that subscribes to others, and handles what it gets with ``workers``."""

    _inlet: Inlet | None = None

    def subscribe(self, to: Giving, **terms: Unpack[TermOptions]) -> Subscription:
        """Subscribes this stage to one that gives; both must have been started.

        Args:
            to: A `Producer` or `ProducerConsumer`.
            terms: ``key``, ``max_demand``, ``min_demand``, ``cancel``, ``demand``, …: see `Terms`.

        Raises:
            SubscriptionError: The terms cannot work. Nothing has changed then.
        """
        inlet = self.inlet
        if inlet.closing:
            raise SubscriptionError(f"{self.name} is ending and takes nothing more; subscribe a new stage")
        edge = inlet.edge_to(to.outlet, Terms(**terms))
        inlet.connect(edge)
        try:
            edge.open()
        except SubscriptionError:
            edge.over = True
            to.outlet.cancel(edge)
            inlet.disconnect(edge)
            raise
        return edge

    def handle_failed(self, events: list[Any], error: Exception) -> Any:  # noqa: ARG002 - for those who define it
        """Hook, sync or async: a call of the handler has failed, or took longer than its ``timeout``.

        If it returns, the failure is dealt with: the demand of the events returns, and nothing is restarted. By default the exception is
        raised again, and the stage's restart limits decide. Events of an at-least-once subscription go back only then.

        Args:
            events: Those of the call; of ``handle_event`` one.
            error: What the handler raised.
        """
        raise error

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

    def hold_parts(self) -> None:
        """For the toolkit: begin nothing."""
        super().hold_parts()
        self.inlet.hold()

    def release_parts(self) -> None:
        """For the toolkit: go on."""
        super().release_parts()
        self.inlet.release()

    async def quiet_parts(self) -> None:
        """For the toolkit: returns when no handler runs."""
        await self.inlet.quiet()

    def tasks(self) -> set[asyncio.Task[None]]:
        """For the toolkit: its workers."""
        return self.inlet.tasks

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
        hooks = super().abort()
        return self.inlet.abort() or hooks

    async def gone(self) -> None:
        """For the pipeline: returns when no worker is left."""
        await self.inlet.gone()
        await super().gone()

    def runs_in(self, task: asyncio.Task[Any] | None) -> bool:
        """For the pipeline: whether a task is one of the workers."""
        return task in self.inlet.tasks or super().runs_in(task)
