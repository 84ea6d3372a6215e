"""The port of dispatchers: given the demand of all consumers and a list of events, who gets which."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final, Literal

from genstage.errors import AnswerError, SubscriptionError
from genstage.subscription import Subscription

__all__ = ["Deliveries", "Discards", "Dispatched", "Dispatcher", "as_list", "trimmed"]

Deliveries = list[tuple[Subscription, list[Any]]]
"""Who gets which events, in this order."""
Discards = list[tuple[Hashable, list[Any]]]
"""Events that nobody will get: their key (None where there are no keys) and themselves."""


Dispatched = tuple[int, Deliveries, Discards]
"""What becomes of the events that a handler returned: how many it returned, who gets which, what nobody wants any more."""


_MEANING: Final[Mapping[str, tuple[object, str]]] = {
    "key": (None, "the producer is not keyed; leave key out, or declare it with dispatcher=KeyedDispatcher()"),
    "partition": (None, "the producer has no partitions; leave partition out, or declare it with dispatcher=PartitionDispatcher(…)"),
    "selector": (None, "the producer does not broadcast; leave selector out, or declare it with dispatcher=BroadcastDispatcher()"),
    "slow": ("wait", "the producer does not broadcast; leave slow out, or declare it with dispatcher=BroadcastDispatcher()"),
    "options": (None, "the producer's dispatcher understands no options; leave them out, or write one that does"),
}
"""The terms that only some dispatchers understand: their values if not given, and what to do about them."""


class Dispatcher(ABC):
    """Keeps the demand of one producer's consumers, and shares its events out. Pure: it calls nobody, it only answers.

    What it must hold: a subscription gets at most its ``outstanding``; events keep their order; while a subscription has demand,
    no event that it could get is buffered.
    """

    wanted: int = 0
    """How many events may be asked of the producer now. Kept by the dispatcher; a plain attribute, since every step of every stage
    looks at it."""
    direct: Subscription | None = None
    """A short cut: while this is a subscription, nothing is buffered, whatever list comes goes to it as it is, and all its demand is
    `wanted`. Then the stage may add to ``wanted`` and ``outstanding`` itself, and take from both, without `ask` and `dispatch`."""
    expelled: Sequence[Subscription] = ()
    """Subscriptions that the last `dispatch` gave up as too slow: the stage takes them with `expel` and cancels them."""
    one_queue: ClassVar[bool] = True
    """Whether all that is buffered leaves in one order, so that a marker has a place in it."""
    means: ClassVar[frozenset[str]] = frozenset()
    """Which of the terms ``key``, ``partition``, ``selector``, ``slow`` and ``options`` mean something here; `check` refuses the others."""

    @abstractmethod
    def fresh(self) -> Dispatcher:
        """An empty one with the same settings: the instance given to a stage's class is a prototype, each stage gets its own."""

    @abstractmethod
    def subscribe(self, edge: Subscription) -> None:
        """Takes in a consumer.

        Raises:
            SubscriptionError: Its terms do not fit this dispatcher.
        """

    @abstractmethod
    def cancel(self, edge: Subscription) -> Discards:
        """Forgets a consumer and its demand; returns what was buffered for it and for nobody else."""

    @abstractmethod
    def ask(self, edge: Subscription, count: int) -> Deliveries:
        """Adds demand; returns what can be served from the buffer at once."""

    @abstractmethod
    def retract(self, edge: Subscription, count: int) -> int:
        """Takes back at most so much demand; returns how much it was."""

    @property
    @abstractmethod
    def buffered(self) -> int:
        """How many events are held for somebody to ask for them."""

    @abstractmethod
    def tell(self) -> Any:
        """What ``handle_demand`` is called with now: all outstanding demand. Remembered until the answer is dispatched."""

    @abstractmethod
    def dispatch(self, answer: Any, *, bounded: bool) -> Dispatched:
        """Shares out what a handler returned.

        Args:
            answer: What it returned; its lists may be handed on as they are.
            bounded: It answers the last `tell`: more than was asked then, and than the buffer has room for, is an error.
                Otherwise it is a producer-consumer's result, which is held however much it is (such a stage takes in nothing meanwhile),
                or was pushed, and `trim` follows.

        Raises:
            AnswerError: The answer is not of the shape that this dispatcher needs, or is too much.
        """

    def expel(self) -> Sequence[Subscription]:
        """Takes out those that were given up as too slow."""
        expelled, self.expelled = self.expelled, ()
        return expelled

    def check(self, edge: Subscription) -> None:
        """For `subscribe`: refuses terms that mean nothing here, so that a slip is not taken for a wish.

        Raises:
            SubscriptionError: With the dispatcher that the terms are for.
        """
        for name, (unset, advice) in _MEANING.items():
            if name not in self.means and getattr(edge.terms, name) != unset:
                raise SubscriptionError(f"{edge!r}: {advice}")

    @abstractmethod
    def holds(self, edge: Subscription) -> bool:
        """Whether anything is buffered that this subscription could get."""

    def restore(self, edge: Subscription, events: list[Any]) -> Deliveries | None:  # noqa: ARG002 - for those who can
        """Takes back what was delivered to a subscription and not handled: it is given out before everything that is buffered.

        Returns:
            What somebody's demand serves at once; None: this dispatcher cannot take events back, and they stay with the consumer.
        """
        return None

    def excess(self, answer: Any) -> int:  # noqa: ARG002 - for those whose buffer is bounded
        """How many of these events would find neither demand nor room in the buffer, if they were pushed."""
        return 0

    def trim(self, keep: Literal["first", "last"]) -> Discards:  # noqa: ARG002 - for those whose buffer is bounded
        """Gives up what is beyond the buffer's size: the newest events ("first" survive) or the oldest ("last" survive)."""
        return []

    @abstractmethod
    def flush(self) -> Discards:
        """Gives up everything that is buffered."""


def as_list(answer: Any) -> list[Any]:
    """What a handler returned, for dispatchers that need a list: itself, or any other iterable made one.

    Raises:
        AnswerError: It is no iterable of events.
    """
    if type(answer) is list:
        return answer
    if isinstance(answer, (Mapping, str, bytes)) or not isinstance(answer, Iterable):
        raise AnswerError(
            f"the handler returned {type(answer).__name__}; it must return a list of events "
            "(a mapping of lists only with dispatcher=KeyedDispatcher())"
        )
    return list(answer)


def trimmed(queue: deque[Any], size: int, keep: Literal["first", "last"]) -> list[Any]:
    """Takes out of a queue what is beyond its size, for `Dispatcher.trim`; returns it in its order."""
    excess = len(queue) - size
    if excess <= 0:
        return []
    if keep == "last":
        return [queue.popleft() for _ in range(excess)]
    return [queue.pop() for _ in range(excess)][::-1]
