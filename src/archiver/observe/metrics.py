"""What Prometheus is told of a process: counts of the pipeline's events, and whatever gauges are looked at when it asks.

In: events. Out: a page. No label ever names a customer: a hundred thousand of them would be millions of series. Labels are providers
(the destinations' adapters), outcomes, kinds, states and the names of errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.metrics_core import InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from archiver.observe.tally import Spread, Tally
from archiver.pipeline.events import (
    BatchSettled,
    Born,
    CallEnded,
    CustomerLost,
    CustomersDropped,
    CustomersTaken,
    DatabaseAway,
    DeliveryArchived,
    DeliveryFailed,
    Event,
    LaneParked,
    LaneThrottled,
    ProviderUnavailable,
    SourceFailed,
    SourceParked,
)

__all__ = ["CONTENT_TYPE", "QUIET_IN_FLIGHT", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
QUIET_IN_FLIGHT = 30
"""A lane that has fewer items on their way is a quiet one: what its items wait is what fairness must keep short."""

_CALL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_UPLOAD_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
_DWELL_SECONDS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600)
_SETTLE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)


class Metrics(Collector):
    """The numbers of one process, in a registry of their own.

    Args:
        version: Of Archiver.
        looks: What is asked besides at each look, such as gauges.
    """

    def __init__(self, version: str, looks: Iterable[Collector] = ()) -> None:
        self._version = version
        self._items = Tally("archiver_items", "Tries that ended, by outcome.", "provider", "outcome")
        self._bytes = Tally("archiver_upload_bytes", "Bytes of archived items.", "provider")
        self._recovered = Tally("archiver_recovered_items", "Archived items that the storage had already.", "provider")
        self._retries = Tally("archiver_retries", "Failed tries that will be made again, by error.", "class")
        self._calls = Tally("archiver_calls", "Calls of destinations, by how they ended.", "provider", "kind", "result")
        self._throttles = Tally("archiver_throttles", "Calls that were refused for their rate.", "provider", "reason")
        self._parked = Tally("archiver_lanes_parked", "Lanes that began to wait for a person or a probe.", "provider", "state")
        self._outages = Tally("archiver_provider_outages", "Times that a provider was taken for unreachable.", "provider")
        self._born = Tally("archiver_items_born", "New items that sources had.")
        self._unreadable = Tally("archiver_source_failures", "Times that a source could not be read.")
        self._locked_out = Tally("archiver_sources_parked", "Sources that began to wait for a person.", "provider", "state")
        self._refused = Tally("archiver_outcomes_refused", "Outcomes not written, since another worker owns the customer.")
        self._away = Tally("archiver_database_failures", "Times that the database could not be read or written.")
        self._taken = Tally("archiver_customers_taken", "Customers that this worker began to serve.")
        self._lost = Tally("archiver_customers_lost", "Customers that this worker lost: another one has them, or it was taken for dead.")
        self._uploads = Spread("archiver_upload_duration_seconds", "Uploads of archived items.", _UPLOAD_SECONDS, "provider")
        self._dwell = Spread("archiver_dwell_seconds", "From found to archived.", _DWELL_SECONDS, "provider")
        quiet = f"From found to archived, of lanes with fewer than {QUIET_IN_FLIGHT} items on their way."
        self._quiet = Spread("archiver_fairness_quiet_dwell_seconds", quiet, _DWELL_SECONDS)
        self._call_seconds = Spread("archiver_call_duration_seconds", "Calls of destinations.", _CALL_SECONDS, "provider", "kind")
        self._settles = Spread("archiver_settle_duration_seconds", "Writes of a batch of outcomes.", _SETTLE_SECONDS)
        self._counters: dict[type, Callable[[Any], None]] = {
            BatchSettled: self._batch_settled,
            Born: lambda event: _add(self._born, (), event.items),
            CallEnded: self._call_ended,
            CustomerLost: lambda _: _add(self._lost, ()),
            CustomersDropped: lambda event: _add(self._lost, (), event.customers),
            CustomersTaken: lambda event: _add(self._taken, (), event.customers),
            DatabaseAway: lambda _: _add(self._away, ()),
            DeliveryArchived: self._archived,
            DeliveryFailed: self._failed,
            LaneParked: lambda event: _add(self._parked, (event.provider, event.state)),
            LaneThrottled: lambda event: _add(self._throttles, (event.provider, event.kind)),
            ProviderUnavailable: lambda event: _add(self._outages, (event.provider,)),
            SourceFailed: lambda _: _add(self._unreadable, ()),
            SourceParked: lambda event: _add(self._locked_out, (event.provider, event.state)),
        }
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        for look in (self, *looks):
            self._registry.register(look)

    def page(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self._registry)

    def listen(self, event: Event) -> None:
        """Counts an event."""
        count = self._counters.get(type(event))
        if count is not None:
            count(event)

    def collect(self) -> Iterator[Metric]:
        """Every family, for the registry."""
        yield InfoMetricFamily("archiver_build", "What runs.", value={"version": self._version})
        for metric in vars(self).values():
            if isinstance(metric, Tally | Spread):
                yield metric.family()

    def _archived(self, event: DeliveryArchived) -> None:
        provider = (event.provider,)
        self._items[event.provider, "archived"] += 1
        self._bytes[provider] += event.size
        self._uploads.add(provider, event.seconds)
        self._dwell.add(provider, event.dwell)
        if event.in_flight < QUIET_IN_FLIGHT:
            self._quiet.add((), event.dwell)
        if event.recovered:
            self._recovered[provider] += 1

    def _failed(self, event: DeliveryFailed) -> None:
        again = event.state == "waiting"
        self._items[event.provider, "deferred" if again else event.state] += 1
        if again:
            self._retries[event.reason,] += 1

    def _call_ended(self, event: CallEnded) -> None:
        self._calls[event.provider, event.kind, event.result] += 1
        self._call_seconds.add((event.provider, event.kind), event.seconds)

    def _batch_settled(self, event: BatchSettled) -> None:
        self._settles.add((), event.seconds)
        self._refused[()] += event.refused


def _add(tally: Tally, key: tuple[str, ...], count: float = 1) -> None:
    tally[key] += count
