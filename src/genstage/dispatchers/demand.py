"""Events go to whoever asked for most: the default."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, Literal

from genstage.demand import DemandLedger
from genstage.dispatchers.fair import FairLedger
from genstage.dispatchers.port import Deliveries, Discards, Dispatched, Dispatcher, as_list, trimmed
from genstage.errors import ExcessError, SubscriptionError
from genstage.subscription import Subscription

__all__ = ["DemandDispatcher"]

_NOTHING: Final[deque[Any]] = deque(maxlen=0)
"""The buffer of all dispatchers that have never held anything; a hundred thousand idle ones need no empty buffers of their own."""
_UNUSED: Final[DemandLedger[Subscription]] = DemandLedger()
"""The ledger of all dispatchers that have never had two consumers at once."""


class DemandDispatcher(Dispatcher):
    """Each event goes to one consumer: the one with the greatest demand; among equals the one that has waited longest.

    Demand of a consumer that went away while ``handle_demand`` ran is `pending`: what comes is kept for the next one who asks,
    and the producer is not asked for it twice.

    Args:
        buffer_size: How many events may be held that nobody has asked for. One more is an `ExcessError`; nothing is ever dropped.
        fair: Consumers are served in turn and in equal chunks, not the greatest demand first: without it, four idle consumers with
            ``max_demand`` 1000 and a list of 100 events means all of them for the first consumer.
        shuffle: Puts the consumers that wait at the first dispatch into another order, in place, as `random.shuffle` does: so that many
            producers that start together do not all begin with the same consumer.
    """

    def __init__(self, *, buffer_size: int = 10_000, fair: bool = False, shuffle: Callable[[list[Any]], object] | None = None) -> None:
        if buffer_size < 0:
            raise SubscriptionError(f"buffer_size is {buffer_size}; give 0 (hold nothing) or more")
        self.buffer_size = buffer_size
        self.fair = fair
        self.shuffle = shuffle
        self._ledger: DemandLedger[Subscription] | FairLedger[Subscription] = _UNUSED
        self._lone: Subscription | None = None  # the only consumer; then its demand is all that is wanted, and the ledger is not kept
        self._first: dict[Subscription, None] | None = None if shuffle is None else {}  # until the first dispatch
        self._buffer: deque[Any] = _NOTHING
        self._told = 0

    def fresh(self) -> DemandDispatcher:
        """An empty one with the same settings."""
        return DemandDispatcher(buffer_size=self.buffer_size, fair=self.fair, shuffle=self.shuffle)

    def subscribe(self, edge: Subscription) -> None:
        """Takes in a consumer, which must not give a key."""
        self.check(edge)
        lone = self._lone
        if lone is None and not len(self._ledger):
            self._lone = edge
        else:
            if lone is not None:
                if self._ledger is _UNUSED:
                    self._ledger = FairLedger() if self.fair else DemandLedger()
                self._lone = None
                self._enter(lone)
            self._ledger.add(edge)
        self._look()
        if self._first is not None:
            self._first[edge] = None

    def cancel(self, edge: Subscription) -> Discards:
        """Forgets a consumer; what is buffered stays for the others, or for those to come."""
        self.wanted -= edge.outstanding
        if edge is self._lone:
            self._lone = self.direct = None
            edge.outstanding = 0
        else:
            self._ledger.remove(edge)
        if self._first is not None:
            del self._first[edge]
        return []

    def ask(self, edge: Subscription, count: int) -> Deliveries:
        """Adds demand; the buffer is served first."""
        if edge is self._lone:
            edge.outstanding += count
        else:
            self._ledger.ask(edge, count)
        self.wanted += count
        return self._serve() if self._buffer else []

    def _serve(self) -> Deliveries:
        """Gives out of the buffer what is wanted."""
        take = min(self.wanted, len(self._buffer))
        self.wanted -= take
        events = [self._buffer.popleft() for _ in range(take)]
        self._look()
        return self._split(events) if events else []

    def retract(self, edge: Subscription, count: int) -> int:
        """Takes demand back."""
        if edge is self._lone:
            taken = min(count, edge.outstanding)
            edge.outstanding -= taken
        else:
            taken = self._ledger.retract(edge, count)
        self.wanted -= taken
        return taken

    @property
    def buffered(self) -> int:
        """How many events are held for somebody to ask for them."""
        return len(self._buffer)

    @property
    def pending(self) -> int:
        """While ``handle_demand`` runs: how much of what it was told is not wanted any more."""
        return max(0, self._told - self.wanted)

    def tell(self) -> int:
        """How many events are outstanding."""
        self._told = self.wanted
        return self._told

    def dispatch(self, answer: Any, *, bounded: bool) -> Dispatched:
        """Shares a list out; what is beyond the demand is buffered."""
        if self._first is not None:
            self._reorder()
        events = as_list(answer)
        told = self._told
        if bounded:  # what is pushed while the handler runs answers nothing
            self._told = 0
        length, wanted = len(events), self.wanted
        if length <= wanted:
            self.wanted = wanted - length
            return length, self._split(events) if length else [], []
        if bounded and length > max(told, wanted) + self.buffer_size - len(self._buffer):
            raise ExcessError(
                f"handle_demand returned {length} events where {told} were asked for, and the buffer of {self.buffer_size} "
                f"holds {len(self._buffer)}; return at most what is asked, or give DemandDispatcher a greater buffer_size"
            )
        self._stock().extend(events[wanted:])
        self.direct = None
        self.wanted = 0
        return length, self._split(events[:wanted]) if wanted else [], []

    def _stock(self) -> deque[Any]:
        """The buffer, made when something is to be held."""
        if self._buffer is _NOTHING:
            self._buffer = deque()
        return self._buffer

    def _look(self) -> None:
        """Whether there is a short cut now."""
        self.direct = None if self._buffer else self._lone

    def _split(self, events: list[Any]) -> Deliveries:
        """Says who gets which of some events that are wanted, and books them off."""
        edge = self._lone
        if edge is None:
            return self._ledger.split(events)
        edge.outstanding -= len(events)
        return [(edge, events)]

    def _enter(self, edge: Subscription) -> None:
        """A second consumer makes a ledger necessary: enters what the first one has asked for."""
        asked, edge.outstanding = edge.outstanding, 0
        self._ledger.add(edge)
        self._ledger.ask(edge, asked)

    def _reorder(self) -> None:
        """Once: lets the consumers ask anew, in a shuffled order, which decides among equals."""
        if self._first and self._lone is None and self.shuffle is not None:
            edges = list(self._first)
            self.shuffle(edges)
            for edge in edges:
                self._ledger.ask(edge, self._ledger.retract(edge, edge.outstanding))
        self._first = None

    def holds(self, edge: Subscription) -> bool:  # noqa: ARG002 - the buffer belongs to all
        """Whether anything is buffered."""
        return bool(self._buffer)

    def restore(self, edge: Subscription, events: list[Any]) -> Deliveries:  # noqa: ARG002 - the buffer belongs to all
        """Puts events in front of the buffer; whoever has demand gets them."""
        self._stock().extendleft(reversed(events))
        return self._serve()

    def excess(self, answer: Any) -> int:
        """How many events of a list would be too many."""
        return max(0, len(answer) - self.wanted - max(0, self.buffer_size - len(self._buffer)))

    def trim(self, keep: Literal["first", "last"]) -> Discards:
        """Brings the buffer down to its size."""
        events = trimmed(self._buffer, self.buffer_size, keep)
        self._look()
        return [(None, events)] if events else []

    def flush(self) -> Discards:
        """Gives up the buffer."""
        events = list(self._buffer)
        self._buffer.clear()
        self._look()
        return [(None, events)] if events else []
