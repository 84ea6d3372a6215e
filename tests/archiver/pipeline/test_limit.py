from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.pipeline.limit import Limit


def ramp(limit: Limit, rate: float, burst: float, paces: list[float], *, pause: float = 1000.0, start: float = 0.0) -> float:
    """Sends calls to a full bucket, at each pace for two seconds, until one is refused; returns when the pause is over."""
    now, level = start, burst
    index = 0
    while True:
        pace = paces[min(index, len(paces) - 1)]
        if now - start > 2 * (index + 1) and index < len(paces) - 1:
            index += 1
            limit.turn(now)
        limit.sent()
        level = min(burst, level + rate / pace) - 1
        if level < 0:
            limit.unsent(1)
            limit.turn(now, refused=True)
            return now + pause
        now += 1 / pace


def test_one_refusal_leaves_a_curve() -> None:
    """One refusal is explained by a small rate with a big burst as well as by the other way round."""
    limit = Limit(0.0)
    ramp(limit, 10, 10, [5, 10, 20, 40])
    bounds = limit.bounds(41.0)
    assert bounds is not None
    assert bounds.best is None
    assert bounds.low < 1
    assert bounds.high > 30
    assert bounds.burst(5) > bounds.burst(10) > bounds.burst(20)


def test_a_refusal_comes_later_than_its_call() -> None:
    """Changes of pace after a refused call was sent, and the calls sent meanwhile, change nothing of what it tells."""
    prompt, late = Limit(0.0), Limit(0.0)
    for limit in (prompt, late):
        for _ in range(10):
            limit.sent()
        limit.turn(2.0)
        for _ in range(21):
            limit.sent()
    prompt.unsent(1)
    prompt.turn(4.0, refused=True)
    for now in (4.1, 4.2):
        late.turn(now)
        late.sent()
        late.sent()
    late.unsent(1 + 4)
    late.turn(4.0, refused=True)
    before, after = prompt.bounds(20.0), late.bounds(20.0)
    assert before is not None
    assert after is not None
    assert (after.low, after.high, after.pick(1.0)) == pytest.approx((before.low, before.high, before.pick(1.0)))


def test_what_is_taken_for_granted_picks_a_rate_from_the_curve() -> None:
    """A bucket that does hold a second's calls is found by the first refusal; more of a burst taken for granted gives a smaller rate."""
    limit = Limit(0.0)
    ramp(limit, 10, 10, [5, 10, 20, 40])
    bounds = limit.bounds(41.0)
    assert bounds is not None
    assert bounds.pick(1.0) == pytest.approx(10, rel=0.1)
    assert bounds.pick(10.0) < bounds.pick(3.0) < bounds.pick(1.0)


@settings(max_examples=40, deadline=None)
@given(rate=st.floats(1, 50), seconds=st.floats(0.5, 10))
def test_two_refusals_leave_a_point(rate: float, seconds: float) -> None:
    """Refusals after calls at two different paces tell the rate of any bucket to a few percent, whatever its burst."""
    burst = max(5.0, rate * seconds)
    limit = Limit(0.0)
    then = ramp(limit, rate, burst, [rate * 2, rate * 4, rate * 8])
    limit.turn(then)
    ramp(limit, rate, burst, [rate * 1.15], start=then)
    bounds = limit.bounds(rate * 1.17)
    assert bounds is not None
    assert bounds.pick(1.0) == pytest.approx(rate, rel=0.05)
    assert bounds.burst(bounds.pick(1.0)) == pytest.approx(burst, rel=0.25, abs=2)


def test_a_limit_that_fell_contradicts_the_evidence() -> None:
    """After long at a pace that was taken, a refusal at that very pace leaves nothing: the limit has changed."""
    limit = Limit(0.0)
    then = ramp(limit, 10, 10, [20, 40])
    limit.turn(then)
    then = ramp(limit, 10, 10, [11.5], start=then)
    limit.turn(then)
    for _ in range(9800):
        limit.sent()
    limit.turn(then + 1000)
    for _ in range(5):
        limit.sent()
    limit.turn(then + 1000.5, refused=True)
    assert limit.bounds(9.7) is None


def test_without_a_refusal_there_are_no_bounds() -> None:
    """Nothing is concluded from calls that were all taken, nor after everything was forgotten."""
    limit = Limit(0.0)
    limit.sent()
    limit.turn(1.0)
    assert limit.bounds(10.0) is None
    limit.turn(2.0, refused=True)
    assert limit.bounds(10.0) is not None
    limit.forget(3.0)
    assert limit.bounds(10.0) is None


def test_the_mean_looks_back_over_stretches() -> None:
    """The mean of the last seconds takes part of a stretch where it must, and counts time without calls."""
    limit = Limit(0.0)
    for _ in range(100):
        limit.sent()
    limit.turn(10.0)
    limit.turn(20.0)
    for _ in range(20):
        limit.sent()
    limit.turn(30.0)
    assert limit.mean(10) == pytest.approx(2)
    assert limit.mean(20) == pytest.approx(1)
    assert limit.mean(25) == pytest.approx((20 + 50) / 25)
    assert limit.mean(1000) == pytest.approx(0.12)


@given(st.lists(st.tuples(st.sampled_from(["sent", "unsent", "turn", "refused"]), st.floats(-5, 50)), max_size=400))
@settings(max_examples=50, deadline=None)
def test_any_history_is_survived(history: list[tuple[str, float]]) -> None:
    """Whatever the order, also of times that go back: no error, bounded memory, and bounds that are in order."""
    limit = Limit(0.0)
    now = 0.0
    for what, step in history:
        now += step
        match what:
            case "sent":
                limit.sent()
            case "unsent":
                limit.unsent(3)
            case "turn":
                limit.turn(now)
            case _:
                limit.turn(now, refused=True)
    assert len(limit._stretches) <= 300
    bounds = limit.bounds(20.0)
    if bounds is not None:
        assert 0 < bounds.low <= bounds.pick(1.0) <= bounds.high <= 20.0 * 1.001
        assert bounds.burst(bounds.pick(1.0)) >= 1
