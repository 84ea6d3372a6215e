from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genstage import DefinitionError
from genstage.broadway.bucket import Bucket, RateLimit


def test_a_bucket_is_full_at_first_and_refills_evenly() -> None:
    """Ten a second: ten at once, then one each tenth of a second."""
    bucket = Bucket(RateLimit(10), now=0.0)
    assert bucket.room(0.0) == 10
    bucket.charge(10, 0.0)
    assert (bucket.room(0.0), bucket.due(0.0), bucket.room(0.05), bucket.room(0.1)) == (0, 0.1, 0, 1)
    assert bucket.room(100.0) == 10


def test_a_burst_may_be_smaller() -> None:
    """With a burst of 1 nothing is ever begun together."""
    bucket = Bucket(RateLimit(10, interval=1.0, burst=1), now=0.0)
    assert bucket.room(5.0) == 1
    bucket.charge(1, 5.0)
    assert bucket.due(5.0) == pytest.approx(5.1)


def test_what_did_not_begin_is_given_back() -> None:
    """A negative charge undoes one, and never overfills."""
    bucket = Bucket(RateLimit(3), now=0.0)
    bucket.charge(3, 0.0)
    bucket.charge(-2, 0.0)
    assert bucket.room(0.0) == 2
    bucket.charge(-9, 0.0)
    assert (bucket.room(0.0), bucket.full(0.0)) == (3, 0.0)


def test_a_limit_is_changed_at_once_and_what_has_begun_counts() -> None:
    """Five of ten have begun: with a limit of 20 there are 15 left, with one of 3 it takes until the debt is paid."""
    bucket = Bucket(RateLimit(10), now=0.0)
    bucket.charge(5, 0.0)
    bucket.change(RateLimit(20), 0.0)
    assert bucket.room(0.0) == 15
    bucket.change(RateLimit(3), 0.0)
    assert bucket.room(0.0) == 0
    assert bucket.due(0.0) == pytest.approx(1.0)


@given(st.integers(1, 50), st.floats(0.1, 10), st.lists(st.tuples(st.floats(0, 3), st.integers(1, 20)), max_size=30))
def test_no_more_than_allowed_ever_begins(allowed: int, interval: float, steps: list[tuple[float, int]]) -> None:
    """However it is used: at most a burst, and the rate over the whole time."""
    bucket = Bucket(RateLimit(allowed, interval), now=0.0)
    now, begun = 0.0, 0
    for wait, wanted in steps:
        now += wait
        count = min(wanted, bucket.room(now))
        bucket.charge(count, now)
        begun += count
        assert begun <= allowed + now * allowed / interval + 0.01
        assert bucket.room(bucket.due(now)) >= 1


@pytest.mark.parametrize("arguments", [(0,), (5, 0.0), (5, 1.0, 0)])
def test_limits_that_cannot_be_are_refused(arguments: tuple[float, ...]) -> None:
    """To allow nothing is a pause."""
    with pytest.raises(DefinitionError, match="to allow none, pause"):
        RateLimit(*arguments)  # type: ignore[arg-type]  # mixed numbers
