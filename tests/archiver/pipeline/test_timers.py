"""When which lane is looked at again."""

from __future__ import annotations

from archiver.pipeline.timers import Timers


def test_they_ring_in_time_order_once() -> None:
    """What is over is taken out; the rest waits."""
    timers = Timers()
    timers.at(3.0, 1)
    timers.at(1.0, 2)
    timers.due(2.0, 3, 2000)
    assert timers.next == 1.0
    assert timers.ring(2.0) == {2, 3}
    assert timers.ring(2.0) == set()
    assert (timers.next, len(timers)) == (3.0, 1)


def test_what_is_told_at_each_sweep_is_kept_once() -> None:
    """A delivery that is due tomorrow is told every half minute until then: one timer, not thousands."""
    timers = Timers()
    for sweep in range(2880):
        timers.due(86_400.0 - sweep * 1e-6, 7, 86_400_000)
    assert len(timers) == 1


def test_an_earlier_one_counts_and_a_rung_one_may_come_again() -> None:
    """The earliest moment of a lane is what matters; after it the next one is taken in."""
    timers = Timers()
    timers.due(9.0, 7, 9000)
    timers.due(5.0, 7, 5000)
    assert timers.ring(5.0) == {7}
    timers.due(9.0, 7, 9000)
    assert timers.ring(9.0) == {7}
    assert timers.next is None


def test_each_of_several_moments_of_a_lane_rings() -> None:
    """Deliveries that wait for their turns at a source are due one after the other, not at the sweep after the first."""
    timers = Timers()
    for turn in range(1, 6):
        timers.due(float(turn), 7, turn * 1000)
    assert [timers.ring(float(now)) for now in range(1, 7)] == [{7}] * 5 + [set()]


def test_a_lane_with_thousands_of_moments_keeps_a_hundred_and_the_earliest() -> None:
    """The sweep finds the others; what is earlier than all of them is never missed."""
    timers = Timers()
    for turn in range(6000, 9000):
        timers.due(float(turn), 8, turn * 1000)
    timers.due(5.0, 8, 5000)
    assert (len(timers), timers.next) == (101, 5.0)
