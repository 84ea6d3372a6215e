from __future__ import annotations

from typing import Any

import pytest

from genstage import DefinitionError
from genstage.broadway import Batcher, Options, Processors, RateLimit, Retry
from genstage.supervision import Backoff


def test_the_defaults_are_broadways() -> None:
    """Ten messages a processor, asked again at five; batches of a hundred, a second at most."""
    options = Options()
    assert (options.processors.concurrency, options.processors.max_demand, options.processors.least) == (10, 10, 5)
    assert (options.batchers, options.shutdown, options.processors.capacity) == ((), 30.0, 100)
    batcher = Batcher()
    assert (batcher.name, batcher.size, batcher.timeout, batcher.concurrency, batcher.capacity) == ("default", 100, 1.0, 1, 200)
    assert Batcher(size=list, max_demand=7).capacity == 7


@pytest.mark.parametrize(
    ("kind", "settings", "text"),
    [
        (Processors, {"concurrency": 0}, "concurrency >= 1"),
        (Processors, {"max_demand": 5, "min_demand": 5}, "min_demand < max_demand"),
        (Processors, {"time_limit": 0}, "seconds > 0"),
        (Batcher, {"size": 0}, "at least 1"),
        (Batcher, {"size": "many"}, "a number or a Splitter"),
        (Batcher, {"size": list}, "say with max_demand"),
        (Batcher, {"timeout": 0}, "timeout > 0"),
        (Batcher, {"concurrency": 0}, "concurrency >= 1"),
        (Batcher, {"max_demand": 0}, "max_demand >= 1"),
        (Batcher, {"time_limit": -1}, "seconds > 0"),
        (Retry, {"attempts": 0}, "at least 1"),
        (Options, {"batchers": (Batcher("a"), Batcher("a"))}, "two batchers have the same name"),
        (Options, {"key_rate_limit": RateLimit(5)}, "key_rate_limit needs key"),
    ],
)
def test_options_that_cannot_work_are_refused(kind: Any, settings: dict[str, Any], text: str) -> None:
    """Each says what to give."""
    with pytest.raises(DefinitionError, match=text):
        kind(**settings)


def test_a_retry_waits_longer_each_time_and_ends() -> None:
    """The delay grows with the failures, its jitter takes some of it off; the last failure has none."""
    retry = Retry(attempts=3, backoff=Backoff(first=1.0, most=60.0, factor=2.0, jitter=0.5))
    error = OSError()
    assert [retry.delay(error, failures, 0.0) for failures in (1, 2, 3)] == [1.0, 2.0, None]
    assert retry.delay(error, 2, 1.0) == 1.0


def test_a_retry_looks_at_the_error() -> None:
    """Some are not worth it; some say by themselves how long to wait; cancellations are none of its business."""
    retry = Retry(when=lambda error: isinstance(error, OSError), after=lambda error: 30.0 if str(error) == "429" else None)
    assert retry.delay(ValueError(), 1, 0.0) is None
    assert retry.delay(OSError("429"), 1, 0.5) == 30.0
    assert retry.delay(OSError(), 1, 0.0) == 0.5
    assert retry.delay(KeyboardInterrupt(), 1, 0.0) is None
