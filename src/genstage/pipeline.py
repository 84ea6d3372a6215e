"""The pipeline: starts and stops stages, supervises their tasks, ends when they have ended, drains in a written order."""

from __future__ import annotations

import asyncio
import contextvars
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from genstage.clock import Clock, SystemClock
from genstage.errors import HandlerCancelledError, StateError, SubscriptionError
from genstage.post import Post, Watching
from genstage.stage import Demand, Giving, Producer, Stage, Taking
from genstage.stats import Stats, diagram_of, stats_of, totals_of
from genstage.streams import Stream
from genstage.subscription import TermOptions, Terms
from genstage.supervision import THREE_IN_FIVE, Restarts, Warden
from genstage.turns import Turns

__all__ = ["Pipeline"]

S = TypeVar("S", bound=Stage)


class Pipeline:
    """Stages that belong together, as a context: ``async with Pipeline() as pipeline: …``.

    Leaving the block waits until every stream has ended and every consumer has finished. A stage whose handler fails is restarted, by
    default three times in five seconds at most; one failure more stops everything, and the exception comes out of the block as it is;
    several at once come out as an `ExceptionGroup`. Cancelling the block stops everything, producers first.

    Args:
        clock: Tells the time of `stats`. Waiting is done on the running event loop.
        restarts: How often each stage may fail and go on, if it is not told otherwise when it is started. ``Restarts(0)``: never, the
            first exception of a handler stops everything.
        demand: What its producers begin with, if their class does not say: see `Producer.demand`.
        listener: Is told what happens, event by event: see `genstage.telemetry`. Without one nothing is made for it.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        restarts: Restarts = THREE_IN_FIVE,
        demand: Demand = "forward",
        listener: Callable[[Any], None] | None = None,
    ) -> None:
        self._clock = SystemClock() if clock is None else clock
        self._restarts = restarts
        self._demand: Demand = demand
        self._listener = listener
        self._turns = Turns()
        self._stages: dict[Stage, Post] = {}
        self._names: Counter[str] = Counter()
        self._group = asyncio.TaskGroup()
        self._empty: asyncio.Future[None] | None = None
        self._open = False
        self._broken = False
        self._leaving = False
        self._draining = False
        self._condemned: BaseException | None = None

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self._open = True
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        failure: BaseException | None = None
        try:
            if error is None:
                try:
                    self._finish()
                    await self._wait_until_empty()
                    while self._turns.running and not self._broken:  # noqa: ASYNC110 - the last casts and messages; nobody would set an event
                        await asyncio.sleep(0)
                except asyncio.CancelledError as cancelled:
                    error = cancelled
            if error is not None:
                self._break_off()
                self._close_producers()
            await self._group.__aexit__(None if error is None else type(error), error, trace)
        except BaseExceptionGroup as failures:
            failure = failures.exceptions[0] if len(failures.exceptions) == 1 else failures
        finally:
            self._open = False
            self._release()
        if failure is not None and failure is not error:
            raise failure

    def start(  # noqa: PLR0913 - what one says of a stage, by name
        self,
        stage: S,
        *,
        subscribe_to: Giving | Sequence[Giving] = (),
        workers: int | None = None,
        name: str | None = None,
        timeout: float | None = None,
        restarts: Restarts | None = None,
        **terms: Unpack[TermOptions],
    ) -> S:
        """Starts a stage; at any time, also from handlers.

        Args:
            stage: A new instance, which the pipeline uses from now on.
            subscribe_to: What to subscribe it to at once, one stage or several; `Taking.subscribe` does it later and more than once.
            workers: How many handler calls may run at once; 1 if not given.
            name: For stats and errors, best a unique one; the class's name with a number if not given.
            timeout: Seconds that one handler call of a consumer may take; then it is cancelled and has failed with a `TimeoutError`.
                A synchronous handler cannot be interrupted.
            restarts: How often a handler may fail and the stage go on; as the pipeline says if not given.
            terms: Of the subscriptions: ``key``, ``max_demand``, ``min_demand``, ``cancel``, ``demand``, …; see `Terms`.

        Returns:
            The stage.

        Raises:
            DefinitionError: The stage's class cannot work.
            SubscriptionError: The terms cannot work.
            StateError: The pipeline is not open, or the stage was started before.
        """
        if not self._open or self._broken:
            raise StateError("the pipeline is not open; start stages inside its `async with` block")
        upstream = (subscribe_to,) if isinstance(subscribe_to, Giving) else subscribe_to
        if (workers is not None or upstream or timeout is not None) and not isinstance(stage, Taking):
            raise StateError(f"{stage.name} only gives; workers, timeout and subscribe_to are for consumers")
        if terms and not upstream:
            raise SubscriptionError(f"{', '.join(terms)} say how to subscribe; say to whom with subscribe_to=…")
        post = self._post_for(stage, name, timeout, self._restarts if restarts is None else restarts)
        self._admit(stage, post, workers)
        try:
            if isinstance(stage, Taking):
                if workers is not None:
                    stage.workers = workers
                for producer in upstream:
                    stage.subscribe(producer, **terms)
        except (StateError, SubscriptionError):
            stage.halt()
            self.forget(stage)
            raise
        if isinstance(stage, Producer) and self._demand == "accumulate":
            stage.accumulate_by_default()
        if self._leaving:
            self._start_late(stage)
        stage.begin()
        return stage

    async def stop(self, stage: Stage) -> list[Any]:
        """Takes one stage away while the others run: ends its subscriptions, lets running handlers end.

        A running ``handle_demand`` is cancelled (it holds no events). A stage that has already ended is no error.

        Returns:
            The events which it was given and never began (of a producer: which it holds and nobody asked for), in their order.

        Raises:
            StateError: Called by a handler of the stage, which would wait for itself.
        """
        if stage not in self._stages:
            return []
        self._refuse_own(stage, "stop")
        rest = stage.halt()
        await stage.gone()
        return rest

    async def drain(self, deadline: float = 20.0) -> bool:
        """Stops everything in a written order.

        1. No new demand: every producer's stream ends here (a waiting ``handle_demand`` is cancelled), and what was read for manual
           demand and not begun is forgotten. A stage that is started from now on drains as well.
        2. Down the pipeline everybody finishes what waits and what runs.
        3. After the deadline running handlers are cancelled, and what waits is forgotten.

        Args:
            deadline: In seconds.

        Returns:
            Whether everything was finished; False if handlers had to be cancelled or events forgotten at the deadline.

        Raises:
            StateError: Called by a handler, which would wait for itself.
        """
        for stage in self._stages:
            self._refuse_own(stage, "drain")
        self._finish()
        self._draining = True
        for stage in list(self._stages):
            stage.drain()
        with suppress(TimeoutError):
            async with asyncio.timeout(deadline):
                await self._wait_until_empty()
                return True
        for stage in list(self._stages):
            stage.abort()
        await self._wait_until_empty()
        return False

    def stream(self, *sources: Giving, **terms: Unpack[TermOptions]) -> AsyncGenerator[Any, None]:
        """The events of stages as an async iterator: ``async for event in pipeline.stream(stage, max_demand=100): …``.

        It asks when it is iterated, no faster than the loop's body works, and ends when the streams have ended. Leaving the loop early
        cancels the subscriptions; what was delivered and not yet seen is given up.

        Args:
            sources: Stages that give; they must have been started.
            terms: Of each subscription; see `Terms`.

        Raises:
            SubscriptionError: The terms cannot work, or there is no source.
        """
        if not sources:
            raise SubscriptionError("stream() needs at least one stage that gives")
        Terms(**terms)
        return self._stream(sources, terms)

    async def _stream(self, sources: tuple[Giving, ...], terms: TermOptions) -> AsyncGenerator[Any, None]:
        stream = self.start(Stream())
        try:
            for source in sources:
                stream.subscribe(source, **terms)
            stream.end_when_alone()
            while (events := await stream.take()) is not None:
                for event in events:
                    yield event
        finally:
            stream.release()
            await self.stop(stream)

    @property
    def demand(self) -> Demand:
        """What producers begin with; setting it sets all producers: start everything while demand accumulates, then forward it."""
        return self._demand

    @demand.setter
    def demand(self, demand: Demand) -> None:
        self._demand = demand
        for stage in list(self._stages):
            if isinstance(stage, Producer):
                stage.demand = demand

    def stats(self) -> Stats:
        """What every stage holds and every subscription waits for, now."""
        return stats_of(self._stages, self._clock.time())

    def diagram(self) -> str:
        """The same as a Mermaid flowchart."""
        return diagram_of(self.stats())

    def _admit(self, stage: Stage, post: Post, workers: int | None) -> None:
        stage.attach(post)
        self._stages[stage] = post
        if post.watch is not None:
            post.watch.started(workers or (1 if isinstance(stage, Taking) else 0))

    def _start_late(self, stage: Stage) -> None:
        if not isinstance(stage, Taking):
            if self._draining:
                stage.drain()
        else:  # whoever starts a consumer may still subscribe it before giving way
            asyncio.get_running_loop().call_soon(stage.drain if self._draining else stage.end_when_alone)

    def _post_for(self, stage: Stage, name: str | None, timeout: float | None, restarts: Restarts) -> Post:
        name = name or self._name_for(stage)
        warden = Warden(name, restarts, self)
        watch = None if self._listener is None else self._watch_for(name, warden, self._listener)
        return Post(name, self, self._turns, contextvars.copy_context(), warden, timeout, watch)

    def _watch_for(self, name: str, warden: Warden, listener: Callable[[Any], None]) -> Watching:
        from genstage.watch import Watch  # noqa: PLC0415 - most pipelines have no listener, and loading all the events takes its time

        watch = Watch(name, listener, self._clock.time, self._condemn)
        warden.on_restart(lambda error: watch.restarted(error, warden.restarts))
        return watch

    def spawn(self, post: Post, work: Coroutine[Any, Any, None], context: contextvars.Context | None = None) -> asyncio.Task[None] | None:
        """For stages: makes a supervised task."""
        if self._broken:
            work.close()
            return None
        context = post.context.copy() if context is None else context
        task = self._group.create_task(self._supervised(post.name, work), name=post.name, context=context)
        task.add_done_callback(lambda _: work.close())  # in case it was cancelled before it began
        return task

    def _name_for(self, stage: Stage) -> str:
        kind = type(stage).__name__
        self._names[kind] += 1
        return kind if self._names[kind] == 1 else f"{kind} {self._names[kind]}"

    def _refuse_own(self, stage: Stage, verb: str) -> None:
        if stage.runs_in(asyncio.current_task()):
            raise StateError(
                f"a handler of {stage.name} called {verb}(), which would wait for that very handler; call it from another task"
            )

    def _finish(self) -> None:
        """From now on stages end when nobody can bring them anything more."""
        self._leaving = True
        for stage in list(self._stages):
            stage.end_when_alone()

    def forget(self, stage: Stage) -> None:
        """For stages: one has ended."""
        post = self._stages.pop(stage, None)
        if post is not None and post.watch is not None:
            post.watch.ended(*totals_of(stage))
        if not self._stages and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)

    async def _wait_until_empty(self) -> None:
        while self._stages:
            if self._empty is None or self._empty.done():
                self._empty = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._empty)

    def _close_producers(self) -> None:
        for stage in list(self._stages):
            if not isinstance(stage, Taking):
                stage.drain()

    def _release(self) -> None:
        """Nothing runs any more: whoever still waits in `stop` or `drain` need not."""
        for stage in list(self._stages):
            stage.abort()
            self.forget(stage)

    async def _supervised(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Runs a stage's work, and lets no failure pass for a cancellation.

        A task group takes a task that ended by `asyncio.CancelledError` for one that was cancelled. If nobody cancelled it, a handler
        awaited something that was cancelled elsewhere: an event is lost, and that must not go unnoticed.
        """
        try:
            await work
        except asyncio.CancelledError as stray:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._break_off()
            raise HandlerCancelledError(
                f"a handler of {name} ended by a CancelledError although nobody cancelled it: it awaited something that was "
                "cancelled elsewhere; catch that where you await it"
            ) from stray
        except BaseException:
            self._break_off()  # the group stops everything now; nothing new may begin meanwhile
            raise

    def _break_off(self) -> None:
        """From now on nothing new begins."""
        self._broken = True
        self._turns.stop()

    def give_up(self, error: BaseException) -> None:
        """For stages: something failed outside of any task; it surfaces as if it had failed in one."""
        self._break_off()
        if self._open:
            self._group.create_task(_fail(error))

    def condemns(self, error: BaseException) -> bool:
        """For stages: whether an exception is the end in whatever stage it shows."""
        return error is self._condemned

    def _condemn(self, error: BaseException) -> None:
        """The listener has raised."""
        self._condemned = error


async def _fail(error: BaseException) -> None:
    if isinstance(error, asyncio.CancelledError):  # a group would take it for the cancellation of this task
        raise HandlerCancelledError(
            "a synchronous handler raised a CancelledError although nobody cancelled it: it asked something that was cancelled elsewhere"
        ) from error
    raise error
