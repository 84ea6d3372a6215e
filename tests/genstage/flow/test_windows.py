from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genstage import DefinitionError
from genstage.flow.windows import Gather, Gathering, Groups, Lists, Reduction, Window


def counted() -> Gathering:
    """How many events a window has."""
    return Reduction(lambda: 0, lambda count, _: count + 1)


@given(
    count=st.integers(1, 6),
    deliveries=st.lists(st.lists(st.integers(), min_size=1, max_size=10), max_size=8),
)
def test_windows_of_a_count_hold_exactly_so_many(count: int, deliveries: list[list[int]]) -> None:
    """However events come: every window is full but the last, and nothing is lost or out of order."""
    gather = Gather(Lists(), Window(count=count))
    windows = [window for events in deliveries for window in gather.apply(events, 0.0)]
    assert all(len(window) == count for window in windows)
    rest = gather.end()
    assert len(rest) <= 1
    assert [event for window in windows + rest for event in window] == [event for events in deliveries for event in events]


@given(
    seconds=st.integers(1, 5),
    count=st.none() | st.integers(1, 4),
    pauses=st.lists(st.integers(0, 7), max_size=20),
)
def test_windows_of_a_time_close_in_time(seconds: int, count: int | None, pauses: list[int]) -> None:
    """A window never spans more than its time, also if the call of `expire` comes late; nothing is lost."""
    gather = Gather(Lists(), Window(count=count, seconds=seconds))
    now = 0.0
    windows: list[list[Any]] = []
    for pause in pauses:
        now += pause
        if gather.due is not None and gather.due < now and pause % 2:  # every other time the alarm is heard late
            windows += gather.expire(gather.due)
        windows += gather.apply([now], now)
    windows += gather.end()
    assert all(window[-1] - window[0] < seconds for window in windows)
    assert all(len(window) <= (count or len(pauses)) for window in windows)
    assert len([event for window in windows for event in window]) == len(pauses)


def test_a_window_opens_with_its_first_event() -> None:
    """So no empty windows come out, and the time runs from the event."""
    gather = Gather(counted(), Window(seconds=10))
    assert gather.due is None
    assert gather.apply([1], 100.0) == []
    assert gather.due == 110.0
    assert gather.apply([2, 3], 105.0) == []
    assert gather.due == 110.0
    assert gather.expire(110.0) == [3]
    assert gather.end() == []


def test_without_a_window_everything_is_one() -> None:
    """The reduction of nothing is the first value; the groups and the list of nothing are nothing."""
    assert Gather(counted(), Window()).end() == [0]
    assert Gather(Lists(), Window()).end() == []
    assert Gather(Groups(lambda x: x, int, lambda a, _: a), Window()).end() == []


def test_groups_keep_the_order_of_their_keys() -> None:
    """A value a key; each window begins anew."""
    gather = Gather(Groups(lambda word: word[0], list, lambda words, word: [*words, word]), Window(count=4))
    assert gather.apply(["b1", "a1", "b2", "c1", "a2"], 0.0) == [("b", ["b1", "b2"]), ("a", ["a1"]), ("c", ["c1"])]
    assert gather.end() == [("a", ["a2"])]


@pytest.mark.parametrize(("terms", "fault"), [({"count": 0}, "count is 0"), ({"seconds": 0}, "seconds are 0")])
def test_windows_that_cannot_be_are_refused(terms: dict[str, int], fault: str) -> None:
    """The text says what to give."""
    with pytest.raises(DefinitionError, match=fault):
        Window(**terms)
