"""What happens to events inside one stage of a flow: lists in, lists out. Pure: the time is told, nothing waits.

A `Chain` runs several steps as one, so that a row of ``map`` and ``filter`` costs one stage and one pass over each list.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

__all__ = ["Chain", "EmitAndReduce", "Filter", "FlatMap", "Map", "MapBatch", "Step", "Take", "Uniq"]


class Step:
    """One operation on lists of events. A new one is made for every stage, so it may keep what it has seen."""

    due: float | None = None
    """When it wants `expire` to be called; None: not by time."""
    satisfied = False
    """It needs no event any more."""

    def apply(self, events: list[Any], now: float) -> list[Any]:
        """Some events in, in their order; what comes out of them now.

        Args:
            events: At least one.
            now: Seconds on the clock of `due`.
        """
        raise NotImplementedError

    def expire(self, now: float) -> list[Any]:  # noqa: ARG002 - for those that have a `due`
        """The time of `due` has come: what comes out because of it."""
        return []

    def end(self) -> list[Any]:
        """There are no more events: what is left."""
        return []


class Map(Step):
    """One for one."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def apply(self, events: list[Any], now: float) -> list[Any]:  # noqa: ARG002 - the port's signature
        """The function of each."""
        function = self._function
        return [function(event) for event in events]


class Filter(Step):
    """Those that are wanted."""

    def __init__(self, predicate: Callable[[Any], object]) -> None:
        self._predicate = predicate

    def apply(self, events: list[Any], now: float) -> list[Any]:  # noqa: ARG002 - the port's signature
        """Those for which the predicate is true."""
        predicate = self._predicate
        return [event for event in events if predicate(event)]


class FlatMap(Step):
    """Any number for one."""

    def __init__(self, function: Callable[[Any], Iterable[Any]]) -> None:
        self._function = function

    def apply(self, events: list[Any], now: float) -> list[Any]:  # noqa: ARG002 - the port's signature
        """All that the function gives of each."""
        function = self._function
        return [result for event in events for result in function(event)]


class MapBatch(Step):
    """A list for a list, as they happen to come."""

    def __init__(self, function: Callable[[list[Any]], Iterable[Any]]) -> None:
        self._function = function

    def apply(self, events: list[Any], now: float) -> list[Any]:  # noqa: ARG002 - the port's signature
        """What the function gives for the list."""
        return list(self._function(events))


class Uniq(Step):
    """The first of each kind. It keeps the keys of all that it has seen."""

    def __init__(self, key: Callable[[Any], Hashable]) -> None:
        self._key = key
        self._seen: set[Hashable] = set()

    def apply(self, events: list[Any], now: float) -> list[Any]:  # noqa: ARG002 - the port's signature
        """Those whose key is new."""
        fresh = []
        for event in events:
            key = self._key(event)
            if key not in self._seen:
                self._seen.add(key)
                fresh.append(event)
        return fresh


class Take(Step):
    """The first n."""

    def __init__(self, count: int) -> None:
        self._left = count
        self.satisfied = count == 0

    def apply(self, events: list[Any], now: float) -> list[Any]:  # noqa: ARG002 - the port's signature
        """As many as are still wanted."""
        taken = events[: self._left]
        self._left -= len(taken)
        self.satisfied = self._left == 0
        return taken


class EmitAndReduce(Step):
    """Keeps a state, and may give something for each event.

    Args:
        initial: Makes the first state.
        function: Of the state and an event: what is given, and the new state.
    """

    def __init__(self, initial: Callable[[], Any], function: Callable[[Any, Any], tuple[Iterable[Any], Any]]) -> None:
        self._state = initial()
        self._function = function

    def apply(self, events: list[Any], now: float) -> list[Any]:  # noqa: ARG002 - the port's signature
        """What is given for the events, one after the other."""
        results: list[Any] = []
        for event in events:
            given, self._state = self._function(self._state, event)
            results.extend(given)
        return results


class Chain(Step):
    """Steps one after the other, as one step."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps = tuple(steps)

    @property
    def due(self) -> float | None:  # type: ignore[override]  # computed of those of the steps
        """The first moment that any step waits for."""
        return min((step.due for step in self.steps if step.due is not None), default=None)

    @property
    def satisfied(self) -> bool:  # type: ignore[override]  # computed of those of the steps
        """One step needs nothing more, so the whole chain does not."""
        return any(step.satisfied for step in self.steps)

    def apply(self, events: list[Any], now: float) -> list[Any]:
        """What comes out at the end."""
        return self._pass_on(0, events, now)

    def expire(self, now: float) -> list[Any]:
        """What comes out because of the time: of the first steps first."""
        results: list[Any] = []
        for place, step in enumerate(self.steps):
            if step.due is not None and step.due <= now:
                results += self._pass_on(place + 1, step.expire(now), now)
        return results

    def end(self) -> list[Any]:
        """What is left in each step, passed through those behind it."""
        results: list[Any] = []
        for place, step in enumerate(self.steps):
            results += self._pass_on(place + 1, step.end(), 0.0)  # the time means nothing: those behind end now as well
        return results

    def _pass_on(self, place: int, events: list[Any], now: float) -> list[Any]:
        for step in self.steps[place:]:
            if not events:
                return events
            events = step.apply(events, now)
        return events
