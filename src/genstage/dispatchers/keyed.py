"""Demand per key: the producer is told the outstanding demand of every key in one call, and answers with events per key."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Literal

from genstage.demand import DemandLedger
from genstage.dispatchers.port import Deliveries, Discards, Dispatched, Dispatcher
from genstage.errors import AnswerError, ExcessError, SubscriptionError, UnknownKeyError
from genstage.subscription import Subscription

__all__ = ["KeyedDispatcher"]


class _Key:
    """One key that somebody subscribes to."""

    __slots__ = ("held", "ledger")

    def __init__(self) -> None:
        self.ledger: DemandLedger[Subscription] = DemandLedger()
        self.held: list[Any] = []  # never non-empty while the ledger has demand


class KeyedDispatcher(Dispatcher):
    """Each consumer subscribes for a key and gets that key's events only; several consumers of one key share its demand.

    One slow key holds nobody up: its demand is its own. A key without demand costs nothing, a key without consumers does not exist;
    every operation is O(1) for keys with one consumer, and telling the demand is O(keys with demand).

    What arrives for a key whose demand was taken back meanwhile is held for its next ask; for a key whose consumers have gone
    meanwhile it is discarded (the hook ``handle_discarded`` is told).

    Args:
        buffer_size: How many events beyond what was asked may be held per key. One more is an `ExcessError`.
    """

    means = frozenset({"key"})

    one_queue = False

    def __init__(self, *, buffer_size: int = 0) -> None:
        if buffer_size < 0:
            raise SubscriptionError(f"buffer_size is {buffer_size}; give 0 (hold nothing) or more")
        self.buffer_size = buffer_size
        self._keys: dict[Hashable, _Key] = {}
        self._demand: dict[Hashable, int] = {}  # of the keys that have some
        self._told: Mapping[Hashable, int] = {}
        self._buffered = 0

    def fresh(self) -> KeyedDispatcher:
        """An empty one of the same buffer size."""
        return KeyedDispatcher(buffer_size=self.buffer_size)

    def subscribe(self, edge: Subscription) -> None:
        """Takes in a consumer, which must give a key."""
        if edge.key is None:
            raise SubscriptionError(f"{edge!r}: the producer is keyed; say whose events are wanted with key=…")
        self.check(edge)
        entry = self._keys.get(edge.key)
        if entry is None:
            entry = self._keys[edge.key] = _Key()
        entry.ledger.add(edge)

    def cancel(self, edge: Subscription) -> Discards:
        """Forgets a consumer, and with the last one the key and what was held for it."""
        entry = self._keys[edge.key]
        self.wanted -= edge.outstanding
        entry.ledger.remove(edge)
        self._note(edge.key, entry)
        if len(entry.ledger):
            return []
        del self._keys[edge.key]
        self._buffered -= len(entry.held)
        return [(edge.key, entry.held)] if entry.held else []

    def ask(self, edge: Subscription, count: int) -> Deliveries:
        """Adds demand; what is held for the key is served first."""
        entry = self._keys[edge.key]
        entry.ledger.ask(edge, count)
        self.wanted += count
        deliveries = self._serve(entry) if entry.held else []
        self._note(edge.key, entry)
        return deliveries

    def _serve(self, entry: _Key) -> Deliveries:
        """Gives out of what is held for a key what is wanted of it."""
        take = min(entry.ledger.total, len(entry.held))
        deliveries = entry.ledger.split(entry.held[:take])
        del entry.held[:take]
        self.wanted -= take
        self._buffered -= take
        return deliveries

    def retract(self, edge: Subscription, count: int) -> int:
        """Takes demand back."""
        entry = self._keys[edge.key]
        taken = entry.ledger.retract(edge, count)
        self.wanted -= taken
        self._note(edge.key, entry)
        return taken

    @property
    def buffered(self) -> int:
        """How many events are held, of all keys together."""
        return self._buffered

    def tell(self) -> Mapping[Hashable, int]:
        """The outstanding demand of every key that has some; a snapshot."""
        self._told = dict(self._demand)
        return self._told

    def dispatch(self, answer: Any, *, bounded: bool) -> Dispatched:
        """Shares a mapping of lists out; what is beyond a key's demand is held for it."""
        if not isinstance(answer, Mapping):
            raise AnswerError(
                f"the handler returned {type(answer).__name__}; with a KeyedDispatcher it must return a mapping of key to list"
            )
        told = self._told
        if bounded:  # what is pushed while the handler runs answers nothing
            self._told = {}
        count = 0
        deliveries: Deliveries = []
        discards: Discards = []
        for key, some in answer.items():
            events = some if type(some) is list else list(some)
            if not events:
                continue
            count += len(events)
            entry = self._keys.get(key)
            if entry is not None:
                deliveries += self._share(key, entry, events, told.get(key, 0) if bounded else len(events))
            elif key in told or not bounded:
                discards.append((key, events))
            else:
                raise UnknownKeyError(
                    f"handle_demand returned {len(events)} events for the key {key!r}, to which nobody subscribes; "
                    "return only keys that it was asked for"
                )
        return count, deliveries, discards

    def holds(self, edge: Subscription) -> bool:
        """Whether anything is held for its key."""
        entry = self._keys.get(edge.key)
        return entry is not None and bool(entry.held)

    def restore(self, edge: Subscription, events: list[Any]) -> Deliveries | None:
        """Puts events in front of what is held for its key; whoever has demand for the key gets them. None: the key has gone."""
        entry = self._keys.get(edge.key)
        if entry is None:
            return None
        entry.held[:0] = events
        self._buffered += len(events)
        deliveries = self._serve(entry) if entry.ledger.total else []
        self._note(edge.key, entry)
        return deliveries

    def excess(self, answer: Any) -> int:
        """How many events of a mapping of lists would be too many for their keys."""
        queues = ((len(some), self._keys[key]) for key, some in answer.items() if key in self._keys)
        return sum(max(0, count - queue.ledger.total - max(0, self.buffer_size - len(queue.held))) for count, queue in queues)

    def trim(self, keep: Literal["first", "last"]) -> Discards:
        """Brings what is held for each key down to the buffer's size."""
        discards: Discards = []
        for key, entry in self._keys.items():
            excess = len(entry.held) - self.buffer_size
            if excess > 0:
                gone = slice(excess) if keep == "last" else slice(self.buffer_size, None)
                discards.append((key, entry.held[gone]))
                del entry.held[gone]
                self._buffered -= excess
        return discards

    def flush(self) -> Discards:
        """Gives up what is held for all keys."""
        discards: Discards = []
        for key, entry in self._keys.items():
            if entry.held:
                discards.append((key, entry.held))
                entry.held = []
        self._buffered = 0
        return discards

    def _share(self, key: Hashable, entry: _Key, events: list[Any], told: int) -> Deliveries:
        ledger = entry.ledger
        length, wanted = len(events), ledger.total
        if length <= wanted:
            deliveries = ledger.split(events)
            self.wanted -= length
        elif length > max(told, wanted) + self.buffer_size - len(entry.held):
            raise ExcessError(
                f"handle_demand returned {length} events for the key {key!r} where {told} were asked for; "
                "return at most what is asked, or give KeyedDispatcher a greater buffer_size"
            )
        else:
            deliveries = ledger.split(events[:wanted]) if wanted else []
            entry.held += events[wanted:]
            self.wanted -= wanted
            self._buffered += length - wanted
        self._note(key, entry)
        return deliveries

    def _note(self, key: Hashable, entry: _Key) -> None:
        """Brings the table of the keys with demand up to date."""
        if entry.ledger.total:
            self._demand[key] = entry.ledger.total
        else:
            self._demand.pop(key, None)
