"""Stands between the parts of a stage and tells a listener what passes. Made only for pipelines that have a listener."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from inspect import isawaitable, iscoroutinefunction
from typing import Any

from genstage.outlet import Outlet
from genstage.post import Load
from genstage.subscription import Downstream, Subscription
from genstage.telemetry import (
    Asked,
    Delivered,
    Discarded,
    Failed,
    Handled,
    Listener,
    Produced,
    Retracted,
    StageEnded,
    StageRestarted,
    StageStarted,
    Subscribed,
    TelemetryEvent,
    Unsubscribed,
)
from genstage.terms import Terms

__all__ = ["Watch"]


class Watch:
    """Watches one stage.

    Args:
        name: The stage.
        listener: Is told.
        time: Seconds of the pipeline's clock.
        condemn: Gets what the listener raises: that is no failure of the stage in whose midst it shows.
    """

    def __init__(self, name: str, listener: Listener, time: Callable[[], float], condemn: Callable[[BaseException], None]) -> None:
        self.name = name
        self.waited = 0.0
        """Seconds from delivery to handling, summed over the events of all handler calls."""
        self.took = 0.0
        """Seconds inside handlers, summed over all their calls."""
        self._listener = listener
        self._time = time
        self._condemn = condemn
        self._arrivals: deque[tuple[float, int]] = deque()  # when so many events came
        self._arrived = 0  # the sum of their counts

    def _tell(self, event: TelemetryEvent) -> None:
        try:
            self._listener(event)
        except BaseException as error:
            self._condemn(error)
            raise

    def started(self, workers: int) -> None:
        """The stage has been started."""
        self._tell(StageStarted(self._time(), self.name, workers))

    def restarted(self, error: BaseException, restarts: int) -> None:
        """The stage goes on after a failure."""
        self._tell(StageRestarted(self._time(), self.name, error, restarts))

    def ended(self, handled: int, emitted: int, discarded: int) -> None:
        """The stage has ended."""
        self._tell(StageEnded(self._time(), self.name, handled, emitted, discarded))

    def connect(self, outlet: Outlet, downstream: Downstream, terms: Terms) -> Subscription:
        """A subscription of this stage, watched from both of its ends."""
        return Subscription(_Upstream(self, outlet), _Downstream(self, outlet, downstream), terms)

    def discarding(self, discarded: Callable[[Hashable, list[Any]], None]) -> Callable[[Hashable, list[Any]], None]:
        """The hook for discarded events, watched."""

        def tell(key: Hashable, events: list[Any]) -> None:
            self._tell(Discarded(self._time(), self.name, key, len(events)))
            discarded(key, events)

        return tell

    def producing(self, handle: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """A ``handle_demand``, watched."""

        def tell(demand: Any, answer: Any, began: float) -> Any:
            now = self._time()
            self.took += now - began
            self._tell(Produced(now, self.name, _count(demand), _count(answer), now - began))
            return answer

        async def finish(demand: Any, answer: Any, began: float) -> Any:
            return tell(demand, await answer, began)

        def watched(demand: Any) -> Any:
            began = self._time()
            answer = handle(demand)
            return finish(demand, answer, began) if _waits(answer) else tell(demand, answer, began)

        async def watched_async(demand: Any) -> Any:
            began = self._time()
            return tell(demand, await handle(demand), began)

        return watched_async if iscoroutinefunction(handle) else watched

    def handling(self, load: Load, handle: Callable[[Any], Any], *, single: bool) -> Callable[[Any], Any]:
        """A handler of events, watched.

        Args:
            load: What the stage has in hand.
            handle: The handler.
            single: It gets one event a call, and no list.
        """

        async def finish(result: Any, count: int, waited: float, began: float) -> Any:
            try:
                result = await result
            except BaseException as error:
                self._failed(error, count, waited, began)
                raise
            self._handled(load, count, waited, began)
            return result

        def watched(payload: Any) -> Any:
            count = 1 if single else len(payload)
            began, waited = self._begin(load, count)
            try:
                result = handle(payload)
            except BaseException as error:
                self._failed(error, count, waited, began)
                raise
            if _waits(result):
                return finish(result, count, waited, began)
            self._handled(load, count, waited, began)
            return result

        async def watched_async(payload: Any) -> Any:
            count = 1 if single else len(payload)
            began, waited = self._begin(load, count)
            return await finish(handle(payload), count, waited, began)

        return watched_async if iscoroutinefunction(handle) else watched

    def arrived(self, count: int) -> None:
        """So many events were delivered to the stage."""
        self._arrivals.append((self._time(), count))
        self._arrived += count

    def edge(self, kind: Callable[..., Any], outlet: Outlet, edge: Subscription, outstanding: int, *more: Any) -> None:
        """Something happened on one of its subscriptions."""
        self._tell(kind(self._time(), outlet.name, self.name, edge.key, outstanding, *more))

    def _begin(self, load: Load, count: int) -> tuple[float, float]:
        """A call begins: the time, and how long the first of its events has waited."""
        now = self._time()
        gone = self._arrived - load.waiting - count  # taken out again without having been handled
        first = now
        while self._arrivals and (gone > 0 or count > 0):
            came, many = self._arrivals.popleft()
            self._arrived -= many
            skipped = min(many, max(gone, 0))
            taken = min(many - skipped, count)
            gone -= skipped
            count -= taken
            first = min(first, came) if taken else first
            self.waited += taken * (now - came)
            if many > skipped + taken:
                self._arrivals.appendleft((came, many - skipped - taken))
                self._arrived += many - skipped - taken
        return now, now - first

    def _handled(self, load: Load, count: int, waited: float, began: float) -> None:
        now = self._time()
        self.took += now - began
        self._tell(Handled(now, self.name, count, waited, now - began, load.waiting, load.in_flight, load.busy))

    def _failed(self, error: BaseException, count: int, waited: float, began: float) -> None:
        task = asyncio.current_task()
        if not (isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling()):
            now = self._time()
            self.took += now - began
            self._tell(Failed(now, self.name, error, count, waited, now - began))


class _Upstream:
    """The giving end of a subscription, watched."""

    def __init__(self, watch: Watch, outlet: Outlet) -> None:
        self.name = outlet.name
        self._watch = watch
        self._outlet = outlet

    def subscribe(self, edge: Subscription) -> None:
        """Tells of a subscription that has opened."""
        self._outlet.subscribe(edge)
        self._watch.edge(Subscribed, self._outlet, edge, edge.outstanding, 0 if edge.manual else edge.max_demand)

    def ask(self, edge: Subscription, count: int) -> None:
        """Tells first: what is asked may be delivered at once."""
        self._watch.edge(Asked, self._outlet, edge, edge.outstanding + count, count)
        self._outlet.ask(edge, count)

    def retract(self, edge: Subscription, count: int) -> int:
        """Tells what was really taken back."""
        taken = self._outlet.retract(edge, count)
        if taken:
            self._watch.edge(Retracted, self._outlet, edge, edge.outstanding, taken)
        return taken

    def cancel(self, edge: Subscription) -> None:
        """The other end tells of it."""
        self._outlet.cancel(edge)

    def take_back(self, edge: Subscription, events: list[Any]) -> bool:
        """Nothing to tell: the restart was told, and they will be delivered again."""
        return self._outlet.take_back(edge, events)


class _Downstream:
    """The taking end of a subscription, watched."""

    def __init__(self, watch: Watch, outlet: Outlet, downstream: Downstream) -> None:
        self.name = downstream.name
        self._watch = watch
        self._outlet = outlet
        self._downstream = downstream

    def deliver(self, edge: Subscription, events: list[Any]) -> None:
        """Tells first: what is delivered may be handled at once."""
        self._watch.arrived(len(events))
        self._watch.edge(Delivered, self._outlet, edge, edge.outstanding, len(events), self._outlet.buffered)
        self._downstream.deliver(edge, events)

    def opened(self, edge: Subscription) -> None:
        """The other end tells of it."""
        self._downstream.opened(edge)

    def interrupted(self, edge: Subscription) -> None:
        """Tells of it."""
        self._watch.edge(Unsubscribed, self._outlet, edge, edge.outstanding, edge.reason)
        self._downstream.interrupted(edge)

    def lost(self, edge: Subscription) -> None:
        """Tells of it."""
        self._watch.edge(Unsubscribed, self._outlet, edge, edge.outstanding, edge.reason)
        self._downstream.lost(edge)


def _waits(result: Any) -> bool:
    return result is not None and type(result) is not list and isawaitable(result)


def _count(events: Any) -> int:
    """How many events a list, a mapping of lists or of numbers stands for."""
    if isinstance(events, int):
        return events
    if isinstance(events, Mapping):
        return sum(_count(some) for some in events.values())
    return len(events) if events is not None else 0
