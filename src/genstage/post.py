"""What a stage gets from its pipeline when it starts."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from inspect import iscoroutine
from typing import Any, Protocol

from genstage.outlet import Outlet
from genstage.subscription import Downstream, Subscription
from genstage.supervision import Warden
from genstage.terms import Terms
from genstage.turns import Turns

__all__ = ["House", "Load", "Post", "Watching"]


class Load(Protocol):
    """What the taking side of a stage has in hand."""

    @property
    def waiting(self) -> int:
        """Events that were delivered and not yet begun."""
        ...

    @property
    def in_flight(self) -> int:
        """Events that are inside the handler."""
        ...

    @property
    def busy(self) -> int:
        """Handler calls that run."""
        ...


class Watching(Protocol):
    """Tells the pipeline's listener of one stage: see `genstage.watch`, which is loaded only if there is a listener."""

    waited: float
    took: float

    def started(self, workers: int) -> None:
        """The stage has been started."""
        ...

    def restarted(self, error: BaseException, restarts: int) -> None:
        """It goes on after a failure."""
        ...

    def ended(self, handled: int, emitted: int, discarded: int) -> None:
        """It has ended."""
        ...

    def connect(self, outlet: Outlet, downstream: Downstream, terms: Terms) -> Subscription:
        """Makes a subscription of the stage."""
        ...

    def discarding(self, discarded: Callable[[Hashable, list[Any]], None]) -> Callable[[Hashable, list[Any]], None]:
        """Stands before the hook for discarded events."""
        ...

    def producing(self, handle: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Stands before ``handle_demand``."""
        ...

    def handling(self, load: Load, handle: Callable[[Any], Any], *, single: bool) -> Callable[[Any], Any]:
        """Stands before a handler of events."""
        ...


class House(Protocol):
    """The pipeline, as its stages see it."""

    def spawn(self, post: Post, work: Coroutine[Any, Any, None], context: contextvars.Context | None = None) -> asyncio.Task[None] | None:
        """Makes a supervised task."""
        ...

    def forget(self, stage: Any) -> None:
        """A stage has ended."""
        ...


@dataclass(frozen=True, slots=True)
class Post:
    """What a stage gets from its pipeline when it starts.

    Attributes:
        name: Unique within the pipeline.
        house: The pipeline.
        turns: Where synchronous work waits for its turn.
        context: In which synchronous handlers run; that of whoever started the stage.
        warden: Decides whether a failure is the end.
        timeout: Seconds that one handler call may take; None: any time.
        watch: Tells the listener; None: there is none.
    """

    name: str
    house: House
    turns: Turns
    context: contextvars.Context
    warden: Warden
    timeout: float | None = None
    watch: Watching | None = None

    def spawn(
        self, work: Coroutine[Any, Any, None], begun: Any = None, context: contextvars.Context | None = None
    ) -> asyncio.Task[None] | None:
        """Makes a supervised task of a coroutine; None when the pipeline is breaking off and nothing new may begin.

        Args:
            work: The coroutine.
            begun: What it is going to await, if a handler has returned that already: it is closed if it comes to nothing.
            context: In which it runs; a copy of the stage's if not given.
        """
        task = self.house.spawn(self, work, context)
        if iscoroutine(begun):
            if task is None:
                begun.close()
            else:
                task.add_done_callback(lambda _: begun.close())
        return task
