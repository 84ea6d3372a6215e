from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from genstage import Subscription, SubscriptionError, Terms

NewEdge = Callable[..., Subscription]


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        ({"max_demand": -1}, "give 0"),
        ({"max_demand": 10, "min_demand": 10}, "0 <= min_demand < max_demand"),
        ({"max_demand": 10, "min_demand": -1}, "0 <= min_demand < max_demand"),
        ({"cancel": "sometimes"}, '"permanent", "transient" or "temporary"'),
        ({"demand": "both"}, '"automatic" or "manual"'),
    ],
)
def test_terms_that_cannot_work_say_what_to_give(terms: dict[str, Any], text: str) -> None:
    """The error names the values that can work."""
    with pytest.raises(SubscriptionError, match=text):
        Terms(**terms)


@pytest.mark.parametrize(
    ("maximum", "minimum", "handled", "asks"),
    [
        (10, 5, [5, 5], [5, 5]),
        (10, 5, [5, 2], [5, 0]),
        (10, 0, [10], [10]),
        (10, 8, [2, 2, 2], [2, 2, 2]),
        (1, 0, [1, 1], [1, 1]),
        (1000, None, [500, 500], [500, 500]),
        (100, 20, [80, 20, 80], [80, 0, 100]),
        (100, 80, [20, 10, 10], [20, 0, 20]),
    ],
)
def test_demand_returns_as_in_genstage(  # noqa: PLR0917 - two fixtures and the columns of a table
    new_edge: NewEdge, nowhere: Any, maximum: int, minimum: int | None, handled: list[int], asks: list[int]
) -> None:
    """More is asked for when the handled events leave min_demand or less, and then up to max_demand."""
    edge = new_edge(max_demand=maximum, min_demand=minimum)
    edge.open()
    assert nowhere.told == [("subscribe",), ("ask", maximum)]
    for count, ask in zip(handled, asks, strict=True):
        nowhere.told.clear()
        edge.outstanding -= count  # delivered
        edge.handled(count)
        assert nowhere.told == ([("ask", ask)] if ask else [])


def test_a_greater_window_asks_for_the_difference_at_once(new_edge: NewEdge, nowhere: Any) -> None:
    """And later asks fill the new window."""
    edge = new_edge(max_demand=10)
    edge.open()
    edge.max_demand = 40
    assert (edge.outstanding, edge.min_demand) == (40, 20)
    assert nowhere.told[-1] == ("ask", 30)


def test_a_smaller_window_takes_back_what_was_not_delivered(new_edge: NewEdge) -> None:
    """What was delivered is not to be had back: it is counted until it is handled."""
    edge = new_edge(max_demand=40)
    edge.open()
    edge.outstanding -= 30  # delivered
    edge.max_demand = 5
    assert (edge.outstanding, edge.level) == (0, 30)
    edge.handled(26)
    assert edge.outstanding == 0
    edge.handled(2)
    assert (edge.outstanding, edge.level) == (3, 5)


def test_a_window_of_nothing_is_a_pause(new_edge: NewEdge) -> None:
    """max_demand = 0 takes all back and stays silent until it is raised."""
    edge = new_edge(max_demand=10, min_demand=8)
    edge.open()
    edge.max_demand = 0
    assert edge.outstanding == 0
    edge.max_demand = 4
    assert (edge.outstanding, edge.min_demand) == (4, 3)


def test_manual_demand_is_what_was_asked(new_edge: NewEdge) -> None:
    """Nothing is asked by itself, and handled events ask for nothing."""
    edge = new_edge(demand="manual")
    edge.open()
    assert edge.outstanding == 0
    edge.ask(5)
    edge.ask(0)
    edge.handled(5)
    assert edge.outstanding == 5
    assert edge.retract(2) == 2
    assert edge.retract() == 3
    assert edge.retract() == 0


def test_each_mode_refuses_the_tools_of_the_other(new_edge: NewEdge) -> None:
    """The errors name the right tool."""
    with pytest.raises(SubscriptionError, match="set max_demand"):
        new_edge().ask(1)
    with pytest.raises(SubscriptionError, match="use ask"):
        new_edge(demand="manual").max_demand = 3
    with pytest.raises(SubscriptionError, match="retract"):
        new_edge(demand="manual").ask(-1)
    with pytest.raises(SubscriptionError, match="give 0"):
        new_edge().max_demand = -1


def test_after_the_end_nothing_happens_any_more(new_edge: NewEdge, nowhere: Any) -> None:
    """Asking, taking back, cancelling again: a stopped lane may be late, and hurts nobody."""
    edge = new_edge(demand="manual")
    edge.open()
    edge.cancel()
    assert nowhere.told == [("subscribe",), ("cancel",), ("lost",)]
    edge.ask(3)
    edge.cancel()
    edge.finish()
    assert (edge.retract(), edge.over, len(nowhere.told)) == (0, True, 3)


def test_the_end_of_the_stream_tells_the_consumer_only(new_edge: NewEdge, nowhere: Any) -> None:
    """The producer knows already."""
    edge = new_edge(demand="manual")
    edge.finish()
    assert (nowhere.told, edge.over) == ([("lost",)], True)


def test_a_subscription_tells_what_it_is(new_edge: NewEdge) -> None:
    """Its repr names both ends, the key and what is outstanding."""
    edge = new_edge(key="a", demand="manual")
    edge.ask(3)
    assert repr(edge) == "<Subscription of nowhere to nowhere for 'a', 3 outstanding>"
    edge.cancel()
    assert "over" in repr(edge)
