"""Demand-driven pipelines for asyncio: consumers ask, producers give at most what was asked. Standard library only.

    demand flows up:    Producer  <──  ProducerConsumer  <──  Consumer
    events flow down:   Producer  ──>  ProducerConsumer  ──>  Consumer

Layout, from the arithmetic outwards:

    clock           time as a parameter
    errors          what the toolkit raises, and what to do about it
    demand          who asked for how much (pure)
    supervision     restart limits, back-off
    terms           on what terms a consumer subscribes
    subscription    one edge: ask, deliver, cancel
    dispatchers/    who gets which events: port, demand, broadcast, partition, keyed (pure)
    inbox           how waiting events are cut into handler calls (pure)
    outlet, feed    the giving side of a stage, and the loop that calls ``handle_demand``
    turns           whose turn it is: synchronous work without tasks
    handling, recovery, workers, inlet   n long-lived workers, what they do when a handler fails; the taking side of a stage
    desk, life      calls, casts and markers; the hooks ``start`` and ``stop``
    root, ends      what stages are made of
    stage           Producer, ProducerConsumer, Consumer: what a user subclasses
    stats           a look at a running pipeline
    streams         from and to iterables
    pipeline        start, stop, supervise, drain

And what is loaded only by those who use it:

    telemetry, watch   what a pipeline tells whoever listens
    flow/           chains of operators that build stages
    broadway/       messages with acknowledgement, batches, limits, retries
    testing/        virtual time, scripted producers, probes
"""

from genstage.clock import Clock, SystemClock
from genstage.dispatchers import BroadcastDispatcher, DemandDispatcher, Dispatcher, KeyedDispatcher, PartitionDispatcher
from genstage.errors import (
    AnswerError,
    DefinitionError,
    ExcessError,
    GenStageError,
    HandlerCancelledError,
    StateError,
    SubscriptionError,
    UnknownKeyError,
)
from genstage.pipeline import Pipeline
from genstage.stage import Consumer, Producer, ProducerConsumer, Stage
from genstage.stats import EdgeStats, StageStats, Stats
from genstage.streams import from_iterable
from genstage.subscription import CancelMode, DemandMode, Subscription, Terms
from genstage.supervision import Backoff, Restarts

__all__ = [
    "AnswerError",
    "Backoff",
    "BroadcastDispatcher",
    "CancelMode",
    "Clock",
    "Consumer",
    "DefinitionError",
    "DemandDispatcher",
    "DemandMode",
    "Dispatcher",
    "EdgeStats",
    "ExcessError",
    "GenStageError",
    "HandlerCancelledError",
    "KeyedDispatcher",
    "PartitionDispatcher",
    "Pipeline",
    "Producer",
    "ProducerConsumer",
    "Restarts",
    "Stage",
    "StageStats",
    "StateError",
    "Stats",
    "Subscription",
    "SubscriptionError",
    "SystemClock",
    "Terms",
    "UnknownKeyError",
    "from_iterable",
]
