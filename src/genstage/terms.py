"""On what terms a consumer subscribes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from genstage.errors import SubscriptionError
from genstage.supervision import Backoff

__all__ = ["CancelMode", "DeliveryMode", "DemandMode", "SlowMode", "TermOptions", "Terms"]

CancelMode = Literal["permanent", "transient", "temporary"]
DemandMode = Literal["automatic", "manual"]
DeliveryMode = Literal["at_most_once", "at_least_once"]
SlowMode = Literal["wait", "drop", "cancel"]


class TermOptions(TypedDict, total=False):
    """The fields of `Terms` as keyword arguments; what is left out has the default of `Terms`."""

    key: Hashable
    max_demand: int
    min_demand: int
    cancel: CancelMode
    demand: DemandMode
    resubscribe: Backoff | None
    delivery: DeliveryMode
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
            The failure of a producer (that was restarted, or else there is no pipeline any more) is a failure of its permanent and
            transient consumers too: each is restarted and subscribes again at once, if its own limits allow it.
        demand: "automatic": the toolkit asks. "manual": `Subscription.ask` does.
        resubscribe: After a failure of the producer the subscription opens again after this time, whatever ``cancel`` says.
        delivery: What happens to events that the consumer had not handled when its handler failed and it was restarted. "at_most_once":
            those of the failed call are lost. "at_least_once": those and what waited goes back to the producer, before newer events.
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
    resubscribe: Backoff | None = None
    delivery: DeliveryMode = "at_most_once"
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
        if self.delivery not in ("at_most_once", "at_least_once"):
            raise SubscriptionError(f'delivery is {self.delivery!r}; give "at_most_once" or "at_least_once"')
        if self.slow not in ("wait", "drop", "cancel"):
            raise SubscriptionError(f'slow is {self.slow!r}; give "wait", "drop" or "cancel"')
        if self.selector is not None and not callable(self.selector):
            raise SubscriptionError(f"selector is {self.selector!r}; give a function of one event, or leave it out")
