"""Signals of a running Archiver: the first one drains, the second one ends the process at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["draining"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def draining(stop: asyncio.Event, tell: Callable[[], None], *, at_once: Callable[[int], None] = os._exit) -> Iterator[None]:
    """Within it, SIGINT and SIGTERM set ``stop``; the second of them exits with 128 + its number. Nothing is lost either way.

    Args:
        stop: What drains.
        tell: Says so to people, at the first signal.
        at_once: Ends the process.
    """
    loop = asyncio.get_running_loop()

    def handle(number: int) -> None:
        if stop.is_set():
            sys.stdout.flush()
            sys.stderr.flush()
            at_once(128 + number)
        else:
            stop.set()
            tell()

    for number in _SIGNALS:
        loop.add_signal_handler(number, handle, number)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
