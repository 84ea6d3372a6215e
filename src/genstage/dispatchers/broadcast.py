"""Every event goes to every consumer that wants it."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any, Literal

from genstage.dispatchers.port import Deliveries, Discards, Dispatched, Dispatcher, as_list, trimmed
from genstage.errors import DefinitionError, ExcessError
from genstage.subscription import Subscription

__all__ = ["BroadcastDispatcher"]


class BroadcastDispatcher(Dispatcher):
    """Each event goes to all subscriptions, in the same order, once to each; a stage may subscribe more than once.

    The producer is asked for what the subscription with the least demand can take, so nothing piles up. A subscription takes part from
    its first ask on. Events that come although one cannot take them (it joined, or took demand back, while ``handle_demand`` ran) are
    held for that one; the others get them at once.

    Terms of a subscription: with a ``selector`` it gets the events for which that is true, and the rest costs it no demand. ``slow`` says
    what happens when it has no demand for an event: the others wait ("wait", the default), it misses the event ("drop"; see
    `Subscription.dropped`), or its subscription is cancelled ("cancel"). Those that nobody waits for do not slow the producer: if there
    are no others, it is asked for what the quickest of them takes.

    Args:
        buffer_size: How many events beyond what was asked may be held for a subscription, or for the first one to come while there is
            none. One more is an `ExcessError`.
    """

    one_queue = False
    means = frozenset({"selector", "slow"})

    def __init__(self, *, buffer_size: int = 10_000) -> None:
        if buffer_size < 0:
            raise DefinitionError(f"buffer_size is {buffer_size}; give 0 (hold nothing) or more")
        self.buffer_size = buffer_size
        self._held: dict[Subscription, deque[Any]] = {}  # of those that take part; never anything for one that has demand
        self._pace: OrderedDict[Subscription, None] = OrderedDict()  # those that are waited for; who asked last is at the end
        self._left: deque[Any] = deque()  # what came while nobody took part, for the first who does
        self._told = 0

    def fresh(self) -> BroadcastDispatcher:
        """An empty one of the same buffer size."""
        return BroadcastDispatcher(buffer_size=self.buffer_size)

    def subscribe(self, edge: Subscription) -> None:
        """Takes in a consumer; it takes part from its first ask on."""
        self.check(edge)

    def cancel(self, edge: Subscription) -> Discards:
        """Forgets a consumer; the others need not wait for it any more. What the last one had not got is kept for the next."""
        held = self._held.pop(edge, None)
        if held and not self._held:
            self._left = held
        self._pace.pop(edge, None)
        edge.outstanding = 0
        self._measure()
        return []

    def ask(self, edge: Subscription, count: int) -> Deliveries:
        """Adds demand; what is held for the subscription is served first."""
        held = self._held.get(edge)
        if held is None:
            held = self._join(edge)
        edge.outstanding += count
        deliveries = self._serve(edge, held) if held else []
        if edge in self._pace:
            self._pace.move_to_end(edge)
            self._rise()
        elif not self._pace:
            self.wanted = max(self.wanted, edge.outstanding)
        return deliveries

    def retract(self, edge: Subscription, count: int) -> int:
        """Takes demand back."""
        taken = min(count, edge.outstanding)
        edge.outstanding -= taken
        self._measure()
        return taken

    @property
    def buffered(self) -> int:
        """The most events that are held for one subscription, or for the first one to come."""
        return max(len(self._left), max(map(len, self._held.values()), default=0))

    def tell(self) -> int:
        """How many events all that are waited for can take."""
        self._told = self.wanted
        return self._told

    def dispatch(self, answer: Any, *, bounded: bool) -> Dispatched:
        """Gives a list to all; what one cannot take is held for it, dropped, or the end of its subscription, as its terms say."""
        events = as_list(answer)
        told = self._told
        if bounded:  # what is pushed while the handler runs answers nothing
            self._told = 0
        length = len(events)
        asked = max(told, self.wanted)
        if bounded and length > asked and length > asked + self.buffer_size - self.buffered:
            raise ExcessError(
                f"handle_demand returned {length} events where {told} were asked for, and the buffer of {self.buffer_size} "
                f"holds {self.buffered}; return at most what is asked, or give BroadcastDispatcher a greater buffer_size"
            )
        if not self._held:
            self._left.extend(events)
            return length, [], []
        chosen = [(edge, _chosen(edge, events)) for edge in self._held]  # all selectors first: if one raises, nothing has happened
        deliveries: Deliveries = []
        for edge, mine in chosen:
            if len(mine) > edge.outstanding:
                mine = self._cut(edge, mine)  # noqa: PLW2901 - only what it has demand for is still its
            if mine:
                edge.outstanding -= len(mine)
                deliveries.append((edge, mine))
        self._measure()
        return length, deliveries, []

    def holds(self, edge: Subscription) -> bool:
        """Whether anything is held for it, or for the first one to ask."""
        held = self._held.get(edge)
        return bool(self._left if held is None else held)

    def restore(self, edge: Subscription, events: list[Any]) -> Deliveries | None:
        """Holds events for this subscription, before those that it has not got; the others have theirs."""
        held = self._held.get(edge)
        if held is None:
            return None
        held.extendleft(reversed(events))
        deliveries = self._serve(edge, held)
        self._measure()
        return deliveries

    def excess(self, answer: Any) -> int:
        """How many events of a list would be too many for whoever is waited for and has most held."""
        return max(0, len(answer) - self.wanted - max(0, self.buffer_size - self.buffered))

    def trim(self, keep: Literal["first", "last"]) -> Discards:
        """Brings what is held for each subscription down to the buffer's size; an event may be named more than once."""
        gone = [trimmed(held, self.buffer_size, keep) for held in (self._left, *self._held.values())]
        return [(None, events) for events in gone if events]

    def flush(self) -> Discards:
        """Gives up what is held: for each subscription its own, so an event may be named more than once."""
        gone = [list(held) for held in (self._left, *self._held.values()) if held]
        self._left.clear()
        for held in self._held.values():
            held.clear()
        return [(None, events) for events in gone]

    def _join(self, edge: Subscription) -> deque[Any]:
        held = self._held[edge] = deque(_chosen(edge, list(self._left)))
        self._left.clear()
        if edge.terms.slow == "wait":
            self._pace[edge] = None
            self.wanted = 0 if len(self._pace) == 1 else min(self.wanted, edge.outstanding)
        return held

    def _serve(self, edge: Subscription, held: deque[Any]) -> Deliveries:
        """Gives out of what is held for a subscription."""
        take = min(edge.outstanding, len(held))
        edge.outstanding -= take
        return [(edge, [held.popleft() for _ in range(take)])] if take else []

    def _cut(self, edge: Subscription, mine: list[Any]) -> list[Any]:
        """What a subscription gets that has less demand than events."""
        now, rest = mine[: edge.outstanding], mine[edge.outstanding :]
        if edge.terms.slow == "wait":
            self._held[edge].extend(rest)
        elif edge.terms.slow == "drop":
            edge.dropped += len(rest)
        else:
            self.expelled = (*self.expelled, edge)
        return now

    def _rise(self) -> None:
        """Somebody's demand has risen: the least one may have, too. Who is slow stands in front, so this is seldom O(subscriptions)."""
        least: int | None = None
        for edge in self._pace:
            if edge.outstanding <= self.wanted:
                return
            if least is None or edge.outstanding < least:
                least = edge.outstanding
        self.wanted = least or 0

    def _measure(self) -> None:
        if self._pace:
            self.wanted = min(edge.outstanding for edge in self._pace)
        else:
            self.wanted = max((edge.outstanding for edge in self._held), default=0)


def _chosen(edge: Subscription, events: list[Any]) -> list[Any]:
    """A list of its own for each, since a list that was delivered belongs to the consumer."""
    selector = edge.terms.selector
    return events[:] if selector is None else [event for event in events if selector(event)]
