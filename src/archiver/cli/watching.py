"""Everybody who watches a running Archiver: the log, the metrics and health server, traces, the process's supervisor."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager

import msgspec

from archiver.app import Archiver
from archiver.cli.version import installed_version
from archiver.observe.gauges import Gauges
from archiver.observe.listeners import Listener, together
from archiver.observe.metrics import Metrics
from archiver.observe.pulse import Pulse
from archiver.observe.server import Watched, answering
from archiver.observe.supervisor import Supervisor
from archiver.settings import Settings
from genstage.clock import SystemClock

__all__ = ["Watch", "watching"]


class Watch(msgspec.Struct, frozen=True):
    """What a running Archiver is to be given.

    Attributes:
        listener: Told what happens.
        beside: What must run beside it.
        address: Where metrics and health are served; empty if they are not.
        supervisor: Who is told that it stops.
    """

    listener: Listener
    beside: Sequence[Coroutine[None, None, None]]
    address: str
    supervisor: Supervisor


@asynccontextmanager
async def watching(archiver: Archiver, settings: Settings, stop: asyncio.Event, listeners: Sequence[Listener]) -> AsyncIterator[Watch]:
    """Watches within it.

    Args:
        archiver: Open, and about to run.
        settings: Say who watches.
        stop: Set when it drains.
        listeners: Who else is told what happens.

    Raises:
        ConfigError: The address of the metrics cannot be served, or traces are asked for and not installed.
    """
    clock = SystemClock()
    pulse = Pulse(clock, archiver.under_way)
    supervisor = Supervisor(os.environ, pulse.alive, clock)
    async with _tracing(settings) as tracing:
        everybody = [pulse.listen, *tracing, *listeners]
        if not settings.metrics:
            yield Watch(together(*everybody), (pulse.run(), supervisor.run()), "", supervisor)
            return
        gauges = Gauges(settings.home)
        metrics = Metrics(installed_version(), [gauges])
        watched = Watched(
            lambda: archiver.snapshot(limit=0),
            pulse,
            draining=stop.is_set,
            metrics=metrics,
            gauges=gauges,
        )
        async with answering(settings.metrics, watched) as address:
            yield Watch(together(metrics.listen, *everybody), (pulse.run(), supervisor.run()), address, supervisor)


@asynccontextmanager
async def _tracing(settings: Settings) -> AsyncIterator[Sequence[Listener]]:
    if not settings.traces:
        yield ()
        return
    from archiver.observe.traces import Traces  # noqa: PLC0415  what it needs is an extra

    traces = Traces(installed_version())
    try:
        yield (traces.listen,)
    finally:
        await asyncio.to_thread(traces.close)
