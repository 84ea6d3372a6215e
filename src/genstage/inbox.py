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


class Inbox(ABC):
    """Deliveries in the order of their arrival. A handler call never mixes subscriptions."""

    __slots__ = ("jobs", "waiting")

    def __init__(self) -> None:
        self.waiting = 0
        """How many events wait."""
        self.jobs: deque[Job] | None = None
        """The next calls, where they are known beforehand; whoever takes one out lowers ``waiting``. None where `take` must be asked."""

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


class _Jobs(Inbox):
    """Cuts what arrives at once, so that taking a job is taking it."""

    __slots__ = ()

    def take(self) -> Job | None:
        """The next job."""
        if not self.jobs:
            return None
        job = self.jobs.popleft()
        self.waiting -= job[2]
        return job

    def _keep(self, which: Callable[[Subscription], bool] | None) -> None:
        """Keeps the others."""
        self.jobs = deque(job for job in self.jobs or () if which is not None and not which(job[0]))

    def _queue(self) -> deque[Job]:
        """The jobs, made when there are some: a hundred thousand idle lanes need no empty queues."""
        if self.jobs is None:
            self.jobs = deque()
        return self.jobs


class SingleInbox(_Jobs):
    """For ``handle_event``: one event a call."""

    __slots__ = ()

    def put(self, edge: Subscription, events: list[Any]) -> None:
        """Appends a delivery, a job an event."""
        self.waiting += len(events)
        self._queue().extend(zip(repeat(edge), events, repeat(1)))

    def put_first(self, edge: Subscription, events: list[Any]) -> None:
        """Puts events back, a job an event."""
        self.waiting += len(events)
        self._queue().extendleft(zip(repeat(edge), reversed(events), repeat(1)))

    def clear(self, which: Callable[[Subscription], bool] | None = None) -> list[Any]:
        """Takes events out."""
        gone = [event for edge, event, _ in self._queue() if which is None or which(edge)]
        self._keep(which)
        self.waiting -= len(gone)
        return gone


class SplitInbox(_Jobs):
    """For ``handle_events``, as GenStage splits: each delivery by itself, in lists of at most ``max_demand - min_demand``.

    With manual demand a delivery is not split.
    """

    __slots__ = ()

    def put(self, edge: Subscription, events: list[Any]) -> None:
        """Appends a delivery."""
        count = len(events)
        self.waiting += count
        # The window may have been set to 0 after the events were asked for; they are handled all the same.
        split = edge.split
        if count <= split or edge.manual or not split:
            self._queue().append((edge, events, count))
        else:
            for start in range(0, count, split):
                piece = events[start : start + split]
                self._queue().append((edge, piece, len(piece)))

    def put_first(self, edge: Subscription, events: list[Any]) -> None:
        """Puts events back."""
        self.waiting += len(events)
        split = edge.split or len(events)
        pieces = [events[start : start + split] for start in range(0, len(events), split)]
        self._queue().extendleft((edge, piece, len(piece)) for piece in reversed(pieces))

    def clear(self, which: Callable[[Subscription], bool] | None = None) -> list[Any]:
        """Takes events out."""
        gone = [event for edge, events, _ in self._queue() if which is None or which(edge) for event in events]
        self._keep(which)
        self.waiting -= len(gone)
        return gone


class CutInbox(Inbox):
    """For ``handle_events`` with a ``cut`` of the stage's own: what one subscription delivered gathers, whenever it came.

    Args:
        cut: Sees all waiting events of the subscription that is next, and says how many of them one call takes.
    """

    __slots__ = ("_cut", "_gathered")

    def __init__(self, cut: Callable[[Sequence[Any]], int]) -> None:
        super().__init__()
        self._cut = cut
        self._gathered: deque[tuple[Subscription, list[Any]]] = deque()

    def put(self, edge: Subscription, events: list[Any]) -> None:
        """Appends a delivery, to the last one if that is of the same subscription."""
        self.waiting += len(events)
        if self._gathered and self._gathered[-1][0] is edge:
            self._gathered[-1][1].extend(events)
        else:
            self._gathered.append((edge, events))

    def put_first(self, edge: Subscription, events: list[Any]) -> None:
        """Puts events back, before the first delivery if that is of the same subscription."""
        self.waiting += len(events)
        if self._gathered and self._gathered[0][0] is edge:
            events = events + self._gathered.popleft()[1]
        self._gathered.appendleft((edge, events))

    def take(self) -> Job | None:
        """The next list."""
        if not self._gathered:
            return None
        edge, events = self._gathered[0]
        count = self._cut(events)
        if count < 1:
            raise AnswerError(f"cut() returned {count}; it must return how many of the waiting events one call takes, at least 1")
        if count >= len(events):
            count, batch = len(events), events
            self._gathered.popleft()
        else:
            batch = events[:count]
            del events[:count]
        self.waiting -= count
        return edge, batch, count

    def clear(self, which: Callable[[Subscription], bool] | None = None) -> list[Any]:
        """Takes events out."""
        gone = [event for edge, events in self._gathered if which is None or which(edge) for event in events]
        self._gathered = deque(each for each in self._gathered if which is not None and not which(each[0]))
        self.waiting -= len(gone)
        return gone
