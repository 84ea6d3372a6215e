"""The giving side of a stage: a dispatcher and the subscriptions it serves. Everything here is synchronous."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from genstage.dispatchers import Discards, Dispatcher
from genstage.subscription import Subscription

__all__ = ["Outlet", "OutletHooks"]


@dataclass(frozen=True, slots=True)
class OutletHooks:
    """Whom an outlet tells.

    Attributes:
        wanted: Somebody asked, and the buffer could not serve all of it.
        discarded: Events that nobody will get: their key (None if not keyed) and themselves.
        left: The last consumer has gone, while the stream goes on.
        done: Called once, when the stream has ended and nobody waits for the rest of it.
    """

    wanted: Callable[[], None]
    discarded: Callable[[Hashable, list[Any]], None]
    left: Callable[[], None]
    done: Callable[[], None]


class Outlet:
    """The giving side of one stage."""

    def __init__(self, name: str, dispatcher: Dispatcher, hooks: OutletHooks) -> None:
        self.name = name
        self.dispatcher = dispatcher
        self.edges: dict[Subscription, None] = {}
        self.ended = False
        """Nothing new will come; what is buffered is still given out."""
        self.emitted = 0
        """Events that the stage has returned."""
        self.discarded = 0
        """Events that nobody got."""
        self._hooks = hooks
        self._done = False

    def subscribe(self, edge: Subscription) -> None:
        """Takes in a consumer; after the end of the stream it learns of the end at once."""
        if self._done:
            edge.finish()
        else:
            self.dispatcher.subscribe(edge)
            self.edges[edge] = None

    def ask(self, edge: Subscription, count: int) -> None:
        """Serves from the buffer, and tells the stage if that was not enough."""
        for taker, events in self.dispatcher.ask(edge, count):
            taker.deliver(taker, events)
        if self.ended:
            self._let_go()
        elif self.dispatcher.wanted:
            self._hooks.wanted()

    def retract(self, edge: Subscription, count: int) -> int:
        """Takes demand back."""
        return self.dispatcher.retract(edge, count)

    def cancel(self, edge: Subscription) -> None:
        """Forgets a consumer."""
        if edge in self.edges:
            del self.edges[edge]
            self._discard(self.dispatcher.cancel(edge))
            if self.ended:
                self._let_go()
            elif not self.edges:
                self._hooks.left()

    def emit(self, answer: Any, *, bounded: bool) -> int:
        """Gives out what a handler returned; returns how many events that was.

        Args:
            answer: In the shape that the dispatcher needs.
            bounded: See `Dispatcher.dispatch`.
        """
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

    def end(self) -> None:
        """The stream has ended: consumers get what is buffered as they ask for it, then learn of the end."""
        if not self.ended:
            self.ended = True
            self._let_go()

    def halt(self) -> list[Any]:
        """The stage is taken away: consumers learn of the end at once; what was buffered is returned."""
        rest = [event for _, events in self.dispatcher.flush() for event in events]
        self.end()
        return rest

    def _discard(self, discards: Discards) -> None:
        for key, events in discards:
            self.discarded += len(events)
            self._hooks.discarded(key, events)

    def _let_go(self) -> None:
        """After the end: releases every consumer for whom nothing is buffered."""
        for edge in list(self.edges):
            if edge in self.edges and not self.dispatcher.holds(edge):
                del self.edges[edge]
                self._discard(self.dispatcher.cancel(edge))
                edge.finish()
        if not self.edges and not self._done:
            self._done = True
            self._discard(self.dispatcher.flush())
            self._hooks.done()
