"""What all stages have in common: a name, hooks, calls, and a life within a pipeline."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Any, Literal

from genstage.desk import Desk
from genstage.errors import DefinitionError, StateError
from genstage.inlet import InletHooks
from genstage.life import Life
from genstage.post import Post
from genstage.subscription import Subscription

__all__ = ["Side", "Stage"]

Side = Literal["producer", "consumer"]
"""What the stage at the other end of a subscription is in it."""


class Stage(ABC):
    """What all stages have in common: a name, hooks, calls, and a life within a pipeline."""

    _post: Post | None = None
    _life: Life | None = None
    _desk: Desk | None = None
    _on_hold = False

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
        if kind.start is not Stage.start or kind.stop is not Stage.stop:
            self._life = Life(self, post, self._ended)
            post.warden.on_restart(self._life.restart)
            self._make_parts(post)
            self.hold_parts()
        else:
            self._make_parts(post)
        self._post = post

    def _parts_ended(self) -> None:
        """Every event is through; the hook ``stop`` may be to come."""
        if self._life is not None:
            self._life.end()
        else:
            self._ended()

    def _ended(self) -> None:
        """Everything has ended."""
        if self._desk is not None:
            self._desk.close()
        if self._post is not None:
            self._post.house.forget(self)

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
        self._on_hold = True
        if self._desk is not None:
            self._desk.hold()

    @abstractmethod
    def release_parts(self) -> None:
        """For the toolkit: go on."""
        self._on_hold = False
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
            if self._on_hold:
                self._desk.hold()
        return self._desk

    def _overrides(self, hook: str) -> bool:
        return getattr(type(self), hook) is not getattr(Stage, hook)

    def _edge_hooks(self, other: Side) -> InletHooks:
        """What of the hooks for subscriptions the class defines."""
        subscribed = (lambda edge: self.handle_subscribe(other, edge)) if self._overrides("handle_subscribe") else None
        cancelled = (lambda edge: self.handle_cancel(other, edge)) if self._overrides("handle_cancel") else None
        return subscribed, cancelled
