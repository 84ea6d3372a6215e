"""Each event goes to the partition that a hash function names, and there to one of its consumers."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable
from typing import Any, Literal

from genstage.demand import DemandLedger
from genstage.dispatchers.port import Deliveries, Discards, Dispatched, Dispatcher, as_list, trimmed
from genstage.errors import AnswerError, DefinitionError, ExcessError, SubscriptionError, UnknownKeyError
from genstage.subscription import Subscription

__all__ = ["Hash", "PartitionDispatcher"]

Hash = Callable[[Any], "tuple[Any, Hashable] | None"]
"""Says of an event what goes to which partition: (event, partition), where the event may be another one; None discards it."""


class _Partition:
    """One partition: the demand of its consumers, and what waits for them."""

    __slots__ = ("held", "ledger")

    def __init__(self) -> None:
        self.ledger: DemandLedger[Subscription] = DemandLedger()
        self.held: deque[Any] = deque()  # never non-empty while the ledger has demand


class PartitionDispatcher(Dispatcher):
    """Events of one partition go to the consumers that subscribe to it with ``partition=``, in order; several share them by demand.

    Every partition has demand and a queue of its own. The producer is asked for the demand of all together: it cannot know what falls
    where. So while one partition is slow, its events wait in its queue and the others go on, until that queue is full. What then happens
    ``when_full`` says: "wait" asks the producer for nothing until there is room (nothing is lost, and the slow one holds the others up),
    "discard" gives further events of that partition to ``handle_discarded``. Who can ask the source for one partition's events alone
    should take a `KeyedDispatcher`, where nobody ever waits for anybody.

    A partition without consumers queues its events; those of a consumer that goes away are kept for the next one.

    Args:
        partitions: How many (they are called 0 to n - 1), or their names.
        hash: See `Hash`. By default ``hash(event) % n``; note that Python's hash of texts differs from process to process.
        buffer_size: How many events may wait in one partition's queue.
        when_full: See above.
    """

    one_queue = False
    means = frozenset({"partition"})

    def __init__(
        self,
        partitions: int | Iterable[Hashable],
        *,
        hash: Hash | None = None,  # noqa: A002 - GenStage's name
        buffer_size: int = 10_000,
        when_full: Literal["wait", "discard"] = "wait",
    ) -> None:
        names = list(range(partitions)) if isinstance(partitions, int) else list(partitions)
        if not names or len(set(names)) != len(names) or None in names:
            raise DefinitionError(f"partitions is {partitions!r}; give their number, at least 1, or their names, each once and none None")
        if hash is None and names != list(range(len(names))):
            raise DefinitionError("partitions with names need hash=…, a function from an event to (event, partition)")
        if buffer_size < 1:
            raise DefinitionError(
                f"buffer_size is {buffer_size}; give at least 1: it is not known beforehand which partition events fall into"
            )
        if when_full not in ("wait", "discard"):
            raise DefinitionError(f'when_full is {when_full!r}; give "wait" or "discard"')
        self.hash = hash
        self.buffer_size = buffer_size
        self.when_full = when_full
        self._partitions: dict[Hashable, _Partition] = {name: _Partition() for name in names}
        self._backed: dict[Hashable, _Partition] = {}  # those with something in their queue
        self._total = 0  # demand of all partitions
        self._told = 0

    def fresh(self) -> PartitionDispatcher:
        """An empty one with the same settings."""
        return PartitionDispatcher(list(self._partitions), hash=self.hash, buffer_size=self.buffer_size, when_full=self.when_full)

    def subscribe(self, edge: Subscription) -> None:
        """Takes in a consumer, which must say for which partition."""
        self.check(edge)
        if edge.terms.partition not in self._partitions:
            names = list(self._partitions)
            known = ", ".join(map(repr, names[:10])) + (", …" if len(names) > 10 else "")
            fault = f"there is no partition {edge.terms.partition!r}" if edge.terms.partition is not None else "the producer has partitions"
            raise SubscriptionError(f"{edge!r}: {fault}; say partition=…, one of {known}")
        self._partitions[edge.terms.partition].ledger.add(edge)

    def cancel(self, edge: Subscription) -> Discards:
        """Forgets a consumer; what waits in its partition stays for the others there, or for those to come."""
        self._total -= edge.outstanding
        self._partitions[edge.terms.partition].ledger.remove(edge)
        self._measure()
        return []

    def ask(self, edge: Subscription, count: int) -> Deliveries:
        """Adds demand; its partition's queue is served first."""
        partition = self._partitions[edge.terms.partition]
        partition.ledger.ask(edge, count)
        self._total += count
        return self._serve(edge.terms.partition, partition)

    def _serve(self, name: Hashable, partition: _Partition) -> Deliveries:
        """Gives out of a partition's queue what is wanted there."""
        deliveries: Deliveries = []
        if partition.held and partition.ledger.total:
            take = min(partition.ledger.total, len(partition.held))
            self._total -= take
            deliveries = partition.ledger.split([partition.held.popleft() for _ in range(take)])
            if not partition.held:
                del self._backed[name]
        self._measure()
        return deliveries

    def retract(self, edge: Subscription, count: int) -> int:
        """Takes demand back."""
        taken = self._partitions[edge.terms.partition].ledger.retract(edge, count)
        self._total -= taken
        self._measure()
        return taken

    @property
    def buffered(self) -> int:
        """How many events wait in all queues."""
        return sum(len(partition.held) for partition in self._backed.values())

    def tell(self) -> int:
        """How many events are outstanding in all partitions together, as far as every queue has room for all of them."""
        self._told = self.wanted
        return self._told

    def dispatch(self, answer: Any, *, bounded: bool) -> Dispatched:
        """Shares a list out; what is beyond a partition's demand waits in its queue."""
        events = as_list(answer)
        told = self._told
        if bounded:  # what is pushed while the handler runs answers nothing
            self._told = 0
        shares, unwanted = self._sorted(events)
        if bounded and len(events) > max(told, self.wanted) and self.when_full == "wait":
            self._refuse_excess(len(events), told, shares)
        deliveries: Deliveries = []
        discards: Discards = [(None, unwanted)] if unwanted else []
        for name, mine in shares.items():
            partition = self._partitions[name]
            now = min(len(mine), partition.ledger.total)
            if now:
                self._total -= now
                deliveries += partition.ledger.split(mine[:now])
            rest = mine[now:]
            if self.when_full == "discard" and len(rest) > (room := max(0, self.buffer_size - len(partition.held))):
                discards.append((name, rest[room:]))
                rest = rest[:room]
            if rest:
                partition.held.extend(rest)
                self._backed[name] = partition
        self._measure()
        return len(events), deliveries, discards

    def holds(self, edge: Subscription) -> bool:
        """Whether anything waits in its partition."""
        return edge.terms.partition in self._backed

    def restore(self, edge: Subscription, events: list[Any]) -> Deliveries:
        """Puts events in front of its partition's queue; whoever has demand there gets them."""
        partition = self._partitions[edge.terms.partition]
        partition.held.extendleft(reversed(events))
        self._backed[edge.terms.partition] = partition
        return self._serve(edge.terms.partition, partition)

    def excess(self, answer: Any) -> int:
        """How many events of a list would be too many for their partitions."""
        if self.when_full == "discard":
            return 0
        shares, _ = self._sorted(answer)
        queues = ((len(mine), self._partitions[name]) for name, mine in shares.items())
        return sum(max(0, count - queue.ledger.total - max(0, self.buffer_size - len(queue.held))) for count, queue in queues)

    def trim(self, keep: Literal["first", "last"]) -> Discards:
        """Brings every queue down to the buffer's size."""
        gone = [(name, trimmed(partition.held, self.buffer_size, keep)) for name, partition in self._backed.items()]
        self._measure()
        return [(name, events) for name, events in gone if events]

    def flush(self) -> Discards:
        """Gives up what waits in all queues."""
        discards: Discards = [(name, list(partition.held)) for name, partition in self._backed.items()]
        for partition in self._backed.values():
            partition.held.clear()
        self._backed.clear()
        self._measure()
        return discards

    def _sorted(self, events: list[Any]) -> tuple[dict[Hashable, list[Any]], list[Any]]:
        """The events by partition, and those that the hash function discards. Nothing is changed yet: it may raise."""
        shares: defaultdict[Hashable, list[Any]] = defaultdict(list)
        unwanted: list[Any] = []
        if self.hash is None:
            count = len(self._partitions)
            for event in events:
                shares[hash(event) % count].append(event)
            return shares, unwanted
        for event in events:
            verdict = self.hash(event)
            if type(verdict) is tuple and len(verdict) == 2:
                changed, name = verdict
                shares[name].append(changed)
            elif verdict is None:
                unwanted.append(event)
            else:
                raise AnswerError(f"the hash function returned {verdict!r}; it must return (event, partition), or None to discard")
        for name in shares:
            if name not in self._partitions:
                raise UnknownKeyError(
                    f"the hash function sent {len(shares[name])} events to {name!r}, which is no partition; "
                    "return one of those that were declared, or None to discard the event"
                )
        return shares, unwanted

    def _refuse_excess(self, length: int, told: int, shares: dict[Hashable, list[Any]]) -> None:
        for name, mine in shares.items():
            partition = self._partitions[name]
            if len(partition.held) + len(mine) - partition.ledger.total > self.buffer_size:
                raise ExcessError(
                    f"handle_demand returned {length} events where {told} were asked for, and the queue of partition {name!r} has no room "
                    f"for its {len(mine)}; return at most what is asked, or give PartitionDispatcher a greater buffer_size"
                )

    def _measure(self) -> None:
        """Asked is what is wanted; while some must not be lost, no more than the fullest queue has room for."""
        room = self.buffer_size
        if self._backed and self.when_full == "wait":
            room = max(0, room - max(len(partition.held) for partition in self._backed.values()))
        self.wanted = min(self._total, room)
