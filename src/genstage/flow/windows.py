"""Gathering events: into what (a value, groups, a list), and until when (a count, a time, the end). Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from genstage.errors import DefinitionError
from genstage.flow.steps import Step

__all__ = ["Gather", "Gathering", "Groups", "Lists", "Reduction", "Window"]


@dataclass(frozen=True, slots=True)
class Window:
    """Until when events are gathered: until the first of these, and the end of the stream always.

    Attributes:
        count: So many events; None: any number.
        seconds: So long after the first event of the window; None: any time.
    """

    count: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 1:
            raise DefinitionError(f"a window's count is {self.count}; give at least 1")
        if self.seconds is not None and self.seconds <= 0:
            raise DefinitionError(f"a window's seconds are {self.seconds}; give more than 0")

    @property
    def endless(self) -> bool:
        """Only the end of the stream closes it."""
        return self.count is None and self.seconds is None


class Gathering:
    """Into what events are gathered. One object gathers one window at a time."""

    def begin(self) -> None:
        """A window opens."""
        raise NotImplementedError

    def add(self, events: list[Any]) -> None:
        """More events, in their order."""
        raise NotImplementedError

    def results(self) -> list[Any]:
        """The window closes: what it gives."""
        raise NotImplementedError


class Reduction(Gathering):
    """One value a window.

    Args:
        initial: Makes the first value.
        function: Of the value so far and an event: the next value.
    """

    def __init__(self, initial: Callable[[], Any], function: Callable[[Any, Any], Any]) -> None:
        self._initial = initial
        self._function = function

    def begin(self) -> None:
        """Begins with the first value."""
        self._value = self._initial()

    def add(self, events: list[Any]) -> None:
        """Reduces."""
        value, function = self._value, self._function
        for event in events:
            value = function(value, event)
        self._value = value

    def results(self) -> list[Any]:
        """The value."""
        return [self._value]


class Groups(Gathering):
    """One value a key and window, as pairs in the order in which the keys came.

    Args:
        key: Of an event.
        initial: Makes the first value of a key.
        function: Of the value so far and an event: the next value.
    """

    def __init__(self, key: Callable[[Any], Hashable], initial: Callable[[], Any], function: Callable[[Any, Any], Any]) -> None:
        self._key = key
        self._initial = initial
        self._function = function

    def begin(self) -> None:
        """Begins without a key."""
        self._values: dict[Hashable, Any] = {}

    def add(self, events: list[Any]) -> None:
        """Reduces each into the value of its key."""
        for event in events:
            key = self._key(event)
            value = self._values[key] if key in self._values else self._initial()
            self._values[key] = self._function(value, event)

    def results(self) -> list[Any]:
        """The pairs of key and value."""
        return list(self._values.items())


class Lists(Gathering):
    """The events of a window as one list."""

    def begin(self) -> None:
        """Begins with an empty one."""
        self._events: list[Any] = []

    def add(self, events: list[Any]) -> None:
        """Appends."""
        self._events += events

    def results(self) -> list[Any]:
        """The list, unless it is empty."""
        return [self._events] if self._events else []


class Gather(Step):
    """Gathers, window by window.

    A window opens with its first event. One that only the end of the stream closes is open from the beginning, so it gives
    something even if no event ever came: the reduction of nothing is its first value.
    """

    def __init__(self, gathering: Gathering, window: Window) -> None:
        self._gathering = gathering
        self._window = window
        self._open = window.endless
        self._count = 0
        if self._open:
            gathering.begin()

    def apply(self, events: list[Any], now: float) -> list[Any]:
        """Adds events to the open window; gives those of the windows that they fill."""
        results: list[Any] = []
        if self.due is not None and self.due <= now:
            results += self.expire(now)
        start, size = 0, self._window.count or len(events)
        while start < len(events):
            if not self._open:
                self._begin(now)
            part = events[start : start + size - self._count] if self._window.count else events
            start += len(part)
            self._count += len(part)
            self._gathering.add(part)
            if self._window.count and self._count == size:
                results += self._close()
        return results

    def expire(self, now: float) -> list[Any]:  # noqa: ARG002 - it is told when `due` has come
        """Closes the window."""
        return self._close()

    def end(self) -> list[Any]:
        """Closes the window that is open."""
        return self._close() if self._open else []

    def _begin(self, now: float) -> None:
        self._open = True
        self._gathering.begin()
        if self._window.seconds is not None:
            self.due = now + self._window.seconds

    def _close(self) -> list[Any]:
        self._open = False
        self._count = 0
        self.due = None
        return self._gathering.results()
