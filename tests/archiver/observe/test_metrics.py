"""Events as numbers."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families

from archiver.destinations.port import CallKind
from archiver.errors import ThrottleKind
from archiver.lifecycle import DeliveryState
from archiver.model import ConnectionState
from archiver.observe.metrics import QUIET_IN_FLIGHT, Metrics
from archiver.pipeline import events
from archiver.pipeline.events import (
    BatchSettled,
    Born,
    CallEnded,
    CallResult,
    CustomerLost,
    CustomersDropped,
    CustomersTaken,
    DatabaseAway,
    Event,
    LaneParked,
    LaneThrottled,
    ProviderUnavailable,
    SourceFailed,
    SourceParked,
)
from support.told import archived, failed

CUSTOMER = "acme"

TOLD: list[tuple[Event, str, float]] = [
    (archived(), 'archiver_items_total{outcome="archived",provider="dropbox"}', 1),
    (archived(), 'archiver_upload_bytes_total{provider="dropbox"}', 1000),
    (archived(), 'archiver_upload_duration_seconds_sum{provider="dropbox"}', 0.25),
    (archived(), 'archiver_dwell_seconds_bucket{le="5.0",provider="dropbox"}', 1),
    (archived(), "archiver_fairness_quiet_dwell_seconds_count", 1),
    (archived(in_flight=QUIET_IN_FLIGHT), "archiver_fairness_quiet_dwell_seconds_count", 0),
    (archived(recovered=True), 'archiver_recovered_items_total{provider="dropbox"}', 1),
    (failed(), 'archiver_items_total{outcome="deferred",provider="dropbox"}', 1),
    (failed(), 'archiver_retries_total{class="TransientError"}', 1),
    (failed(state=DeliveryState.REJECTED), 'archiver_items_total{outcome="rejected",provider="dropbox"}', 1),
    (
        CallEnded(lane=2, provider="dropbox", kind=CallKind.COMMIT, result=CallResult.FAILED, seconds=0.3),
        'archiver_calls_total{kind="commit",provider="dropbox",result="failed"}',
        1,
    ),
    (
        LaneThrottled(lane=2, customer=CUSTOMER, provider="dropbox", until=1, kind=ThrottleKind.CONTENTION),
        'archiver_throttles_total{provider="dropbox",reason="contention"}',
        1,
    ),
    (
        LaneParked(lane=2, customer=CUSTOMER, provider="dropbox", state=ConnectionState.QUOTA_FULL, reason="full"),
        'archiver_lanes_parked_total{provider="dropbox",state="quota_full"}',
        1,
    ),
    (ProviderUnavailable(provider="dropbox", until=1, reason="no route"), 'archiver_provider_outages_total{provider="dropbox"}', 1),
    (Born(source=1, customer=CUSTOMER, items=7), "archiver_items_born_total", 7),
    (SourceFailed(source=1, customer=CUSTOMER, reason="x", retry_in=1.0), "archiver_source_failures_total", 1),
    (
        SourceParked(source=1, customer=CUSTOMER, provider="ringcentral", state=ConnectionState.RECONNECT_NEEDED, reason="x"),
        'archiver_sources_parked_total{provider="ringcentral",state="reconnect_needed"}',
        1,
    ),
    (BatchSettled(archived=1, others=0, refused=2, seconds=0.02), "archiver_outcomes_refused_total", 2),
    (BatchSettled(archived=1, others=0, refused=2, seconds=0.02), 'archiver_settle_duration_seconds_bucket{le="0.025"}', 1),
    (DatabaseAway(reason="disk full", waiting=3), "archiver_database_failures_total", 1),
    (CustomersTaken(worker="w", customers=5, careful=0), "archiver_customers_taken_total", 5),
    (CustomerLost(customer_id=1, epoch=2), "archiver_customers_lost_total", 1),
    (CustomersDropped(worker="w", customers=4, reason="late"), "archiver_customers_lost_total", 4),
]


@pytest.mark.parametrize(("event", "sample", "value"), TOLD, ids=[f"{type(event).__name__}-{sample}" for event, sample, _ in TOLD])
def test_an_event_counts(event: Event, sample: str, value: float) -> None:
    """Each under its name and labels."""
    metrics = Metrics("1.2.3")
    metrics.listen(event)
    assert f"{sample} {float(value)}" in metrics.page().decode().splitlines()


def test_no_customer_is_a_label() -> None:
    """Nor is a phone number or a detail: whatever is told, the page knows only providers, states and names of errors."""
    metrics = Metrics("1.2.3")
    for event, _, _ in [*TOLD, (failed(detail="502 of +15552345678"), "", 0)]:
        metrics.listen(event)
    page = metrics.page().decode()
    assert CUSTOMER not in page
    assert "5552345678" not in page
    labels = {name for family in text_string_to_metric_families(page) for sample in family.samples for name in sample.labels}
    assert labels <= {"provider", "outcome", "class", "kind", "result", "reason", "state", "le", "version", "generation"} | set(
        re.findall(r"(\w+)=", next(line for line in page.splitlines() if line.startswith("python_info")))
    )


def test_every_kind_of_event_is_taken() -> None:
    """Also those of which nothing is counted."""
    counted = {type(event) for event, _, _ in TOLD}
    assert set(get_args(Event)) - counted == {
        events.LaneWoke,
        events.LaneIdle,
        events.LaneResumed,
        events.SourceResumed,
        events.WorkerEntered,
        events.CustomersGivenBack,
    }
    metrics = Metrics("1.2.3")
    before = metrics.page().count(b"\n")
    metrics.listen(events.LaneWoke(lane=1, customer=CUSTOMER))
    assert metrics.page().count(b"\n") == before


def test_the_page_says_what_runs() -> None:
    """With the version, and the process's own numbers."""
    page = Metrics("1.2.3").page().decode()
    assert 'archiver_build_info{version="1.2.3"} 1.0' in page
    assert "process_resident_memory_bytes" in page
