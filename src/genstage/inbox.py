"""What was delivered to a consumer and not yet begun, and how it is cut into handler calls. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any

from genstage.errors import AnswerError
from genstage.subscription import Subscription

__all__ = ["CutInbox", "Inbox", "Job", "SingleInbox", "SplitInbox"]

Job = tuple[Subscription, Any, int]
"""One handler call: whose events, what the handler gets (an event or a list), how many events that is."""


class _Segment:
    """Events that one subscription delivered; those before ``position`` were taken."""

    __slots__ = ("edge", "events", "position")

    def __init__(self, edge: Subscription, events: list[Any]) -> None:
        self.edge = edge
        self.events = events
        self.position = 0


class Inbox(ABC):
    """Deliveries in the order of their arrival. A handler call never mixes subscriptions."""

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting = 0
        """How many events wait."""

    @abstractmethod
    def put(self, edge: Subscription, events: list[Any]) -> None:
        """Appends a delivery; never an empty one."""

    @abstractmethod
    def take(self) -> Job | None:
        """The next handler call; None if nothing waits."""

    @abstractmethod
    def put_first(self, edge: Subscription, events: list[Any]) -> None:
        """Puts back what was taken and not handled, in front of everything."""

    @abstractmethod
    def clear(self, which: Callable[[Subscription], bool] | None = None) -> list[Any]:
        """Takes out everything, or what came over some subscriptions; returns the events in their order."""


class SingleInbox(Inbox):
    """For ``handle_event``: one event a call."""

    __slots__ = ("_jobs",)

    def __init__(self) -> None:
        super().__init__()
        self._jobs: deque[Job] = deque()

    def put(self, edge: Subscription, events: list[Any]) -> None:
        """Appends a delivery, a job an event."""
        self.waiting += len(events)
        self._jobs.extend(zip(repeat(edge), events, repeat(1)))

    def take(self) -> Job | None:
        """The next event."""
        if not self.waiting:
            return None
        self.waiting -= 1
        return self._jobs.popleft()

    def put_first(self, edge: Subscription, events: list[Any]) -> None:
        """Puts events back, a job an event."""
        self.waiting += len(events)
        self._jobs.extendleft(zip(repeat(edge), reversed(events), repeat(1)))

    def clear(self, which: Callable[[Subscription], bool] | None = None) -> list[Any]:
        """Takes events out."""
        gone = [event for edge, event, _ in self._jobs if which is None or which(edge)]
        self._jobs = deque(job for job in self._jobs if which is not None and not which(job[0]))
        self.waiting = len(self._jobs)
        return gone


class _Segments(Inbox):
    """Keeps each delivery as the list that it is."""

    __slots__ = ("_segments",)

    def __init__(self) -> None:
        super().__init__()
        self._segments: deque[_Segment] = deque()

    def put(self, edge: Subscription, events: list[Any]) -> None:
        """Appends a delivery."""
        self.waiting += len(events)
        self._segments.append(_Segment(edge, events))

    def put_first(self, edge: Subscription, events: list[Any]) -> None:
        """Puts events back, as a delivery of their own."""
        self.waiting += len(events)
        self._segments.appendleft(_Segment(edge, events))

    def clear(self, which: Callable[[Subscription], bool] | None = None) -> list[Any]:
        """Takes events out."""
        gone: list[Any] = []
        stay: deque[_Segment] = deque()
        for segment in self._segments:
            if which is not None and not which(segment.edge):
                stay.append(segment)
            else:
                gone += segment.events[segment.position :]
        self._segments = stay
        self.waiting -= len(gone)
        return gone


class SplitInbox(_Segments):
    """For ``handle_events``, as GenStage splits: each delivery by itself, in lists of at most ``max_demand - min_demand``.

    With manual demand a delivery is not split.
    """

    __slots__ = ()

    def take(self) -> Job | None:
        """The next list."""
        if not self.waiting:
            return None
        segment = self._segments[0]
        edge, events, start = segment.edge, segment.events, segment.position
        rest = len(events) - start
        # The window may have been set to 0 after the events were asked for; they are handled all the same.
        count = rest if edge.manual else min(rest, edge.split or rest)
        if count == rest:
            self._segments.popleft()
            batch = events[start:] if start else events
        else:
            segment.position = start + count
            batch = events[start : start + count]
        self.waiting -= count
        return edge, batch, count


class CutInbox(_Segments):
    """For ``handle_events`` with a ``cut`` of the stage's own: what one subscription delivered gathers, whenever it came.

    Args:
        cut: Sees all waiting events of the subscription that is next, and says how many of them one call takes.
    """

    __slots__ = ("_cut",)

    def __init__(self, cut: Callable[[Sequence[Any]], int]) -> None:
        super().__init__()
        self._cut = cut

    def put(self, edge: Subscription, events: list[Any]) -> None:
        """Appends a delivery, to the last one if that is of the same subscription."""
        if self._segments and self._segments[-1].edge is edge:
            self.waiting += len(events)
            self._segments[-1].events += events
        else:
            super().put(edge, events)

    def take(self) -> Job | None:
        """The next list."""
        if not self.waiting:
            return None
        segment = self._segments[0]
        events = segment.events
        count = self._cut(events)
        if count < 1:
            raise AnswerError(f"cut() returned {count}; it must return how many of the waiting events one call takes, at least 1")
        if count >= len(events):
            count, batch = len(events), events
            self._segments.popleft()
        else:
            batch = events[:count]
            del events[:count]
        self.waiting -= count
        return segment.edge, batch, count
