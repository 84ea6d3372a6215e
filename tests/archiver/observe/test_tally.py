"""Counters and histograms as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from archiver.observe.tally import Spread, Tally


class Shelf(Collector):
    """Tells what it is given."""

    def __init__(self, *metrics: Tally | Spread) -> None:
        self.metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """The families."""
        for metric in self.metrics:
            yield metric.family()


def samples(*metrics: Tally | Spread) -> dict[tuple[str, tuple[str, ...]], float]:
    """What a Prometheus reads: name and values of labels → value."""
    registry = CollectorRegistry()
    registry.register(Shelf(*metrics))
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {(sample.name, tuple(sample.labels.values())): sample.value for family in families for sample in family.samples}


def test_a_tally_counts_by_its_labels() -> None:
    """One with labels has the series that were met; one without begins at 0, so that its first increase is seen."""
    calls, lost = Tally("calls", "Calls.", "provider"), Tally("lost", "Lost ones.")
    calls["dropbox",] += 1
    calls["dropbox",] += 2
    assert samples(calls, lost) == {("calls_total", ("dropbox",)): 3.0, ("lost_total", ()): 0.0}


def test_a_spread_counts_what_is_below_each_bound() -> None:
    """A value on a bound belongs below it; what lies above all of them is counted too; count and sum are told."""
    spread = Spread("took_seconds", "Took.", (0.5, 1))
    for value in (0.1, 0.5, 0.7, 9.0):
        spread.add((), value)
    found = samples(spread)
    assert [found["took_seconds_bucket", (bound,)] for bound in ("0.5", "1.0", "+Inf")] == [2.0, 3.0, 4.0]
    assert (found["took_seconds_count", ()], found["took_seconds_sum", ()]) == (4.0, 10.3)


def test_the_series_of_a_spread_are_apart() -> None:
    """What one provider took is not the other's."""
    spread = Spread("took_seconds", "Took.", (1,), "provider")
    spread.add(("a",), 0.5)
    spread.add(("b",), 0.5)
    spread.add(("b",), 0.5)
    found = samples(spread)
    assert (found["took_seconds_count", ("a",)], found["took_seconds_count", ("b",)]) == (1.0, 2.0)
