from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genstage import AnswerError, Subscription
from genstage.inbox import CutInbox, Inbox, SingleInbox, SplitInbox

NewEdge = Callable[..., Subscription]


def batches(inbox: Inbox) -> list[Any]:
    taken: list[Any] = []
    while (job := inbox.take()) is not None:
        taken.append(job[1])
    return taken


@pytest.mark.parametrize(
    ("maximum", "minimum", "count", "sizes"),
    [
        (10, 5, 10, [5, 5]),
        (10, 5, 7, [5, 2]),
        (10, 0, 10, [10]),
        (10, 8, 10, [2, 2, 2, 2, 2]),
        (1, 0, 1, [1]),
        (1000, None, 1000, [500, 500]),
        (100, 80, 100, [20, 20, 20, 20, 20]),
        (100, 20, 100, [80, 20]),
    ],
)
def test_a_delivery_is_split_as_genstage_splits(new_edge: NewEdge, maximum: int, minimum: int | None, count: int, sizes: list[int]) -> None:
    """Lists are at most max_demand - min_demand long; the rest of a delivery makes a shorter one (Elixir's own figures)."""
    inbox = SplitInbox()
    inbox.put(new_edge(max_demand=maximum, min_demand=minimum), list(range(count)))
    assert inbox.waiting == count
    taken = batches(inbox)
    assert [len(batch) for batch in taken] == sizes
    assert [event for batch in taken for event in batch] == list(range(count))
    assert inbox.waiting == 0


def test_deliveries_are_not_merged(new_edge: NewEdge) -> None:
    """A push producer that gives single events makes lists of one: there is no accumulation."""
    inbox = SplitInbox()
    edge = new_edge(max_demand=10)
    inbox.put(edge, [1])
    inbox.put(edge, [2])
    assert batches(inbox) == [[1], [2]]


def test_with_manual_demand_a_delivery_is_whole(new_edge: NewEdge) -> None:
    """Who keeps the accounts by itself gets what it asked for in one list."""
    inbox = SplitInbox()
    inbox.put(new_edge(max_demand=10, demand="manual"), list(range(30)))
    assert batches(inbox) == [list(range(30))]


def test_a_window_that_was_closed_does_not_hold_events_back(new_edge: NewEdge) -> None:
    """With max_demand at 0 nothing is asked for, but what is here is handled."""
    inbox = SplitInbox()
    edge = new_edge(max_demand=10)
    inbox.put(edge, [1, 2])
    edge.max_demand = 0
    assert batches(inbox) == [[1, 2]]


def test_single_events_come_one_by_one(new_edge: NewEdge) -> None:
    """For `handle_event`, whatever the window is."""
    inbox = SingleInbox()
    inbox.put(new_edge(), [1, 2])
    inbox.put(new_edge(), [3])
    assert batches(inbox) == [1, 2, 3]


def test_a_cut_sees_all_that_waits_of_one_subscription(new_edge: NewEdge) -> None:
    """Deliveries gather for a stage that cuts by itself, but never across subscriptions."""
    seen: list[list[int]] = []

    def cut(events: Sequence[int]) -> int:
        seen.append(list(events))
        return 2

    inbox = CutInbox(cut)
    first, second = new_edge(), new_edge()
    inbox.put(first, [1, 2])
    inbox.put(first, [3])
    inbox.put(second, [4])
    assert [inbox.take(), inbox.take(), inbox.take()] == [(first, [1, 2], 2), (first, [3], 1), (second, [4], 1)]
    assert seen == [[1, 2, 3], [3], [4]]


def test_a_cut_of_nothing_is_an_error(new_edge: NewEdge) -> None:
    """A handler call that takes nothing would be repeated for ever."""
    inbox = CutInbox(lambda _: 0)
    inbox.put(new_edge(), [1])
    with pytest.raises(AnswerError, match="at least 1"):
        inbox.take()


def test_clearing_returns_what_was_never_taken(new_edge: NewEdge) -> None:
    """In order, from all subscriptions, and without what was taken."""
    inbox = SplitInbox()
    inbox.put(new_edge(max_demand=2, min_demand=1), [1, 2])
    inbox.put(new_edge(demand="manual"), [3])
    inbox.take()
    assert (inbox.clear(), inbox.waiting, inbox.take()) == ([2, 3], 0, None)


def test_clearing_may_spare_automatic_demand(new_edge: NewEdge) -> None:
    """In a drain only what came by manual demand is forgotten."""
    inbox = SplitInbox()
    inbox.put(new_edge(), [1])
    inbox.put(new_edge(demand="manual"), [2, 3])
    assert (inbox.clear(lambda edge: edge.manual), inbox.waiting, batches(inbox)) == ([2, 3], 1, [[1]])


@given(st.lists(st.lists(st.integers(), min_size=1)), st.integers(1, 5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_is_lost_or_reordered(new_edge: NewEdge, deliveries: list[list[int]], size: int) -> None:
    """Whatever the cuts, all events come out once and in order."""
    for inbox in (SingleInbox(), SplitInbox(), CutInbox(lambda _: size)):
        edge = new_edge()
        for delivery in deliveries:
            inbox.put(edge, list(delivery))
        out: list[object] = []
        for batch in batches(inbox):
            out += batch if isinstance(batch, list) else [batch]
        assert out == [event for delivery in deliveries for event in delivery]
