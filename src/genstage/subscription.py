"""One edge between two stages: ask, deliver, cancel. Demand is a counter here; nothing is sent."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypedDict

from genstage.errors import SubscriptionError

__all__ = ["CancelMode", "DemandMode", "Downstream", "SlowMode", "Subscription", "TermOptions", "Terms", "Upstream"]

CancelMode = Literal["permanent", "transient", "temporary"]
DemandMode = Literal["automatic", "manual"]
SlowMode = Literal["wait", "drop", "cancel"]


class TermOptions(TypedDict, total=False):
    """The fields of `Terms` as keyword arguments; what is left out has the default of `Terms`."""

    key: Hashable
    max_demand: int
    min_demand: int
    cancel: CancelMode
    demand: DemandMode
    partition: Hashable
    selector: Callable[[Any], object]
    slow: SlowMode
    options: Any


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a consumer subscribes.

    Attributes:
        key: Whose events it wants; for producers with a keyed dispatcher, and only for them.
        max_demand: With automatic demand: at most so many events are asked for and not yet handled. 0 asks for nothing.
        min_demand: With automatic demand: more is asked for when only so many are left; half of ``max_demand`` if not given.
        cancel: What the end of this subscription means for the consumer. "permanent": it ends with its last permanent subscription,
            when it has finished what waits. "transient": only the failure of the producer ends it. "temporary": it lives on.
        demand: "automatic": the toolkit asks. "manual": `Subscription.ask` does.
        partition: Which partition's events it wants; for producers with a `PartitionDispatcher`, and only for them.
        selector: Of which events it wants those for which this is true; for producers with a `BroadcastDispatcher`.
        slow: What a `BroadcastDispatcher` does when it has no demand for an event. "wait": the others wait for it. "drop": it misses
            the event, which `Subscription.dropped` counts. "cancel": its subscription is cancelled.
        options: What only a dispatcher of the user's own understands.
    """

    key: Hashable = None
    max_demand: int = 1000
    min_demand: int | None = None
    cancel: CancelMode = "permanent"
    demand: DemandMode = "automatic"
    partition: Hashable = None
    selector: Callable[[Any], object] | None = None
    slow: SlowMode = "wait"
    options: Any = None

    def __post_init__(self) -> None:
        if self.max_demand < 0:
            raise SubscriptionError(f"max_demand is {self.max_demand}; give 0 (ask for nothing) or more")
        if self.min_demand is not None and not 0 <= self.min_demand < max(self.max_demand, 1):
            raise SubscriptionError(
                f"min_demand is {self.min_demand} and max_demand {self.max_demand}; give 0 <= min_demand < max_demand, "
                "or leave min_demand out (then it is half of max_demand)"
            )
        if self.cancel not in ("permanent", "transient", "temporary"):
            raise SubscriptionError(f'cancel is {self.cancel!r}; give "permanent", "transient" or "temporary"')
        if self.demand not in ("automatic", "manual"):
            raise SubscriptionError(f'demand is {self.demand!r}; give "automatic" or "manual"')
        if self.slow not in ("wait", "drop", "cancel"):
            raise SubscriptionError(f'slow is {self.slow!r}; give "wait", "drop" or "cancel"')
        if self.selector is not None and not callable(self.selector):
            raise SubscriptionError(f"selector is {self.selector!r}; give a function of one event, or leave it out")


class Upstream(Protocol):
    """The end of a subscription that gives events."""

    name: str

    def subscribe(self, edge: Subscription) -> None:
        """Takes in a consumer; raises `SubscriptionError` if its terms do not fit."""
        ...

    def ask(self, edge: Subscription, count: int) -> None:
        """So many more events are wanted."""
        ...

    def retract(self, edge: Subscription, count: int) -> int:
        """So many fewer are wanted; returns how many of them had not been delivered."""
        ...

    def cancel(self, edge: Subscription) -> None:
        """None are wanted any more."""
        ...


class Downstream(Protocol):
    """The end of a subscription that takes events."""

    name: str

    def deliver(self, edge: Subscription, events: list[Any]) -> None:
        """Here are events that were asked for; the list is yours."""
        ...

    def lost(self, edge: Subscription) -> None:
        """No more will come over this subscription."""
        ...


class Subscription:
    """A consumer's subscription to a producer, as a value one can hold. Made by ``consumer.subscribe(producer, …)``.

    Everything that is asked for is delivered, taken back or still outstanding; nothing else happens to it.
    """

    __slots__ = (
        "_downstream",
        "_max",
        "_min",
        "_upstream",
        "deliver",
        "dropped",
        "level",
        "manual",
        "outstanding",
        "over",
        "terms",
        "turn",
    )

    def __init__(self, upstream: Upstream, downstream: Downstream, terms: Terms) -> None:
        self.terms = terms
        self.manual = terms.demand == "manual"
        """Whether `ask` is the user's business."""
        self.outstanding = 0
        """Asked for and not yet delivered."""
        self.dropped = 0
        """Events that it missed because it had no demand for them; with ``slow="drop"`` only."""
        self.over = False
        """No more will come: it was cancelled, or the stream ended."""
        self.turn = 0  # the ledger's
        self.level = 0  # outstanding, plus delivered and not yet handled; counted with automatic demand only
        self.deliver = downstream.deliver  # for the toolkit: hands events to the consumer
        self._upstream = upstream
        self._downstream = downstream
        self._max = 0
        self._min = 0
        self._set_window(terms.max_demand)

    def __repr__(self) -> str:
        key = "" if self.terms.key is None else f" for {self.terms.key!r}"
        state = "over" if self.over else f"{self.outstanding} outstanding"
        return f"<Subscription of {self._downstream.name} to {self._upstream.name}{key}, {state}>"

    @property
    def key(self) -> Hashable:
        """Whose events are wanted; None with producers that are not keyed."""
        return self.terms.key

    @property
    def consumer(self) -> str:
        """The name of the stage that takes."""
        return self._downstream.name

    @property
    def max_demand(self) -> int:
        """With automatic demand, how many events may be asked for and not yet handled. A new value takes effect at once.

        A greater one asks for the difference; a smaller one takes back what has not been delivered; 0 asks for nothing from now on.
        A ``min_demand`` that was given stays, but is always less than ``max_demand``.
        """
        return self._max

    @max_demand.setter
    def max_demand(self, value: int) -> None:
        if self.manual:
            raise SubscriptionError('max_demand means nothing with demand="manual": use ask() and retract()')
        if value < 0:
            raise SubscriptionError(f"max_demand cannot be {value}; give 0 (ask for nothing) or more")
        self._set_window(value)
        if self.level < value:
            self.replenish()
        elif self.level > value:
            self.retract(self.level - value)

    @property
    def min_demand(self) -> int:
        """With automatic demand, more is asked for when only so many events are asked for and not yet handled."""
        return self._min

    @property
    def split(self) -> int:
        """How many events one call of ``handle_events`` takes at most."""
        return self._max - self._min

    def ask(self, count: int) -> None:
        """Asks for so many more events; for manual demand. Does nothing once the subscription is over.

        Raises:
            SubscriptionError: The demand of this subscription is automatic, or the count negative.
        """
        if not self.manual:
            raise SubscriptionError('ask() is for subscriptions with demand="manual"; with automatic demand set max_demand')
        if count < 0:
            raise SubscriptionError(f"cannot ask for {count} events; retract() takes demand back")
        if count and not self.over:
            self._upstream.ask(self, count)

    def retract(self, count: int | None = None) -> int:
        """Takes back what was asked for and not yet delivered; the producer is not asked for it any more.

        What a running ``handle_demand`` was already told, and brings all the same, is kept and delivered to the next ask.
        With automatic demand the next event that is handled asks again: set ``max_demand = 0`` to stay silent.

        Args:
            count: At most so much; all if not given.

        Returns:
            How much was taken back.
        """
        if self.over:
            return 0
        taken = self._upstream.retract(self, self.outstanding if count is None else count)
        if not self.manual:
            self.level -= taken
        return taken

    def cancel(self) -> None:
        """Ends the subscription. What was delivered is still handled; what was not is not wanted any more."""
        if not self.over:
            self.over = True
            self._upstream.cancel(self)
            self._downstream.lost(self)

    def open(self) -> None:
        """For the toolkit: presents itself to the producer, and asks for the first events if demand is automatic."""
        self._upstream.subscribe(self)
        if not self.manual:
            self.replenish()

    def finish(self) -> None:
        """For the toolkit: the producer has nothing more."""
        if not self.over:
            self.over = True
            self._downstream.lost(self)

    def handled(self, count: int) -> None:
        """For the toolkit: the handler of so many events has ended."""
        if not self.manual:
            self.level -= count
            if self.level <= self._min:
                self.replenish()

    def replenish(self) -> None:
        """For the toolkit: asks for what is missing to ``max_demand``."""
        missing = self._max - self.level
        if missing > 0 and not self.over:
            self.level += missing
            self._upstream.ask(self, missing)

    def _set_window(self, max_demand: int) -> None:
        given = self.terms.min_demand
        self._max = max_demand
        self._min = max_demand // 2 if given is None else max(0, min(given, max_demand - 1))
