"""Tries as spans, in memory and to a collector on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from archiver.observe.traces import Traces, trace_id_of
from archiver.pipeline.events import LaneWoke
from support.told import archived, failed


class Collector(ThreadingHTTPServer):
    """Takes traces as a collector does, and keeps them."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        super().__init__(("127.0.0.1", 0), Taker)


class Taker(BaseHTTPRequestHandler):
    """One request."""

    server: Collector

    def do_POST(self) -> None:
        """Takes it."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = ExportTraceServiceRequest()
        if self.headers.get("Content-Encoding", "identity") == "identity":
            request.ParseFromString(body)
            self.server.requests.append(request)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the parent's name
        """Says nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def test_all_tries_of_a_delivery_are_one_trace() -> None:
    """A failed try and the one that archived it; another delivery's is another trace, and what is about none makes no span."""
    exporter = InMemorySpanExporter()
    traces = Traces("1.2.3", exporter)
    for event in (failed(1, detail="CANARY"), archived(1), archived(2), LaneWoke(lane=2, customer="acme")):
        traces.listen(event)
    traces.close()
    first, second, other = exporter.get_finished_spans()
    assert first.context.trace_id == second.context.trace_id == trace_id_of("acme", 1)
    assert first.context.span_id != second.context.span_id
    assert other.context.trace_id == trace_id_of("acme", 2)
    assert (first.status.status_code, second.status.status_code) == (StatusCode.ERROR, StatusCode.UNSET)
    assert (first.attributes or {})["error.type"] == "TransientError"
    assert (second.attributes or {})["archiver.outcome"] == "archived"
    assert (second.end_time or 0) - (second.start_time or 0) == 250_000_000
    assert "CANARY" not in first.to_json()


def test_they_reach_a_collector(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the standard variable, with who we are; everything is there when it is closed."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}")
    traces = Traces("1.2.3")
    for delivery in range(1000):
        traces.listen(archived(delivery))
    traces.close()
    scopes = [scope for request in collector.requests for resource in request.resource_spans for scope in resource.scope_spans]
    assert sum(len(scope.spans) for scope in scopes) == 1000
    resource = collector.requests[0].resource_spans[0].resource
    attributes = {attribute.key: attribute.value.string_value for attribute in resource.attributes}
    assert (attributes["service.name"], attributes["service.version"]) == ("archiver", "1.2.3")


def test_a_sampler_keeps_all_tries_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the deliveries, and those whole."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    exporter = InMemorySpanExporter()
    traces = Traces("1.2.3", exporter)
    for delivery in range(200):
        traces.listen(failed(delivery))
        traces.listen(archived(delivery))
    traces.close()
    spans = exporter.get_finished_spans()
    kept = {span.context.trace_id for span in spans}
    assert len(spans) == 2 * len(kept)
    assert 60 < len(kept) < 140
