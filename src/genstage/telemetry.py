"""What a pipeline tells whoever listens: one table of events, each a frozen value. ``Pipeline(listener=…)`` attaches a listener.

    event            when                                                  measures
    StageStarted     a stage has been started                              workers
    StageRestarted   a handler failed, and its stage goes on               restarts
    StageEnded       a stage has ended                                     handled, emitted, discarded
    Subscribed       a subscription has opened                             max_demand
    Unsubscribed     a subscription is over, or interrupted                outstanding
    Asked            somebody asked for events                             count, outstanding
    Retracted        somebody took demand back                             count, outstanding
    Produced         a handle_demand ended                                 demand, count, took
    Delivered        events were handed to a consumer                      count, outstanding, buffered
    Handled          a handler ended                                       count, waited, took, waiting, in_flight, busy
    Failed           a handler raised                                      count, waited, took
    Discarded        events were dropped: nobody will get them             count

A pipeline without a listener has none of the code that makes these in its way: what is watched is replaced when a stage starts.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from genstage.subscription import CancelReason

__all__ = [
    "EVENTS",
    "Asked",
    "Delivered",
    "Discarded",
    "EdgeEvent",
    "Failed",
    "Handled",
    "Listener",
    "Produced",
    "Retracted",
    "StageEnded",
    "StageRestarted",
    "StageStarted",
    "Subscribed",
    "TelemetryEvent",
    "Unsubscribed",
]


@dataclass(frozen=True, slots=True)
class TelemetryEvent:
    """Something that happened at a stage. Other packages may add kinds of their own.

    Attributes:
        time: Seconds of the pipeline's clock.
        stage: The name of the stage; of the producer where a subscription is concerned.
    """

    time: float
    stage: str


Listener = Callable[[TelemetryEvent], None]
"""Is called with each event, at once and on the event loop: it must be quick. What it raises comes out of the pipeline."""


@dataclass(frozen=True, slots=True)
class StageStarted(TelemetryEvent):
    """A stage has been started.

    Attributes:
        workers: How many handler calls may run at once; 0 for producers.
    """

    workers: int


@dataclass(frozen=True, slots=True)
class StageRestarted(TelemetryEvent):
    """A handler failed, and its stage goes on.

    Attributes:
        error: What the handler raised.
        restarts: How many restarts that makes, since the stage was started.
    """

    error: BaseException
    restarts: int


@dataclass(frozen=True, slots=True)
class StageEnded(TelemetryEvent):
    """A stage has ended.

    Attributes:
        handled: Events whose handler has ended.
        emitted: Events that it has given.
        discarded: Events that nobody got.
    """

    handled: int
    emitted: int
    discarded: int


@dataclass(frozen=True, slots=True)
class EdgeEvent(TelemetryEvent):
    """Something that happened on a subscription.

    Attributes:
        consumer: The name of the stage that takes.
        key: Whose events; None if not keyed.
        outstanding: What is asked for and not yet delivered, now.
    """

    consumer: str
    key: Hashable
    outstanding: int


@dataclass(frozen=True, slots=True)
class Subscribed(EdgeEvent):
    """A subscription has opened.

    Attributes:
        max_demand: At most so many events are asked for and not yet handled; 0 with manual demand.
    """

    max_demand: int


@dataclass(frozen=True, slots=True)
class Unsubscribed(EdgeEvent):
    """A subscription is over, or interrupted until the producer is back.

    Attributes:
        reason: Somebody cancelled it, the stream has ended, or the producer has failed with this exception.
    """

    reason: CancelReason | None


@dataclass(frozen=True, slots=True)
class Asked(EdgeEvent):
    """Somebody asked for events.

    Attributes:
        count: How many more.
    """

    count: int


@dataclass(frozen=True, slots=True)
class Retracted(EdgeEvent):
    """Somebody took demand back.

    Attributes:
        count: How much.
    """

    count: int


@dataclass(frozen=True, slots=True)
class Produced(TelemetryEvent):
    """A ``handle_demand`` has ended.

    Attributes:
        demand: How many events it was told are outstanding, of all keys together.
        count: How many it returned.
        took: Seconds that it ran.
    """

    demand: int
    count: int
    took: float


@dataclass(frozen=True, slots=True)
class Delivered(EdgeEvent):
    """Events were handed to a consumer.

    Attributes:
        count: How many.
        buffered: What the producer holds for somebody to ask for it.
    """

    count: int
    buffered: int


@dataclass(frozen=True, slots=True)
class Handled(TelemetryEvent):
    """A handler of events has ended.

    Attributes:
        count: How many events the call had.
        waited: Seconds from the delivery of its first event to the call.
        took: Seconds that the handler ran.
        waiting: Events that were delivered to the stage and not yet begun.
        in_flight: Events that are inside the handler, those of this call among them.
        busy: Workers that are inside the handler, this one among them.
    """

    count: int
    waited: float
    took: float
    waiting: int
    in_flight: int
    busy: int


@dataclass(frozen=True, slots=True)
class Failed(TelemetryEvent):
    """A handler of events has raised.

    Attributes:
        error: What it raised.
        count: How many events the call had.
        waited: Seconds from the delivery of its first event to the call.
        took: Seconds that the handler ran.
    """

    error: BaseException
    count: int
    waited: float
    took: float


@dataclass(frozen=True, slots=True)
class Discarded(TelemetryEvent):
    """Events were dropped: nobody will get them.

    Attributes:
        key: Whose they were; None if the stage is not keyed.
        count: How many.
    """

    key: Hashable
    count: int


EVENTS: tuple[type[TelemetryEvent], ...] = (
    StageStarted,
    StageRestarted,
    StageEnded,
    Subscribed,
    Unsubscribed,
    Asked,
    Retracted,
    Produced,
    Delivered,
    Handled,
    Failed,
    Discarded,
)
"""All that a pipeline tells by itself."""
