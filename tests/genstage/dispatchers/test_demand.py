from __future__ import annotations

from collections.abc import Callable

import pytest

from genstage import AnswerError, DemandDispatcher, ExcessError, Subscription, SubscriptionError

NewEdge = Callable[..., Subscription]


def subscribed(dispatcher: DemandDispatcher, edge: Subscription) -> Subscription:
    dispatcher.subscribe(edge)
    return edge


def test_the_demand_of_all_is_told(new_edge: NewEdge) -> None:
    """The producer hears one number: what is outstanding in all."""
    dispatcher = DemandDispatcher()
    dispatcher.ask(subscribed(dispatcher, new_edge()), 3)
    dispatcher.ask(subscribed(dispatcher, new_edge()), 4)
    assert dispatcher.tell() == dispatcher.wanted == 7


def test_what_is_beyond_the_demand_is_buffered_and_served_first(new_edge: NewEdge) -> None:
    """Buffered events go to the next who asks; only the rest of its ask is outstanding."""
    dispatcher = DemandDispatcher()
    edge = subscribed(dispatcher, new_edge())
    dispatcher.ask(edge, 2)
    dispatcher.tell()
    assert dispatcher.dispatch([1, 2, 3, 4], bounded=True) == (4, [(edge, [1, 2])], [])
    assert (dispatcher.buffered, dispatcher.wanted) == (2, 0)
    assert dispatcher.ask(edge, 5) == [(edge, [3, 4])]
    assert (dispatcher.buffered, dispatcher.wanted, edge.outstanding) == (0, 3, 3)


def test_pending_demand_is_not_lost_with_its_consumer(new_edge: NewEdge) -> None:
    """What a gone consumer had asked for, and a running handler brings, reaches the next one who asks (GenStage's issue 311)."""
    dispatcher = DemandDispatcher(buffer_size=0)
    gone = subscribed(dispatcher, new_edge())
    dispatcher.ask(gone, 5)
    dispatcher.tell()
    dispatcher.cancel(gone)
    assert (dispatcher.pending, dispatcher.wanted) == (5, 0)
    assert dispatcher.dispatch([1, 2, 3, 4, 5], bounded=True) == (5, [], [])
    comer = subscribed(dispatcher, new_edge())
    assert dispatcher.ask(comer, 8) == [(comer, [1, 2, 3, 4, 5])]
    assert (dispatcher.pending, dispatcher.wanted) == (0, 3)


def test_pending_demand_serves_whoever_asks_while_the_handler_runs(new_edge: NewEdge) -> None:
    """The producer is not asked twice: a new ask uses up what is pending."""
    dispatcher = DemandDispatcher()
    gone, comer = subscribed(dispatcher, new_edge()), subscribed(dispatcher, new_edge())
    dispatcher.ask(gone, 5)
    dispatcher.tell()
    dispatcher.cancel(gone)
    dispatcher.ask(comer, 3)
    assert dispatcher.pending == 2
    assert dispatcher.dispatch([1, 2, 3], bounded=True) == (3, [(comer, [1, 2, 3])], [])


def test_too_much_says_what_to_do(new_edge: NewEdge) -> None:
    """One event more than asked and than the buffer takes is an error, and nothing is dropped in silence."""
    dispatcher = DemandDispatcher(buffer_size=1)
    dispatcher.ask(subscribed(dispatcher, new_edge()), 2)
    dispatcher.tell()
    with pytest.raises(ExcessError, match=r"returned 4 events where 2 were asked for.*greater buffer_size"):
        dispatcher.dispatch([1, 2, 3, 4], bounded=True)


def test_results_are_held_however_many(new_edge: NewEdge) -> None:
    """What a producer-consumer returns is no answer to a demand, so it is never too much."""
    dispatcher = DemandDispatcher(buffer_size=0)
    edge = subscribed(dispatcher, new_edge())
    dispatcher.ask(edge, 1)
    assert dispatcher.dispatch([1, 2, 3], bounded=False) == (3, [(edge, [1])], [])
    assert dispatcher.buffered == 2


@pytest.mark.parametrize("answer", [{"a": [1]}, "abc", b"abc", 5, None])
def test_an_answer_of_the_wrong_shape_is_refused(answer: object) -> None:
    """A mapping, a text or a number is no list of events."""
    with pytest.raises(AnswerError, match="must return a list"):
        DemandDispatcher().dispatch(answer, bounded=True)


def test_any_other_iterable_is_taken_as_a_list(new_edge: NewEdge) -> None:
    """A tuple or a generator is as good as a list."""
    dispatcher = DemandDispatcher()
    edge = subscribed(dispatcher, new_edge())
    dispatcher.ask(edge, 2)
    assert dispatcher.dispatch((n for n in (1, 2)), bounded=True) == (2, [(edge, [1, 2])], [])


def test_a_key_is_refused(new_edge: NewEdge) -> None:
    """Who gives a key to a producer without keys learns what to declare."""
    with pytest.raises(SubscriptionError, match="dispatcher=KeyedDispatcher"):
        DemandDispatcher().subscribe(new_edge(key="a"))


def test_flush_gives_the_buffer_up(new_edge: NewEdge) -> None:
    """Flushed events come out once, in order; before that they can be had."""
    dispatcher = DemandDispatcher()
    edge = subscribed(dispatcher, new_edge())
    dispatcher.dispatch([1, 2], bounded=True)
    assert dispatcher.holds(edge)
    assert dispatcher.flush() == [(None, [1, 2])]
    assert not dispatcher.holds(edge)
    assert dispatcher.flush() == []


def test_a_prototype_is_not_shared() -> None:
    """`fresh` gives an empty dispatcher with the same settings."""
    prototype = DemandDispatcher(buffer_size=7)
    prototype.dispatch([1], bounded=True)
    assert (prototype.fresh().buffered, prototype.fresh().buffer_size) == (0, 7)


def test_a_negative_buffer_is_refused() -> None:
    """A buffer holds nothing or more."""
    with pytest.raises(SubscriptionError, match="give 0"):
        DemandDispatcher(buffer_size=-1)


def test_the_first_dispatch_may_be_shuffled(new_edge: NewEdge) -> None:
    """Those that wait at the first dispatch are put into another order, once; only among equals does it matter."""
    dispatcher = DemandDispatcher(shuffle=list.reverse).fresh()
    gone, first, second, third = (subscribed(dispatcher, new_edge()) for _ in range(4))
    dispatcher.cancel(gone)
    for edge in (first, second, third):
        dispatcher.ask(edge, 1)
    assert dispatcher.dispatch([1, 2, 3], bounded=True)[1] == [(third, [1]), (second, [2]), (first, [3])]
    for edge in (first, second):
        dispatcher.ask(edge, 1)
    assert dispatcher.dispatch([1, 2], bounded=True)[1] == [(first, [1]), (second, [2])]
