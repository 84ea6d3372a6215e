"""The pipeline's events as log lines: text for a terminal, JSON for machines.

Each item's outcome is one line. A customer's repeated throttles are one line a minute: the first at once, the others as their number.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from functools import partial
from typing import Any, TextIO

import msgspec
import structlog

from archiver.observe.lines import Lines
from archiver.observe.redaction import Redaction
from archiver.pipeline.events import (
    BatchSettled,
    CallEnded,
    CustomerLost,
    CustomersDropped,
    DatabaseAway,
    DeliveryArchived,
    DeliveryFailed,
    Event,
    LaneIdle,
    LaneParked,
    LaneThrottled,
    LaneWoke,
    ProviderUnavailable,
    SourceFailed,
    SourceParked,
    WorkerEntered,
)
from genstage.clock import Clock, SystemClock

__all__ = ["EventLog", "configure"]

_LEVELS = {
    BatchSettled: logging.DEBUG,
    CallEnded: logging.DEBUG,
    LaneIdle: logging.DEBUG,
    LaneWoke: logging.DEBUG,
    CustomerLost: logging.WARNING,
    CustomersDropped: logging.WARNING,
    DeliveryFailed: logging.WARNING,
    LaneParked: logging.WARNING,
    ProviderUnavailable: logging.WARNING,
    SourceFailed: logging.WARNING,
    SourceParked: logging.WARNING,
    DatabaseAway: logging.ERROR,
}
_THROTTLE_SECONDS = 60.0


class _Handler(logging.Handler):
    """What other libraries log, into the same lines."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.msg(self.format(record))


def configure(level: str, style: str, stream: TextIO | None = None, *, items: bool | None = None, clock: Clock | None = None) -> EventLog:
    """Sets up logging for the whole process, once.

    Args:
        level: The least important level that is written: ``debug``, ``info``, ``warning`` or ``error``.
        style: ``json``, ``text``, or ``auto``: text on a terminal, else JSON.
        stream: Where lines go; standard error by default.
        items: Whether each archived item is a line at ``info``; None means yes where lines are JSON. What failed always is one.
        clock: Time.

    Returns:
        The listener that writes events.
    """
    stream = stream or sys.stderr
    number = getattr(logging, level.upper())
    plain = style == "json" or (style == "auto" and not stream.isatty())
    renderer: Any = structlog.processors.JSONRenderer(serializer=_json) if plain else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        Redaction(phones=number > logging.DEBUG),
    ]
    lines = Lines(stream, partial(_told_lost, plain=plain))
    structlog.configure(
        processors=[*shared, renderer],
        logger_factory=lambda *_: lines,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        cache_logger_on_first_use=False,
    )
    handler = _Handler(lines)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(number)
    # Access lines of clients would name paths in customers' storages.
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    items_level = logging.INFO if items or (items is None and plain) else logging.DEBUG
    return EventLog(lines, plain, items_level if items_level >= number else None, clock or SystemClock())


class _Archived(msgspec.Struct, frozen=True, kw_only=True):
    """The line of an archived item, with the fields of its event."""

    event: str = "DeliveryArchived"
    level: str = "info"
    timestamp: datetime
    worker: str | msgspec.UnsetType = msgspec.UNSET
    customer: str
    delivery: int
    lane: int
    provider: str
    attempt: int
    size: int
    seconds: float
    dwell: float
    recovered: bool


class EventLog:
    """A listener that writes events as lines; `configure` makes it.

    Args:
        lines: Where they go.
        plain: Whether they are JSON; else they are for people.
        items_level: At which level archived items are written; None if they are not.
        clock: Time.
    """

    def __init__(self, lines: Lines, plain: bool, items_level: int | None, clock: Clock) -> None:
        self._log = structlog.get_logger("archiver").bind()
        self._clock = clock
        self._lines = lines
        self._plain = plain
        self._items_level = items_level
        self._worker: str | msgspec.UnsetType = msgspec.UNSET
        self._archived: list[bytes] = []
        self._encode = msgspec.json.Encoder().encode
        self._throttles: dict[str, tuple[LaneThrottled, int]] = {}  # of a customer: the last one, and how many are not told
        self._throttles_due = 0.0

    def listen(self, event: Event) -> None:
        """Writes the event, if its level is written at all."""
        match event:
            case DeliveryArchived():
                if self._items_level is not None:
                    self._tell_archived(event, self._items_level)
                return
            case LaneThrottled():
                self._tell_throttled(event)
            case WorkerEntered(worker=worker):
                self._worker = worker
                self._log = self._log.bind(worker=worker)
                self._log.info("WorkerEntered")
            case _:
                self._write(_LEVELS.get(type(event), logging.INFO), event)
        if self._archived:  # they are told while their batch is settled, and go out together
            self._write_archived()
        if self._throttles and self._clock.time() >= self._throttles_due:
            self._write_throttles()

    def close(self) -> None:
        """Writes what was only gathered so far, and gives a slow reader a moment."""
        self._write_archived()
        self._write_throttles()
        self._lines.close()

    def _tell_archived(self, event: DeliveryArchived, level: int) -> None:
        if not self._plain:
            self._write(level, event)
            return
        # Thousands in a second: past structlog, which takes ten times as long, and past the net: nothing in it comes from outside.
        line = _Archived(
            level=logging.getLevelName(level).lower(),
            timestamp=datetime.now(UTC),
            worker=self._worker,
            customer=event.customer,
            delivery=event.delivery,
            lane=event.lane,
            provider=event.provider,
            attempt=event.attempt,
            size=event.size,
            seconds=round(event.seconds, 4),
            dwell=round(event.dwell, 3),
            recovered=event.recovered,
        )
        self._archived.append(self._encode(line))

    def _write_archived(self) -> None:
        told, self._archived = self._archived, []
        if told:
            self._lines.msg(b"\n".join(told).decode())

    def _tell_throttled(self, event: LaneThrottled) -> None:
        known = self._throttles.get(event.customer)
        if known is not None:
            self._throttles[event.customer] = (event, known[1] + 1)
            return
        if not self._throttles:
            self._throttles_due = self._clock.time() + _THROTTLE_SECONDS
        self._throttles[event.customer] = (event, 0)
        self._write(logging.INFO, event, throttles=1)

    def _write_throttles(self) -> None:
        """Tells the sums; whoever had one goes on being counted, whoever was quiet for a minute begins anew."""
        told = self._throttles
        self._throttles = {customer: (event, 0) for customer, (event, more) in told.items() if more}
        self._throttles_due = self._clock.time() + _THROTTLE_SECONDS
        for event, more in told.values():
            if more:
                self._write(logging.INFO, event, throttles=more)

    def _write(self, level: int, event: Event, **more: Any) -> None:
        if not self._log.is_enabled_for(level):
            return
        fields = msgspec.to_builtins(event)
        name = fields.pop("type")
        if "seconds" in fields:
            fields["seconds"] = round(fields["seconds"], 4)
        self._log.log(level, name, **fields, **more)


def _told_lost(count: int, *, plain: bool) -> str:
    """What stands in the place of lines that nobody read in time."""
    if not plain:
        return f"{count} lines of the log are lost here: nobody read them in time"
    return msgspec.json.encode({"event": "LinesLost", "level": "warning", "timestamp": datetime.now(UTC), "lines": count}).decode()


def _json(fields: Any, **_: Any) -> str:
    return msgspec.json.encode(fields, enc_hook=str).decode()
