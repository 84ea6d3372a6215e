"""The pipeline's events as log lines: text for a terminal, JSON for machines. Events carry no secrets and no personal data."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import msgspec
import structlog

from archiver.pipeline.events import (
    BatchSettled,
    CustomerLost,
    CustomersDropped,
    DatabaseAway,
    DeliveryFailed,
    Event,
    LaneIdle,
    LaneParked,
    LaneWoke,
    Listener,
    ProviderUnavailable,
    SourceFailed,
)

__all__ = ["configure", "log_events"]

_LEVELS = {
    BatchSettled: logging.DEBUG,
    LaneIdle: logging.DEBUG,
    LaneWoke: logging.DEBUG,
    CustomerLost: logging.WARNING,
    CustomersDropped: logging.WARNING,
    DeliveryFailed: logging.WARNING,
    LaneParked: logging.WARNING,
    ProviderUnavailable: logging.WARNING,
    SourceFailed: logging.WARNING,
    DatabaseAway: logging.ERROR,
}


def configure(level: str, style: str, stream: TextIO | None = None) -> None:
    """Sets up logging for the whole process, once.

    Args:
        level: The least important level that is written: ``debug``, ``info``, ``warning`` or ``error``.
        style: ``json``, ``text``, or ``auto``: text on a terminal, else JSON.
        stream: Where lines go; standard error by default.
    """
    stream = stream or sys.stderr
    plain = style == "json" or (style == "auto" and not stream.isatty())
    renderer: Any = structlog.processors.JSONRenderer() if plain else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # Access lines of clients would name paths in customers' storages.
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)


def log_events() -> Listener:
    """A listener that writes every event as one line."""
    logger = structlog.get_logger("archiver")

    def listen(event: Event) -> None:
        level = _LEVELS.get(type(event), logging.INFO)
        if logging.getLogger("archiver").isEnabledFor(level):
            fields = msgspec.to_builtins(event)
            logger.log(level, fields.pop("type"), **fields)

    return listen
