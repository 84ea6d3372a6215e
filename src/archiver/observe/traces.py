"""Each try of each item as a span of OpenTelemetry, for who has a place where traces are looked at. Needs the extra ``otel``.

In: the pipeline's events. Out: spans to whatever the standard variables name (``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_TRACES_SAMPLER``,
``OTEL_RESOURCE_ATTRIBUTES`` …). All tries of one delivery make one trace, whichever process made them: its id comes from the delivery.
"""

from __future__ import annotations

import hashlib
import time

from archiver.errors import ConfigError
from archiver.pipeline.events import DeliveryArchived, DeliveryFailed, Event

try:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
    from opentelemetry.trace import SpanKind, Status, StatusCode
except ModuleNotFoundError as missing:
    if missing.name is None or missing.name.partition(".")[0] != "opentelemetry":
        raise
    raise ConfigError("OpenTelemetry is not installed", hint="Install it: pip install 'call-archiver[otel]'") from missing

__all__ = ["Traces", "trace_id_of"]


def trace_id_of(customer: str, delivery: int) -> int:
    """The trace of a delivery; never 0, which would be none."""
    return int.from_bytes(hashlib.sha256(f"{customer}/{delivery}".encode()).digest()[:16], "big") | 1


class _TraceIds(RandomIdGenerator):
    """Gives the trace that comes next; samplers look at its id, so that all tries of a delivery are kept or none."""

    following = 0

    def generate_trace_id(self) -> int:
        return self.following


class Traces:
    """A listener that makes spans. They leave in batches from a thread of their own; those that nobody takes are dropped.

    Args:
        version: Of Archiver.
        exporter: Where they go; by default to OTLP over HTTP, as the environment says.
    """

    def __init__(self, version: str, exporter: SpanExporter | None = None) -> None:
        resource = Resource.create({"service.name": "archiver", "service.version": version})
        self._ids = _TraceIds()
        self._provider = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("archiver", version)

    def listen(self, event: Event) -> None:
        """A try has ended."""
        match event:
            case DeliveryArchived():
                self._span(event, "archived", {"archiver.size": event.size, "archiver.recovered": event.recovered})
            case DeliveryFailed():
                outcome = "deferred" if event.state == "waiting" else str(event.state)
                self._span(event, outcome, {"error.type": event.reason})
            case _:
                pass  # not about one delivery

    def close(self) -> None:
        """Sends what is left. Blocks, for some seconds if nobody takes it."""
        self._provider.shutdown()

    def _span(self, event: DeliveryArchived | DeliveryFailed, outcome: str, more: dict[str, str | int | bool]) -> None:
        ended = time.time_ns()
        self._ids.following = trace_id_of(event.customer, event.delivery)
        span = self._tracer.start_span(
            f"upload {event.provider}",
            kind=SpanKind.CLIENT,
            start_time=ended - int(event.seconds * 1e9),
            attributes={
                "archiver.customer": event.customer,
                "archiver.delivery": event.delivery,
                "archiver.lane": event.lane,
                "archiver.provider": event.provider,
                "archiver.attempt": event.attempt,
                "archiver.outcome": outcome,
                **more,
            },
        )
        if outcome != "archived":
            span.set_status(Status(StatusCode.ERROR, outcome))
        span.end(ended)
