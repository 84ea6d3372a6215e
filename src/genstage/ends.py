"""The two ends of stages: the one that gives and the one that takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Any, Unpack

from genstage.dispatchers import DemandDispatcher, Dispatcher
from genstage.errors import StateError, SubscriptionError
from genstage.inlet import Inlet
from genstage.outlet import BufferKeep, Outlet, OutletHooks
from genstage.post import Post
from genstage.root import Stage
from genstage.subscription import Subscription, TermOptions, Terms

__all__ = ["Giving", "Taking"]


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

    def _informed(self, message: Any) -> None:
        """A marker's turn has come."""
        self._letters.put(self.handle_info, message)

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
            done=self._parts_ended,
            subscribed=subscribed,
            cancelled=cancelled,
            informed=self._informed,
        )
        self._outlet = Outlet(post.name, self._dispatcher.fresh(), hooks)
        post.warden.on_restart(self._outlet.sever)
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
