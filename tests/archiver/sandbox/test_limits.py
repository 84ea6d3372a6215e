"""What the sandbox permits."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.sandbox.limits import CommitLock, Limits, RateMeter


def admitted(meter: RateMeter, times: list[float]) -> int:
    """How many calls at these times are admitted."""
    return sum(meter.admit(time) for time in times)


def test_without_limits_everything_is_admitted() -> None:
    """Any number at one moment."""
    assert admitted(RateMeter(Limits(), 0), [0.0] * 1000) == 1000


def test_a_bucket_admits_its_burst_and_then_its_rate() -> None:
    """Calls that are not refused do not change what is left."""
    meter = RateMeter(Limits(calls_per_second=2, burst=5, count_refused=False), 0)
    assert admitted(meter, [0.0] * 8) == 5
    assert admitted(meter, [0.25, 0.5, 0.75, 1.0]) == 2
    assert admitted(meter, [100.0] * 8) == 5


def test_refused_calls_use_up_the_bucket() -> None:
    """Hammering at a refused rate never gets in; waiting does."""
    limits = Limits(calls_per_second=1, burst=1, count_refused=True)
    meter = RateMeter(limits, 0)
    assert admitted(meter, [0.0]) == 1
    assert admitted(meter, [tenth / 10 for tenth in range(1, 100)]) == 0
    assert meter.admit(12.0)


def test_a_fixed_window_admits_its_number() -> None:
    """A new window begins at each multiple of its length."""
    meter = RateMeter(Limits(window_calls=3, window_seconds=60), 0)
    assert admitted(meter, [59.0] * 5) == 3
    assert admitted(meter, [60.0] * 5) == 3
    assert Limits(window_calls=3, window_seconds=60).rate == 0.05


def test_limits_change_at_once() -> None:
    """What is in the bucket stays as far as it fits; every rate that counted is remembered."""
    meter = RateMeter(Limits(calls_per_second=10, burst=10), 0)
    meter.change(Limits(calls_per_second=1, burst=2, latency=1), 5)
    assert admitted(meter, [5.0] * 5) == 2
    meter.change(Limits(calls_per_second=1, burst=2, latency=2), 6)
    assert [(span.since, span.calls_per_second, span.burst) for span in meter.spans] == [(0, 10, 10), (5, 1, 2)]


def test_only_known_limits_of_the_right_type_are_taken() -> None:
    """Names and types are checked."""
    assert Limits().changed({"burst": 3}).burst == 3
    with pytest.raises(msgspec.ValidationError, match="no such limit: bursts"):
        Limits().changed({"bursts": 3})
    with pytest.raises(msgspec.ValidationError):
        Limits().changed({"burst": "many"})


def test_commits_wait_for_each_other() -> None:
    """One after the other; the next waits until all before it are done."""
    lock, limits = CommitLock(), Limits(commit_seconds=0.1, commit_seconds_per_file=0.01)
    assert lock.enter(0, 10, limits) == pytest.approx(0.2)
    assert lock.enter(0, 10, limits) == pytest.approx(0.4)
    assert lock.enter(10, 1, limits) == pytest.approx(0.11)


def test_a_commit_that_would_wait_too_long_is_refused() -> None:
    """And holds nothing."""
    lock, limits = CommitLock(), Limits(commit_seconds=1, commit_wait=0.5)
    assert lock.enter(0, 1, limits) == 1
    assert lock.enter(0.25, 1, limits) is None
    assert lock.enter(0.5, 1, limits) == 1.5


@given(
    rate=st.floats(0.1, 50),
    burst=st.floats(1, 20),
    counts=st.booleans(),
    gaps=st.lists(st.floats(0, 0.5), max_size=200),
)
def test_a_bucket_never_admits_more_than_it_permits(*, rate: float, burst: float, counts: bool, gaps: list[float]) -> None:
    """Burst and rate bound what is admitted, whatever is sent."""
    meter = RateMeter(Limits(calls_per_second=rate, burst=burst, count_refused=counts), 0)
    now, count = 0.0, 0
    for gap in gaps:
        now += gap
        count += meter.admit(now)
        assert count <= burst + rate * now + 1e-6


def test_every_limit_is_documented() -> None:
    """The page has a row for each, with its default."""
    page = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text()
    for name, default in msgspec.to_builtins(Limits()).items():
        shown = default if isinstance(default, str) else msgspec.json.encode(default).decode().removesuffix(".0")
        assert re.search(rf"^\| `{name}` \| .* \| {shown} \|$", page, re.MULTILINE), name
