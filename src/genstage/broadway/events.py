"""What a Broadway tells its listener, beside the events of `genstage.telemetry`. ``stage`` is "processors" or a batcher's name.

    event          when                                                    measures
    Received       messages came from a source, or were pushed             count, waiting
    Processed      a list went through ``handle_message``                  successful, forwarded, failed, took
    Batched        a batch went through ``handle_batch``                   info, successful, failed, took
    Retried        what raised will be tried again                         count, delay, failures
    DeadLettered   the tries of messages are used up                       count
    CallFailed     user code raised that must not hurt anybody else        callback, error, count
    Acknowledged   messages have come to their end                         successful, failed
    AckFailed      an acknowledger raised: its source does not know        ref, error, count
    Paused         no message (of these keys) begins before then           keys, seconds
    Resumed        a pause was ended                                       keys
    Abandoned      a drain's deadline cut messages off, unacknowledged     count

Each is a frozen value. Without a listener none is made.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from genstage.broadway.message import BatchInfo
from genstage.telemetry import TelemetryEvent

__all__ = [
    "EVENTS",
    "Abandoned",
    "AckFailed",
    "Acknowledged",
    "Batched",
    "CallFailed",
    "DeadLettered",
    "Paused",
    "Processed",
    "Received",
    "Resumed",
    "Retried",
]


@dataclass(frozen=True, slots=True)
class Received(TelemetryEvent):
    """Messages came.

    Attributes:
        count: How many.
        waiting: How many wait or are being handled now, these among them.
    """

    count: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Processed(TelemetryEvent):
    """A list of messages went through ``handle_message``.

    Attributes:
        successful: Those that have ended well.
        forwarded: Those that went to a batcher.
        failed: Those that have failed for good.
        took: Seconds, with their acknowledgement and the waiting for room in a batcher.
    """

    successful: int
    forwarded: int
    failed: int
    took: float


@dataclass(frozen=True, slots=True)
class Batched(TelemetryEvent):
    """A batch went through ``handle_batch``.

    Attributes:
        info: Which.
        successful: Messages that have ended well.
        failed: Messages that have failed for good.
        took: Seconds, with their acknowledgement.
    """

    info: BatchInfo
    successful: int
    failed: int
    took: float


@dataclass(frozen=True, slots=True)
class Retried(TelemetryEvent):
    """What raised will be tried again.

    Attributes:
        count: How many messages.
        delay: After so many seconds.
        failures: How often they have failed.
        error: What was raised.
    """

    count: int
    delay: float
    failures: int
    error: BaseException


@dataclass(frozen=True, slots=True)
class DeadLettered(TelemetryEvent):
    """The tries of messages are used up.

    Attributes:
        count: How many.
    """

    count: int


@dataclass(frozen=True, slots=True)
class CallFailed(TelemetryEvent):
    """A callback of the user raised, or returned what it must not.

    Attributes:
        callback: Its name.
        error: What it raised.
        count: How many messages that concerns.
    """

    callback: str
    error: BaseException
    count: int


@dataclass(frozen=True, slots=True)
class Acknowledged(TelemetryEvent):
    """Messages have come to their end.

    Attributes:
        successful: How many well.
        failed: How many not.
    """

    successful: int
    failed: int


@dataclass(frozen=True, slots=True)
class AckFailed(TelemetryEvent):
    """An acknowledger raised: the source of these messages does not know what became of them.

    Attributes:
        ref: The reference of their `Ack`.
        error: What was raised.
        count: How many messages.
    """

    ref: Hashable
    error: BaseException
    count: int


@dataclass(frozen=True, slots=True)
class Paused(TelemetryEvent):
    """No message begins before the pause is over.

    Attributes:
        keys: Of these keys; empty: none at all.
        seconds: How long; infinite until it is resumed.
    """

    keys: tuple[Hashable, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Resumed(TelemetryEvent):
    """A pause was ended before its time.

    Attributes:
        keys: Of these keys; empty: the one of all together.
    """

    keys: tuple[Hashable, ...]


@dataclass(frozen=True, slots=True)
class Abandoned(TelemetryEvent):
    """A drain's deadline cut messages off; they are not acknowledged.

    Attributes:
        count: How many.
    """

    count: int


EVENTS: tuple[type[TelemetryEvent], ...] = (
    Received,
    Processed,
    Batched,
    Retried,
    DeadLettered,
    CallFailed,
    Acknowledged,
    AckFailed,
    Paused,
    Resumed,
    Abandoned,
)
"""All that a Broadway tells by itself."""
