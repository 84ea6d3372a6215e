from __future__ import annotations

import pytest

from archiver.pipeline.rate import SLOWEST, Phase, Rate


class Lane:
    """Sends calls as fast as the rate allows, to a bucket or a window, without latency; obeys Retry-After."""

    def __init__(self, rate: float, burst: float, *, retry_after: float = 15.0) -> None:
        self.limit, self.burst, self.retry_after = rate, burst, retry_after
        self.rate = Rate(0.0)
        self.now = self.last = 0.0
        self.level = burst
        self.taken = self.refusals = 0
        self.alone = False

    def run(self, seconds: float) -> float:
        """Runs for so long; returns the calls per second that were taken."""
        end, before = self.now + seconds, self.taken
        while self.now < end:
            self.rate.sent(self.now, self.now - self.last, idle=False, alone=self.alone)
            self.level = min(self.burst, self.level + self.limit * (self.now - self.last))
            self.last = self.now
            if self.level >= 1:
                self.level -= 1
                self.taken += 1
                self.rate.taken(late=False)
                if self.alone:
                    self.rate.over(self.now)
                self.alone = False
                self.now += 1 / self.rate.pace()
            else:
                self.refusals += 1
                if self.alone:
                    self.rate.again(self.now, self.now)
                else:
                    self.rate.refused(self.now, self.now, 0)
                    self.rate.asked(self.now + self.retry_after, self.retry_after)
                self.alone = True
                self.now += self.retry_after
        return (self.taken - before) / seconds


def test_it_starts_gently_and_doubles() -> None:
    """Nothing refused: two calls a second at first, a hundred after some seconds; no limit is believed in."""
    lane = Lane(1e9, 1e9)
    assert lane.run(2) <= 4
    lane.run(18)
    assert lane.rate.value > 100
    assert lane.rate.phase is Phase.START
    assert lane.rate.limit is None


@pytest.mark.parametrize(("latency", "seconds"), [(0.01, 0.3), (0.2, 1.4), (5.0, 3.0)])
def test_it_doubles_as_fast_as_answers_come(latency: float, seconds: float) -> None:
    """Seven answers one after the other, but at least 0.3 and at most 3 seconds, double the rate."""
    lane = Lane(1e9, 1e9)
    lane.rate.latency = latency
    lane.run(4 * seconds)
    before = lane.rate.value
    lane.run(seconds)
    assert lane.rate.value == pytest.approx(2 * before, rel=0.2)


def test_it_does_not_grow_without_work() -> None:
    """Calls that come later than they might have come raise nothing, whatever time passes between them."""
    rate = Rate(0.0)
    for now in range(1, 1000, 10):
        rate.sent(float(now), 10.0, idle=True, alone=False)
    assert rate.value == 2.0


@pytest.mark.parametrize(("limit", "burst"), [(12, 12), (12, 60), (3, 3), (3, 15), (50, 25), (0.7, 5)])
def test_it_lives_just_below_a_bucket(limit: float, burst: float) -> None:
    """After some refusals the rate stays between 0.95 of the limit and the limit, and few calls are refused any more."""
    lane = Lane(limit, burst)
    lane.run(1800)
    refusals = lane.refusals
    assert lane.run(1800) >= 0.94 * limit  # four Retry-Afters of 15 s are 0.033 of it
    assert lane.rate.value >= 0.95 * limit
    assert lane.refusals - refusals <= 4
    assert lane.rate.limit == pytest.approx(limit, rel=0.05)


def test_a_lowered_limit_is_believed_at_once() -> None:
    """When the limit falls to a third, a few refusals are enough to live below the new one."""
    lane = Lane(12, 12)
    lane.run(1800)
    lane.limit = 4
    refusals = lane.refusals
    lane.run(120)
    assert lane.refusals - refusals <= 5
    assert lane.rate.limit is not None
    assert lane.rate.limit <= 4.4
    assert lane.run(600) >= 0.9 * 4


def test_a_raised_limit_is_found_within_ten_minutes() -> None:
    """A limit that fell and came back is used again within ten minutes, at 15 seconds a refusal."""
    lane = Lane(12, 12)
    lane.run(1200)
    lane.limit = 4
    lane.run(1200)
    lane.limit = 12
    lane.run(600)
    assert lane.run(60) >= 0.75 * 12  # a minute may contain a refusal and its 15 seconds
    assert lane.rate.limit == pytest.approx(12, rel=0.1)


def test_a_limit_that_fell_for_a_moment_is_used_again_soon() -> None:
    """Where refusals are cheap, a limit that was halved for ten seconds is used again within fifteen seconds after that."""
    lane = Lane(6, 6, retry_after=1.0)
    lane.run(300)
    lane.limit = 3
    lane.run(10)
    lane.limit = 6
    lane.run(15)
    refusals = lane.refusals
    assert lane.run(20) >= 0.9 * 6
    assert lane.refusals - refusals <= 1


def test_looks_in_vain_cost_little() -> None:
    """A limit that fell for good is looked for a few times, later each time; what is known of the new one stays known."""
    lane = Lane(6, 6, retry_after=1.0)
    lane.run(300)
    lane.limit = 3
    lane.run(30)
    refusals = lane.refusals
    assert lane.run(600) >= 0.95 * 3
    assert lane.refusals - refusals <= 16
    assert lane.rate.limit == pytest.approx(3, rel=0.05)


@pytest.mark.parametrize("retry_after", [1.0, 15.0, 300.0])
def test_refusals_cost_three_percent_of_the_time(retry_after: float) -> None:
    """Once the limit is known, at most 3 % of the time goes into Retry-Afters, whatever each of them costs."""
    lane = Lane(6, 6, retry_after=retry_after)
    lane.run(3600)
    refusals = lane.refusals
    lane.run(3 * 3600)
    assert (lane.refusals - refusals) * retry_after <= 0.03 * 3 * 3600 + retry_after


def test_a_provider_that_refuses_after_a_pause_has_a_window() -> None:
    """A refusal of the call that goes first after a pause, in which a bucket would have filled, tells a window."""
    rate = Rate(0.0)
    rate.refused(10.0, 9.9, 0)
    rate.again(10.1, 9.95)
    assert not rate.windowed
    rate.again(25.0, 24.9)
    assert rate.windowed


def test_pauses_that_end_at_the_same_second_tell_a_window() -> None:
    """Different Retry-Afters that end whole minutes apart are the rest of a window; the same one again and again is not."""
    rate = Rate(0.0)
    for now in (10.0, 70.0):
        rate.asked(now + 15, 15.0)
    assert not rate.windowed
    rate = Rate(0.0)
    rate.asked(60.0, 47.0)
    rate.asked(180.4, 12.0)
    assert rate.windowed


def test_a_window_is_what_was_taken_from_one_to_the_next() -> None:
    """Forty calls from the end of one event to the end of the next, a minute later, make two thirds of a call a second."""
    rate = Rate(0.0)
    rate.refused(5.0, 5.0, 0)
    rate.windowed = True
    rate.over(60.0)
    for _ in range(40):
        rate.taken(late=False)
    rate.refused(100.0, 100.0, 0)
    rate.again(119.9, 119.9)
    rate.over(120.0)
    assert rate.limit == pytest.approx(40 / 60, rel=0.01)


def test_refusals_never_end_it() -> None:
    """However often it is refused in a row, the rate stays above the slowest."""
    rate = Rate(0.0)
    now = 0.0
    for _ in range(50):
        rate.sent(now, 1.0, idle=False, alone=False)
        rate.refused(now, now, 5)
        rate.over(now + 1)
        now += 2
    assert rate.value >= SLOWEST * 0.9


def test_what_was_known_is_recalled() -> None:
    """With a limit from an earlier life it begins just below it, and probes as rarely as its price asks."""
    rate = Rate(0.0)
    rate.recall(12.0, 20.0, 300.0, windowed=True)
    assert rate.phase is Phase.LIVE
    assert 0.95 * 12 < rate.value < 12
    assert rate.burst == 20
    assert rate.windowed
    assert rate.allowance.price == 300


def test_nobody_probes_for_what_nobody_needs() -> None:
    """A limit that is higher than what can be used is not looked for, however long it is lived with; one that can be used is."""
    for useful, probed in ((6.0, False), (100.0, True)):
        lane = Lane(12, 12)
        lane.rate.recall(12, 12, 15, windowed=False)
        lane.rate.useful = useful
        lane.run(3600)
        assert (lane.refusals > 0) is probed
