from __future__ import annotations

from collections.abc import Callable

import pytest

from genstage import AnswerError, ExcessError, KeyedDispatcher, Subscription, SubscriptionError, UnknownKeyError

NewEdge = Callable[..., Subscription]


def subscribed(dispatcher: KeyedDispatcher, edge: Subscription) -> Subscription:
    dispatcher.subscribe(edge)
    return edge


def test_every_key_with_demand_is_told_and_no_other(new_edge: NewEdge) -> None:
    """One mapping says it all; idle keys are not in it."""
    dispatcher = KeyedDispatcher()
    a, b, _idle = (subscribed(dispatcher, new_edge(key=key)) for key in "abc")
    dispatcher.ask(a, 3)
    dispatcher.ask(b, 4)
    assert dispatcher.tell() == {"a": 3, "b": 4}
    dispatcher.retract(a, 3)
    assert (dispatcher.tell(), dispatcher.wanted) == ({"b": 4}, 4)


def test_consumers_of_one_key_share_its_demand(new_edge: NewEdge) -> None:
    """Two consumers of a key are told as one, and served by demand."""
    dispatcher = KeyedDispatcher()
    first, second = (subscribed(dispatcher, new_edge(key="a")) for _ in range(2))
    dispatcher.ask(first, 2)
    dispatcher.ask(second, 3)
    assert dispatcher.tell() == {"a": 5}
    _, deliveries, _ = dispatcher.dispatch({"a": [1, 2, 3, 4]}, bounded=True)
    assert deliveries == [(second, [1, 2, 3]), (first, [4])]
    assert dispatcher.tell() == {"a": 1}


def test_an_answer_reaches_the_consumers_of_its_keys(new_edge: NewEdge) -> None:
    """Each key's list goes to that key's consumer; empty lists and missing keys stay owed."""
    dispatcher = KeyedDispatcher()
    a, b, c = (subscribed(dispatcher, new_edge(key=key)) for key in "abc")
    for edge in (a, b, c):
        dispatcher.ask(edge, 2)
    dispatcher.tell()
    assert dispatcher.dispatch({"a": [1], "b": []}, bounded=True) == (1, [(a, [1])], [])
    assert dispatcher.tell() == {"a": 1, "b": 2, "c": 2}


def test_what_was_taken_back_meanwhile_is_held_for_the_next_ask(new_edge: NewEdge) -> None:
    """A lane that was throttled while its items were read gets them when it asks again, before anything is read for it."""
    dispatcher = KeyedDispatcher()
    edge = subscribed(dispatcher, new_edge(key="a"))
    dispatcher.ask(edge, 3)
    dispatcher.tell()
    assert dispatcher.retract(edge, 3) == 3
    assert dispatcher.dispatch({"a": [1, 2, 3]}, bounded=True) == (3, [], [])
    assert (dispatcher.buffered, dispatcher.holds(edge), dispatcher.tell()) == (3, True, {})
    assert dispatcher.ask(edge, 2) == [(edge, [1, 2])]
    assert dispatcher.ask(edge, 2) == [(edge, [3])]
    assert (dispatcher.buffered, dispatcher.tell()) == (0, {"a": 1})


def test_events_for_a_key_that_went_away_meanwhile_are_discarded(new_edge: NewEdge) -> None:
    """A key without consumers does not exist; what comes for it is named as discarded."""
    dispatcher = KeyedDispatcher()
    edge = subscribed(dispatcher, new_edge(key="a"))
    dispatcher.ask(edge, 3)
    dispatcher.tell()
    assert dispatcher.cancel(edge) == []
    assert dispatcher.dispatch({"a": [1, 2]}, bounded=True) == (2, [], [("a", [1, 2])])


def test_held_events_are_discarded_with_the_last_consumer(new_edge: NewEdge) -> None:
    """As long as one consumer of the key is left they are kept for it."""
    dispatcher = KeyedDispatcher(buffer_size=5)
    first, second = (subscribed(dispatcher, new_edge(key="a")) for _ in range(2))
    dispatcher.dispatch({"a": [1, 2]}, bounded=True)
    assert dispatcher.cancel(first) == []
    assert dispatcher.cancel(second) == [("a", [1, 2])]
    assert (dispatcher.buffered, dispatcher.wanted) == (0, 0)


def test_keys_leave_nothing_behind(new_edge: NewEdge) -> None:
    """Keys come and go by the thousand; the tables end as they began."""
    dispatcher = KeyedDispatcher()
    for key in range(5_000):
        edge = subscribed(dispatcher, new_edge(key=key))
        dispatcher.ask(edge, 2)
        dispatcher.cancel(edge)
    assert (dispatcher._keys, dispatcher._demand, dispatcher.wanted) == ({}, {}, 0)


def test_an_unknown_key_is_an_error(new_edge: NewEdge) -> None:
    """Events for a key that was never asked for are a bug of the handler, and the error names the key."""
    dispatcher = KeyedDispatcher()
    subscribed(dispatcher, new_edge(key="a"))
    dispatcher.tell()
    with pytest.raises(UnknownKeyError, match="key 'b', to which nobody subscribes"):
        dispatcher.dispatch({"b": [1]}, bounded=True)


def test_too_much_for_a_key_is_an_error(new_edge: NewEdge) -> None:
    """More than the key was asked for does not fit where nothing may be held."""
    dispatcher = KeyedDispatcher()
    edge = subscribed(dispatcher, new_edge(key="a"))
    dispatcher.ask(edge, 1)
    dispatcher.tell()
    with pytest.raises(ExcessError, match="2 events for the key 'a' where 1 were asked for"):
        dispatcher.dispatch({"a": [1, 2]}, bounded=True)


def test_a_missing_key_is_refused(new_edge: NewEdge) -> None:
    """Who subscribes to a keyed producer must say whose events it wants."""
    with pytest.raises(SubscriptionError, match="key=…"):
        KeyedDispatcher().subscribe(new_edge())


def test_a_list_is_no_answer() -> None:
    """A keyed handler must say whose events these are."""
    with pytest.raises(AnswerError, match="mapping of key to list"):
        KeyedDispatcher().dispatch([1], bounded=True)


def test_flush_gives_up_what_all_keys_hold(new_edge: NewEdge) -> None:
    """Held events come out by key, once."""
    dispatcher = KeyedDispatcher(buffer_size=5)
    for key in "ab":
        subscribed(dispatcher, new_edge(key=key))
    dispatcher.dispatch({"a": [1], "b": [2]}, bounded=True)
    assert dispatcher.flush() == [("a", [1]), ("b", [2])]
    assert (dispatcher.flush(), dispatcher.buffered) == ([], 0)


def test_a_prototype_is_not_shared() -> None:
    """`fresh` keeps the settings; a negative one is refused."""
    assert KeyedDispatcher(buffer_size=7).fresh().buffer_size == 7
    with pytest.raises(SubscriptionError, match="give 0"):
        KeyedDispatcher(buffer_size=-1)
