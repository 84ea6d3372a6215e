"""The giving side of a stage: a dispatcher and the subscriptions it serves. Everything here is synchronous."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Literal

from genstage.dispatchers import Deliveries, Discards, Dispatcher
from genstage.errors import ExcessError, StateError
from genstage.subscription import Subscription

__all__ = ["BufferKeep", "Outlet", "OutletHooks"]

BufferKeep = Literal["first", "last"]
"""Which end of a full buffer survives: what came first or what came last."""


@dataclass(frozen=True, slots=True)
class OutletHooks:
    """Whom an outlet tells.

    Attributes:
        wanted: Somebody asked, and the buffer could not serve all of it.
        discarded: Events that nobody will get: their key (None if not keyed) and themselves.
        left: The last consumer has gone, while the stream goes on.
        done: Called once, when the stream has ended and nobody waits for the rest of it.
        subscribed: A consumer has come; may raise `SubscriptionError`. None: nobody cares.
        cancelled: A subscription is over, see its ``reason``. None: nobody cares.
        informed: A marker's turn has come.
    """

    wanted: Callable[[], None]
    discarded: Callable[[Hashable, list[Any]], None]
    left: Callable[[], None]
    done: Callable[[], None]
    subscribed: Callable[[Subscription], None] | None = None
    cancelled: Callable[[Subscription], None] | None = None
    informed: Callable[[Any], None] | None = None


class Outlet:
    """The giving side of one stage."""

    __slots__ = (
        "_done",
        "_held",
        "_hooks",
        "_marks",
        "_served",
        "discarded",
        "dispatcher",
        "edges",
        "emitted",
        "ended",
        "name",
        "wanted",
    )

    def __init__(self, name: str, dispatcher: Dispatcher, hooks: OutletHooks) -> None:
        self.name = name
        self.dispatcher = dispatcher
        self.wanted = hooks.wanted
        """Tells the stage that somebody asked, and the buffer could not serve all of it."""
        self.edges: dict[Subscription, None] = {}
        self.ended = False
        """Nothing new will come; what is buffered is still given out."""
        self.emitted = 0
        """Events that the stage has returned or pushed."""
        self.discarded = 0
        """Events that nobody got."""
        self._hooks = hooks
        self._done = False
        self._served = 0  # events that have left the buffer
        self._marks: deque[tuple[int, Any]] | None = None  # (how many must have left the buffer, message)
        self._held: list[tuple[Callable[[Any], None], Any]] | None = None  # while demand accumulates

    def subscribe(self, edge: Subscription) -> None:
        """Takes in a consumer; after the end of the stream it learns of the end at once."""
        if self._done:
            edge.finish()
            return
        self.dispatcher.subscribe(edge)
        if self._hooks.subscribed is not None:
            try:
                self._hooks.subscribed(edge)
            except BaseException:
                self.dispatcher.cancel(edge)
                raise
        self.edges[edge] = None

    def ask(self, edge: Subscription, count: int) -> None:
        """Serves from the buffer, and tells the stage if that was not enough."""
        dispatcher = self.dispatcher
        if dispatcher.direct is edge:
            dispatcher.wanted += count
            edge.outstanding += count
        elif deliveries := dispatcher.ask(edge, count):
            self._serve(deliveries)
        if self.ended:
            self._let_go()
        elif dispatcher.wanted:
            self.wanted()

    def retract(self, edge: Subscription, count: int) -> int:
        """Takes demand back."""
        return self.dispatcher.retract(edge, count)

    def cancel(self, edge: Subscription) -> None:
        """Forgets a consumer."""
        if edge in self.edges:
            self._forget(edge)
            if self.ended:
                self._let_go()
            elif not self.edges:
                self._hooks.left()

    def take_back(self, edge: Subscription, events: list[Any]) -> bool:
        """Events that a failed consumer had not handled: they are given out before all others, if the dispatcher can do that."""
        if self._done:
            return False
        deliveries = self.dispatcher.restore(edge, events)
        if deliveries is None:
            return False
        self._served -= len(events)
        self._serve(deliveries)
        return True

    def emit(self, answer: Any, *, bounded: bool) -> int:
        """Gives out what a handler returned; returns how many events that was.

        Args:
            answer: In the shape that the dispatcher needs.
            bounded: See `Dispatcher.dispatch`.
        """
        dispatcher = self.dispatcher
        edge = dispatcher.direct
        if edge is not None and type(answer) is list:
            count = len(answer)
            if 0 < count <= dispatcher.wanted:
                dispatcher.wanted -= count
                edge.outstanding -= count
                self.emitted += count
                edge.deliver(edge, answer)
                return count
        return self._share_out(answer, bounded=bounded)

    def _share_out(self, answer: Any, *, bounded: bool) -> int:
        count, deliveries, discards = self.dispatcher.dispatch(answer, bounded=bounded)
        self.emitted += count
        for edge, events in deliveries:
            edge.deliver(edge, events)
        if discards:
            self._discard(discards)
        if self.dispatcher.expelled:
            for edge in self.dispatcher.expel():
                edge.cancel()
        if self._done:  # the stage was taken away while its handler ran
            self._discard(self.dispatcher.flush())
        return count

    def push(self, answer: Any, keep: BufferKeep | None) -> None:
        """Gives out what nobody need have asked for; what is beyond the demand is buffered.

        Args:
            answer: In the shape that the dispatcher needs.
            keep: Which end survives if the buffer is full; None: that is an error.

        Raises:
            ExcessError: The buffer is full. Nothing of the answer has been taken.
            StateError: The stream has ended.
        """
        if self.ended:
            raise StateError(f"the stream of {self.name} has ended; nothing can be pushed any more")
        if self._held is not None:
            self._held.append((lambda events: self.push(events, keep), answer))
            return
        if keep is None and (excess := self.dispatcher.excess(answer)):
            raise ExcessError(
                f"{self.name} pushed {excess} events for which there is neither demand nor room in the buffer; push less, give the "
                'dispatcher a greater buffer_size, or say with buffer_keep ("first" or "last") which end of a full buffer survives'
            )
        self.emit(answer, bounded=False)
        if keep is not None:
            trimmed = self.dispatcher.trim(keep)
            if keep == "last":
                self._served += sum(len(events) for _, events in trimmed)
            self._discard(trimmed)
        self._call_marks()

    def mark(self, message: Any) -> None:
        """Delivers a marker to the stage when everything that is buffered now has been given out."""
        if self._held is not None:
            self._held.append((self.mark, message))
            return
        self._marks = deque() if self._marks is None else self._marks
        self._marks.append((self._served + self.dispatcher.buffered, message))
        self._call_marks()

    def hold(self) -> None:
        """From now on what is pushed is kept, and so are markers; `release` ends that."""
        if self._held is None:
            self._held = []

    def release(self) -> None:
        """Does what was held back, in its order."""
        held, self._held = self._held, None
        for do, what in held or ():
            do(what)

    @property
    def buffered(self) -> int:
        """How many events wait for somebody to ask for them, held ones among them."""
        held = self._held or ()
        return self.dispatcher.buffered + sum(len(what) for do, what in held if do != self.mark)

    def end(self) -> None:
        """The stream has ended: consumers get what is buffered as they ask for it, then learn of the end."""
        if not self.ended:
            if self._held is not None:
                self.release()
            self.ended = True
            self._let_go()

    def halt(self) -> list[Any]:
        """The stage is taken away: consumers learn of the end at once; what was buffered is returned."""
        rest = [event for _, events in self.dispatcher.flush() for event in events]
        self.end()
        return rest

    def sever(self, error: BaseException) -> None:
        """The stage has failed and is restarted: what its consumers do is told by their terms. What is buffered stays."""
        for edge in list(self.edges):
            if edge in self.edges:
                owed = edge.outstanding
                edge.reason = error
                self._forget(edge)
                edge.sever(error, owed)

    def _serve(self, deliveries: Deliveries) -> None:
        """Delivers from the buffer."""
        for edge, events in deliveries:
            self._served += len(events)
            edge.deliver(edge, events)
        if self._marks:
            self._call_marks()

    def _call_marks(self) -> None:
        marks = self._marks
        while marks and (marks[0][0] <= self._served if self.dispatcher.one_queue else not self.dispatcher.buffered):
            _, message = marks.popleft()
            if self._hooks.informed is not None:
                self._hooks.informed(message)

    def _forget(self, edge: Subscription) -> None:
        del self.edges[edge]
        discards = self.dispatcher.cancel(edge)
        self._served += sum(len(events) for _, events in discards)
        self._discard(discards)
        if self._hooks.cancelled is not None:
            self._hooks.cancelled(edge)
        if self._marks:
            self._call_marks()

    def _discard(self, discards: Discards) -> None:
        for key, events in discards:
            self.discarded += len(events)
            self._hooks.discarded(key, events)

    def _let_go(self) -> None:
        """After the end: releases every consumer for whom nothing is buffered."""
        for edge in list(self.edges):
            if edge in self.edges and not self.dispatcher.holds(edge):
                edge.reason = "ended"
                self._forget(edge)
                edge.finish()
        if not self.edges and not self._done:
            self._done = True
            self._discard(self.dispatcher.flush())
            while self._marks:
                _, message = self._marks.popleft()
                if self._hooks.informed is not None:
                    self._hooks.informed(message)
            self._hooks.done()
