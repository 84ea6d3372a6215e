"""``archiver run``: serves the database until it is told to stop."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated, Literal

import structlog
from cyclopts import Parameter

from archiver.app import Archiver, Progress
from archiver.cli.console import open_console
from archiver.cli.options import Options, settings_of
from archiver.cli.output import Output, bytes_text
from archiver.cli.progress import Display, live
from archiver.cli.signals import draining
from archiver.cli.starting import serving
from archiver.cli.status import tell_parked
from archiver.cli.version import installed_version
from archiver.cli.watching import Watch, watching
from archiver.errors import DatabaseUnavailableError
from archiver.observe import log
from archiver.settings import Settings

__all__ = ["run"]

_log = structlog.get_logger("archiver")


async def run(  # noqa: PLR0913  each is a flag
    *,
    until_empty: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    uploads_in_flight: int | None = None,
    bytes_in_flight: str | None = None,
    drain_seconds: float | None = None,
    sweep_seconds: float | None = None,
    metrics: str | None = None,
    console: str | None = None,
    traces: Annotated[bool | None, Parameter(negative="", show_default=False)] = None,
    log_items: Literal["auto", "yes", "no"] | None = None,
    options: Options | None = None,
) -> int:
    """Archive what every customer's sources have, and what comes, until told to stop.

    Customers may be added, paused and resumed by other commands meanwhile. The first SIGTERM or Ctrl-C lets uploads that have begun
    end; the second one ends at once. Nothing is lost either way. A database is served by one process at a time.

    ```
    archiver run
    archiver run --until-empty --json
    ```

    Args:
        until_empty: End by itself when the sources were read once and nothing is left that could be uploaded now. A source that
            cannot be read is tried three times; the exit code is then 1.
        uploads_in_flight: Most items on their way at one time.
        bytes_in_flight: Most bytes held in memory at one time, such as 32MiB.
        drain_seconds: How long uploads may still run after a stop was asked for.
        sweep_seconds: How often lanes are looked through for work that no hint told of.
        console: Serve the console there, such as 127.0.0.1:8470; it shows in a browser how everything is.
        metrics: Serve metrics and health there, such as 127.0.0.1:9464; nobody from outside should reach it.
        traces: Send each try of each item as a span to an OpenTelemetry collector, which the variables OTEL_… name.
        log_items: Whether each archived item is a log line; auto is where lines are JSON.
    """
    out = Output(options, lossy=True)
    settings = settings_of(
        options,
        uploads_in_flight=uploads_in_flight,
        bytes_in_flight=bytes_in_flight,
        drain_seconds=drain_seconds,
        sweep_seconds=sweep_seconds,
        metrics=metrics,
        console=console,
        traces=traces,
        log_items=log_items,
    )
    return await _serve(out, settings, until_empty=until_empty)


async def _serve(out: Output, settings: Settings, *, until_empty: bool) -> int:
    """Runs until it is told to stop, and says how it goes; the exit code."""
    stop = asyncio.Event()
    async with serving(settings) as archiver:
        page = await open_console(archiver, out)
        if not await archiver.customers():
            out.say("There are no customers yet; add some from elsewhere: archiver customers add NAME --from folder:PATH --to folder:PATH")
        out.say("Ctrl-C lets what has begun end, and stops.")
        with live(out) as display:
            items = None if settings.log_items == "auto" else settings.log_items == "yes"
            events = log.configure(settings.log_level, settings.log_format, items=items)
            async with watching(archiver, settings, stop, [events.listen]) as watch:
                with draining(stop, lambda: _tell_draining(out, display, settings, watch)):
                    _tell_serving(out, settings, watch)
                    beside = [display.watch(archiver), *watch.beside, *page]
                    ended = await archiver.run(stop, until_empty=until_empty, listener=watch.listener, beside=beside)
            progress = await _last(archiver, display)
            display.show(progress)
            events.close()
            _log.info("Stopped", drained=ended)
    _tell_end(out, progress, ended=ended)
    out.end()
    return 1 if until_empty and progress.unreadable else 0


async def _last(archiver: Archiver, display: Display) -> Progress:
    """How far it came, or was last seen to be: that the database is away makes no failure of a drain."""
    try:
        return await archiver.progress()
    except DatabaseUnavailableError:
        if display.latest is None:
            raise
        return display.latest


def _tell_serving(out: Output, settings: Settings, watch: Watch) -> None:
    if watch.address:
        out.say(f"Metrics: http://{watch.address}/metrics, health: http://{watch.address}/healthz")
    _log.info("Serving", database=settings.shown_database, pid=os.getpid(), version=installed_version(), metrics=watch.address)


def _tell_draining(out: Output, display: Display, settings: Settings, watch: Watch) -> None:
    watch.supervisor.stopping()
    uploads = sum(lane.in_flight for lane in display.latest.lanes) if display.latest else 0
    display.note = "stopping"
    _log.info("Draining", in_flight=uploads, seconds=settings.drain_seconds)
    out.say(f"Finishing {uploads} uploads, up to {settings.drain_seconds:g} s. Once more stops at once; nothing is lost either way.")


def _tell_end(out: Output, progress: Progress, *, ended: bool) -> None:
    waiting = sum(lane.waiting for lane in progress.lanes)
    rejected = sum(lane.rejected for lane in progress.lanes)
    out.say(f"Archived {progress.archived:,} items ({bytes_text(progress.archived_bytes)}) in {progress.seconds:.1f} s; {waiting:,} wait.")
    if not ended:
        out.say("Some uploads were cut short; they go on at the next start.")
    if rejected:
        out.say(f"{rejected:,} need a person: archiver deliveries --state rejected")
    tell_parked(out, progress.lanes)
    for customer, reason in progress.unreadable.items():
        out.say(f"A source of {customer} could not be read: {reason}")
    out.result(
        {
            "archived": progress.archived,
            "archived_bytes": progress.archived_bytes,
            "waiting": waiting,
            "rejected": rejected,
            "seconds": round(progress.seconds, 3),
            "drained": ended,
            "unreadable": progress.unreadable,
        }
    )
