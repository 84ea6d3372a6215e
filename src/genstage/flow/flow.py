"""`Flow`: a description of what happens to events; nothing runs until it is run."""

from __future__ import annotations

import heapq
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from genstage.errors import DefinitionError
from genstage.flow import running
from genstage.flow.plan import Plan
from genstage.flow.steps import EmitAndReduce, Filter, FlatMap, Map, MapBatch, Take, Uniq
from genstage.flow.windows import Gather, Gathering, Groups, Lists, Reduction, Window
from genstage.pipeline import Pipeline
from genstage.stage import Giving, Producer, ProducerConsumer
from genstage.streams import from_iterable
from genstage.supervision import NO_RESTARTS

__all__ = ["Flow", "Windowed"]

T = TypeVar("T")
U = TypeVar("U")
A = TypeVar("A")
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Flow(Generic[T]):
    """What happens to events, from a source through operators; every operator returns a new flow.

    ``Flow.from_iterable(paths).map_async(read, concurrency=32).partition(customer, stages=4).window(count=100).reduce(list, add)``

    It is run by ``async for``, `run`, `to_list`, or `start` in a pipeline of one's own; each run makes its own stages. Demand goes
    through all of them, so nothing is read that is not wanted at the end. An error of a function or a source ends the run and comes
    out of it. Leaving a loop early cancels everything.
    """

    source: Callable[[Pipeline], list[Giving]]
    """Starts, or names, the stages that the flow begins with."""
    operators: tuple[Callable[[Plan], None], ...] = ()
    """What each operator adds to a plan."""
    max_demand: int = 1000
    """Of the subscriptions between stages that handle lists."""

    @staticmethod
    def from_iterable(source: Iterable[T] | AsyncIterable[T], *, max_demand: int = 1000) -> Flow[T]:
        """What an iterable or async iterable gives. An iterator is used up by the first run; a list can be run again."""
        return Flow(lambda pipeline: [pipeline.start(from_iterable(source), restarts=NO_RESTARTS)], (), max_demand)

    @staticmethod
    def from_producer(make: Callable[[], Producer[T]], *, max_demand: int = 1000) -> Flow[T]:
        """What a producer gives; each run makes one."""
        return Flow(lambda pipeline: [pipeline.start(make(), restarts=NO_RESTARTS)], (), max_demand)

    @staticmethod
    def from_stages(*stages: Giving, max_demand: int = 1000) -> Flow[Any]:
        """What stages give that run already, in this or another pipeline of the same event loop."""
        return Flow(lambda _: list(stages), (), max_demand)

    @staticmethod
    def merge(*flows: Flow[T], max_demand: int = 1000) -> Flow[T]:
        """The events of several flows, as they come."""
        return Flow(lambda pipeline: [stage for flow in flows for stage in flow.start(pipeline)], (), max_demand)

    # One event at a time

    def map(self, function: Callable[[T], U]) -> Flow[U]:
        """The function of each event."""
        return self._then(lambda plan: plan.step(lambda: Map(function)))

    def filter(self, predicate: Callable[[T], object]) -> Flow[T]:
        """The events for which the predicate is true."""
        return self._then(lambda plan: plan.step(lambda: Filter(predicate)))

    def flat_map(self, function: Callable[[T], Iterable[U]]) -> Flow[U]:
        """All that the function gives of each event."""
        return self._then(lambda plan: plan.step(lambda: FlatMap(function)))

    def map_batch(self, function: Callable[[list[T]], Iterable[U]]) -> Flow[U]:
        """The function of lists of events, as they happen to come: at most half of ``max_demand``."""
        return self._then(lambda plan: plan.step(lambda: MapBatch(function)))

    def map_async(self, function: Callable[[T], Awaitable[U]], *, concurrency: int = 10, ordered: bool = True) -> Flow[U]:
        """An asynchronous function of each event, at most so many at once (in each partition).

        Args:
            function: What to await.
            concurrency: How many calls may run at once.
            ordered: Results come in the order of the events, so a slow call holds up those behind it, of which at most
                ``concurrency`` are held; otherwise as they are ready.
        """
        _at_least_one("concurrency", concurrency)
        return self._then(lambda plan: plan.call(function, concurrency, ordered=ordered))

    def uniq(self, by: Callable[[T], Hashable] = lambda event: event) -> Flow[T]:
        """The first event of each kind (in each partition). It keeps the key of every event that it has seen."""
        return self._then(lambda plan: plan.step(lambda: Uniq(by)))

    def emit_and_reduce(self, initial: Callable[[], A], function: Callable[[A, T], tuple[Iterable[U], A]]) -> Flow[U]:
        """A state per partition: the function gives of the state and an event what goes on, and the new state."""
        return self._then(lambda plan: plan.step(lambda: EmitAndReduce(initial, function)))

    def scan(self, initial: Callable[[], A], function: Callable[[A, T], A]) -> Flow[A]:
        """As `reduce`, but every value on the way is given."""

        def step(value: A, event: T) -> tuple[list[A], A]:
            value = function(value, event)
            return [value], value

        return self.emit_and_reduce(initial, step)

    def take(self, count: int) -> Flow[T]:
        """The first so many events of all partitions; then the flow ends, and what it has asked for is cancelled."""
        if count < 0:
            raise DefinitionError(f"cannot take {count} events; give 0 or more")
        return self._then(Plan.join, lambda plan: plan.step(lambda: Take(count)))

    def throttle(self, rate: float, *, burst: int = 1) -> Flow[T]:
        """At most so many events a second (in each partition), in lists of at most ``burst``."""
        if rate <= 0:
            raise DefinitionError(f"the rate is {rate}; give more than 0 events a second")
        _at_least_one("burst", burst)
        return self._then(lambda plan: plan.throttle(rate, burst))

    # Branches

    def partition(self, by: Callable[[T], Hashable], *, stages: int = 4) -> Flow[T]:
        """From here on so many branches; events of the same key go to the same one, in order, and all that follows is done in each."""
        _at_least_one("stages", stages)
        return self._then(lambda plan: plan.partition(by, stages))

    def departition(self) -> Flow[T]:
        """From here on one branch, which gets the events of all as they come."""
        return self._then(Plan.join)

    def through(self, make: Callable[[], ProducerConsumer[T, U]], *, workers: int = 1) -> Flow[U]:
        """A stage of one's own; each run makes one (a partition)."""
        return self._then(lambda plan: plan.through(make, workers))

    # Gathering

    def window(self, *, count: int | None = None, seconds: float | None = None) -> Windowed[T]:
        """Gathers until there are so many events, or so long after the first of them: whatever comes first, and at the end always."""
        window = Window(count, seconds)
        if window.endless:
            raise DefinitionError("a window needs a count, seconds, or both; without a window everything is gathered until the end")
        return Windowed(self, window)

    def batch(self, count: int | None = None, *, seconds: float | None = None) -> Flow[list[T]]:
        """Lists of so many events, or of what has come so many seconds after the first of them."""
        return self.window(count=count, seconds=seconds).to_lists()

    def reduce(self, initial: Callable[[], A], function: Callable[[A, T], A]) -> Flow[A]:
        """One value (a partition), at the end; of no events the initial one."""
        return Windowed(self, Window()).reduce(initial, function)

    def reduce_by(self, key: Callable[[T], K], initial: Callable[[], A], function: Callable[[A, T], A]) -> Flow[tuple[K, A]]:
        """One value a key, as pairs at the end. Partition by the same key before, or each partition gives its own."""
        return Windowed(self, Window()).reduce_by(key, initial, function)

    def group_by(self, key: Callable[[T], K]) -> Flow[tuple[K, list[T]]]:
        """The events of each key, as pairs at the end. Partition by the same key before, or each partition gives its own."""
        return Windowed(self, Window()).group_by(key)

    def take_sort(self, count: int, *, key: Callable[[T], Any] | None = None, reverse: bool = False) -> Flow[T]:
        """The so many smallest (or greatest) events of all partitions, in order, at the end."""
        pick: Callable[..., list[T]] = heapq.nlargest if reverse else heapq.nsmallest

        def best(events: list[T]) -> list[T]:
            return pick(count, events, key=key)

        def gather(kept: list[T], event: T) -> list[T]:
            kept.append(event)
            return best(kept) if len(kept) > 2 * count + 100 else kept  # sorted rarely, and never much more than wanted

        return self.departition().reduce(list, gather).flat_map(best)

    # Running

    def start(self, pipeline: Pipeline) -> list[Giving]:
        """Starts the flow's stages in a pipeline; whoever wants its events subscribes to each of the stages that it returns."""
        plan = Plan(pipeline, self.source(pipeline), self.max_demand)
        for operator in self.operators:
            operator(plan)
        return plan.finish()

    async def run(self) -> int:
        """Runs the flow to its end and returns how many events came out, which are not kept."""
        count = 0
        async for events in running.batches(self.start, self.max_demand):
            count += len(events)
        return count

    async def to_list(self) -> list[T]:
        """Runs the flow to its end and returns all events that came out."""
        return [event async for event in self]

    async def __aiter__(self) -> AsyncGenerator[T, None]:
        """Runs the flow; the events as they come out. Leaving the loop cancels the run."""
        batches = running.batches(self.start, self.max_demand)
        try:
            async for events in batches:
                for event in events:
                    yield event
        finally:
            await batches.aclose()

    def _then(self, *operators: Callable[[Plan], None]) -> Flow[Any]:
        return replace(self, operators=(*self.operators, *operators))


@dataclass(frozen=True, slots=True)
class Windowed(Generic[T]):
    """A flow with a window, which waits to be told into what events are gathered."""

    flow: Flow[T]
    window: Window

    def reduce(self, initial: Callable[[], A], function: Callable[[A, T], A]) -> Flow[A]:
        """One value a window (and partition).

        Args:
            initial: Makes the value that a window begins with.
            function: Of the value so far and an event: the next value.
        """
        return self._gather(lambda: Reduction(initial, function))

    def reduce_by(self, key: Callable[[T], K], initial: Callable[[], A], function: Callable[[A, T], A]) -> Flow[tuple[K, A]]:
        """One value a key and window, as pairs."""
        return self._gather(lambda: Groups(key, initial, function))

    def group_by(self, key: Callable[[T], K]) -> Flow[tuple[K, list[T]]]:
        """The events of each key and window, as pairs."""

        def append(events: list[T], event: T) -> list[T]:
            events.append(event)
            return events

        return self.reduce_by(key, list, append)

    def to_lists(self) -> Flow[list[T]]:
        """The events of each window as a list."""
        return self._gather(Lists)

    def _gather(self, make: Callable[[], Gathering]) -> Flow[Any]:
        window = self.window
        return self.flow._then(lambda plan: plan.step(lambda: Gather(make(), window), timed=window.seconds is not None))  # noqa: SLF001 - one half of the flow


def _at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise DefinitionError(f"{name} is {value}; give at least 1")
