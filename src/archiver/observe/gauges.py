"""What can be seen of a running Archiver at one moment, as gauges: made from the same `Snapshot` that the console and `top` show.

In: a snapshot. Out: families for the registry. What comes from the database is the same on every worker of a fleet (take its maximum);
what is of the process (stages, lanes awake, what is on its way) adds up.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from archiver.model import ConnectionState
from archiver.snapshot import Snapshot

__all__ = ["Gauges"]


class Gauges(Collector):
    """Tells the last snapshot that it was given; nothing before the first.

    Args:
        home: Where the database and the keys are; the room on its disk is told.

    Attributes:
        latest: What it tells.
        lag: How far the event loop lags, in seconds.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self.latest: Snapshot | None = None
        self.lag = 0.0

    def collect(self) -> Iterator[Metric]:
        """Every family, for the registry."""
        yield _gauge("archiver_loop_lag_seconds", "The most that the event loop came too late within ten seconds.", self.lag)
        with contextlib.suppress(OSError):  # it was unmounted, say; then there is nothing to tell
            total, _, free = shutil.disk_usage(self._home)
            yield _gauge("archiver_home_size_bytes", "Of the disk where the home is.", total)
            yield _gauge("archiver_home_free_bytes", "Free there.", free)
        snapshot = self.latest
        if snapshot is None:
            return
        yield _gauge("archiver_database_up", "Whether the database can be read.", not snapshot.away)
        if not snapshot.away:  # else what is known is old, and looks as if nothing had changed
            yield from _of_the_database(snapshot)
        yield from _of_the_process(snapshot)


def _of_the_database(snapshot: Snapshot) -> Iterator[Metric]:
    totals = snapshot.totals
    age = max(0, snapshot.at - snapshot.oldest_waiting_at) / 1000 if snapshot.oldest_waiting_at is not None else 0.0
    yield _gauge("archiver_backlog_items", "Deliveries that wait, over all customers.", totals.waiting)
    yield _gauge("archiver_backlog_oldest_age_seconds", "Since when the oldest waiting item is known; 0 if none waits.", age)
    failed = GaugeMetricFamily("archiver_failed_items", "Deliveries that are not tried again by themselves.", labels=["state"])
    failed.add_metric(["rejected"], totals.rejected)
    failed.add_metric(["gone"], totals.gone)
    yield failed
    yield _gauge("archiver_archived_items", "Deliveries that are archived.", totals.archived)
    yield _gauge("archiver_archived_bytes", "Bytes that are archived.", totals.archived_bytes)
    customers = GaugeMetricFamily("archiver_customers", "Customers.", labels=["state"])
    customers.add_metric(["active"], totals.customers - totals.paused)
    customers.add_metric(["paused"], totals.paused)
    yield customers
    lanes = GaugeMetricFamily("archiver_lanes", "Lanes, by their connection's state.", labels=["state"])
    others = {state: totals.states.get(state, 0) for state in ConnectionState if state is not ConnectionState.ACTIVE}
    for state, count in ({ConnectionState.ACTIVE: totals.lanes - sum(others.values())} | others).items():
        lanes.add_metric([state], count)
    yield lanes
    yield _gauge("archiver_throttled_lanes", "Lanes that may not make a call before some moment to come.", totals.throttled)


def _of_the_process(snapshot: Snapshot) -> Iterator[Metric]:
    drawing = snapshot.drawing
    yield _gauge("archiver_serving", "Whether the pipeline runs in this process.", snapshot.serving)
    yield _gauge("archiver_unreadable_sources", "Customers with a source that cannot be read now.", len(snapshot.unreadable))
    awake = GaugeMetricFamily("archiver_lanes_awake", "Lanes that have an Uploader.", labels=["provider"])
    flying = GaugeMetricFamily("archiver_uploads_in_flight", "Items on their way.", labels=["provider"])
    for cloud in drawing.clouds:
        awake.add_metric([cloud.provider], cloud.lanes)
        flying.add_metric([cloud.provider], cloud.in_flight)
    yield awake
    yield flying
    demand = GaugeMetricFamily("stage_demand_outstanding", "Asked for and not yet given.", labels=["edge"])
    for edge in drawing.edges:
        demand.add_metric([f"{edge.giver.lower()}-{edge.taker.lower()}"], edge.demand)
    yield demand
    buffered = GaugeMetricFamily("stage_buffer_events", "What has arrived at a stage and not begun.", labels=["stage"])
    capacity = GaugeMetricFamily("stage_buffer_capacity", "What a stage may hold, begun or not.", labels=["stage"])
    busy = GaugeMetricFamily("stage_busy_ratio", "What is inside a stage, of what may be.", labels=["stage"])
    done = CounterMetricFamily("stage_events", "What a stage has done.", labels=["stage"])
    for stage in drawing.stages:
        name = stage.name.lower()
        buffered.add_metric([name], stage.waiting)
        done.add_metric([name], stage.done)
        if stage.most:
            capacity.add_metric([name], stage.most)
            busy.add_metric([name], stage.busy / stage.most)
    yield from (buffered, capacity, busy, done)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=float(value))
