from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from genstage import BroadcastDispatcher, Consumer, DefinitionError, ExcessError, Pipeline, Subscription
from genstage.testing import END, Pause, Probe, ScriptedProducer, idle, run

NewEdge = Callable[..., Subscription]


def asking(dispatcher: BroadcastDispatcher, edge: Subscription, count: int) -> Subscription:
    dispatcher.subscribe(edge)
    assert dispatcher.ask(edge, count) == []
    return edge


def dispatch(dispatcher: BroadcastDispatcher, *events: Any) -> list[tuple[Subscription, list[Any]]]:
    _, deliveries, discards = dispatcher.dispatch(list(events), bounded=True)
    assert discards == []
    return deliveries


def test_everybody_gets_everything(new_edge: NewEdge) -> None:
    """All get the same events in the same order, each in a list of its own."""
    dispatcher = BroadcastDispatcher()
    a, b = (asking(dispatcher, new_edge(), 3) for _ in range(2))
    (first, one), (second, other) = dispatch(dispatcher, 1, 2)
    assert ((first, one), (second, other)) == ((a, [1, 2]), (b, [1, 2]))
    assert one is not other
    assert (a.outstanding, b.outstanding, dispatcher.wanted) == (1, 1, 1)


def test_the_demand_told_is_the_least(new_edge: NewEdge) -> None:
    """The producer never hears more than the slowest can take, and nothing twice when several ask in turn."""
    dispatcher = BroadcastDispatcher()
    a, b = asking(dispatcher, new_edge(), 10), asking(dispatcher, new_edge(), 4)
    assert dispatcher.tell() == 4
    dispatcher.ask(a, 5)
    assert dispatcher.tell() == 4
    dispatcher.ask(b, 100)
    assert dispatcher.tell() == 15
    dispatcher.retract(a, 14)
    assert dispatcher.tell() == 1


def test_a_cancel_of_the_slowest_frees_the_others(new_edge: NewEdge) -> None:
    """What the others had asked for is asked at once when the one they waited for has gone."""
    dispatcher = BroadcastDispatcher()
    asking(dispatcher, new_edge(), 10)
    slow = asking(dispatcher, new_edge(), 2)
    dispatch(dispatcher, 1, 2)
    assert dispatcher.wanted == 0
    dispatcher.cancel(slow)
    assert (dispatcher.wanted, slow.outstanding) == (8, 0)


def test_a_newcomer_freezes_nobody(new_edge: NewEdge) -> None:
    """Until its first ask it counts for nothing; who joins while a handler runs delays only itself."""
    dispatcher = BroadcastDispatcher()
    old, new = asking(dispatcher, new_edge(), 5), new_edge()
    assert dispatcher.tell() == 5
    dispatcher.subscribe(new)
    assert dispatcher.wanted == 5
    dispatcher.ask(new, 2)
    assert dispatch(dispatcher, 1, 2, 3, 4) == [(old, [1, 2, 3, 4]), (new, [1, 2])]
    assert (dispatcher.wanted, dispatcher.holds(new), dispatcher.holds(old), dispatcher.buffered) == (0, True, False, 2)
    assert dispatcher.ask(new, 5) == [(new, [3, 4])]
    assert (dispatcher.wanted, new.outstanding) == (1, 3)


def test_what_was_taken_back_meanwhile_is_held_for_it(new_edge: NewEdge) -> None:
    """Demand that was told and then taken back holds up nobody else, and loses nothing."""
    dispatcher = BroadcastDispatcher()
    a, b = (asking(dispatcher, new_edge(), 3) for _ in range(2))
    dispatcher.tell()
    dispatcher.retract(b, 3)
    assert dispatch(dispatcher, 1, 2, 3) == [(a, [1, 2, 3])]
    assert dispatcher.ask(b, 2) == [(b, [1, 2])]
    assert dispatcher.ask(b, 1) == [(b, [3])]


def test_a_selector_costs_no_demand_and_sends_no_empty_list(new_edge: NewEdge) -> None:
    """Who wants even numbers keeps the demand for what it did not want, and hears nothing when there is nothing for it."""
    dispatcher = BroadcastDispatcher()
    everything, even = asking(dispatcher, new_edge(), 4), asking(dispatcher, new_edge(selector=lambda event: event % 2 == 0), 4)
    assert dispatch(dispatcher, 1, 3) == [(everything, [1, 3])]
    assert dispatch(dispatcher, 4, 5) == [(everything, [4, 5]), (even, [4])]
    assert (everything.outstanding, even.outstanding) == (0, 3)


def test_a_selector_that_raises_has_changed_nothing(new_edge: NewEdge) -> None:
    """The error comes out before anything was delivered or booked."""
    dispatcher = BroadcastDispatcher()
    fine, bad = asking(dispatcher, new_edge(), 4), asking(dispatcher, new_edge(selector=lambda event: event.missing), 4)
    with pytest.raises(AttributeError, match="missing"):
        dispatch(dispatcher, 1)
    assert (fine.outstanding, bad.outstanding, dispatcher.wanted) == (4, 4, 4)


def test_one_that_drops_slows_nobody(new_edge: NewEdge) -> None:
    """The producer is asked for what the others take; what the slow one misses is counted."""
    dispatcher = BroadcastDispatcher()
    quick, slow = asking(dispatcher, new_edge(), 5), asking(dispatcher, new_edge(slow="drop"), 2)
    assert dispatcher.tell() == 5
    assert dispatch(dispatcher, 1, 2, 3) == [(quick, [1, 2, 3]), (slow, [1, 2])]
    assert dispatch(dispatcher, 4) == [(quick, [4])]
    assert (slow.dropped, slow.outstanding, dispatcher.buffered) == (2, 0, 0)


def test_if_all_drop_the_quickest_leads(new_edge: NewEdge) -> None:
    """Without anybody to wait for, the greatest demand is asked for."""
    dispatcher = BroadcastDispatcher()
    a, b = asking(dispatcher, new_edge(slow="drop"), 5), asking(dispatcher, new_edge(slow="cancel"), 7)
    assert dispatcher.wanted == 7
    dispatcher.ask(a, 9)
    assert dispatcher.wanted == 14
    dispatcher.cancel(a)
    assert (dispatcher.wanted, b.outstanding) == (7, 7)


def test_one_that_is_too_slow_is_given_up(new_edge: NewEdge) -> None:
    """It gets what it has demand for, and is named to be cancelled, once."""
    dispatcher = BroadcastDispatcher()
    quick, slow = asking(dispatcher, new_edge(), 5), asking(dispatcher, new_edge(slow="cancel"), 2)
    assert dispatch(dispatcher, 1, 2) == [(quick, [1, 2]), (slow, [1, 2])]
    assert dispatcher.expel() == ()
    assert dispatch(dispatcher, 3) == [(quick, [3])]
    assert (dispatcher.expel(), dispatcher.expel()) == ((slow,), ())


def test_events_without_consumers_wait_for_the_first_one(new_edge: NewEdge) -> None:
    """What came while nobody took part, and what the last one had not got, the next one gets."""
    dispatcher = BroadcastDispatcher()
    gone = asking(dispatcher, new_edge(), 2)
    dispatcher.tell()
    dispatcher.retract(gone, 1)
    assert dispatch(dispatcher, 1, 2) == [(gone, [1])]
    dispatcher.cancel(gone)
    assert dispatch(dispatcher, 3) == []
    comer = new_edge(selector=lambda event: event != 3)
    dispatcher.subscribe(comer)
    assert dispatcher.holds(comer)
    assert dispatcher.ask(comer, 5) == [(comer, [2])]
    assert dispatcher.wanted == 4


def test_too_much_is_an_error(new_edge: NewEdge) -> None:
    """More than asked and than may be held is refused; a producer-consumer's results are held however many."""
    dispatcher = BroadcastDispatcher(buffer_size=1)
    edge = asking(dispatcher, new_edge(), 1)
    dispatcher.tell()
    with pytest.raises(ExcessError, match=r"returned 3 events where 1 were asked for.*BroadcastDispatcher"):
        dispatcher.dispatch([1, 2, 3], bounded=True)
    assert dispatcher.dispatch([1, 2, 3], bounded=False) == (3, [(edge, [1])], [])
    assert dispatcher.flush() == [(None, [2, 3])]
    assert dispatcher.buffered == 0


def test_a_prototype_is_not_shared() -> None:
    """`fresh` keeps the buffer's size; a negative one is refused."""
    assert BroadcastDispatcher(buffer_size=7).fresh().buffer_size == 7
    with pytest.raises(DefinitionError, match="give 0"):
        BroadcastDispatcher(buffer_size=-1)


class Announcer(ScriptedProducer, dispatcher=BroadcastDispatcher()):
    """A script that everybody hears."""


class Slow(Consumer[int]):
    """Takes a second for each."""

    def __init__(self) -> None:
        self.done: list[int] = []

    async def handle_event(self, event: int) -> None:
        """After a second."""
        await asyncio.sleep(1)
        self.done.append(event)


def test_a_pipeline_broadcasts_to_its_end() -> None:
    """Every probe gets the whole script, one stage that subscribed twice gets it twice, and the end reaches all."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            announcer = pipeline.start(Announcer([1, 2, Pause(5), 3, END]))
            single = pipeline.start(Probe(), subscribe_to=announcer, max_demand=1)
            twice = pipeline.start(Probe(), subscribe_to=announcer)
            twice.subscribe(announcer, selector=lambda event: event > 1)
        assert single.received == [1, 2, 3]
        assert sorted(twice.received) == [1, 2, 2, 3, 3]

    run(scenario)


def test_a_pipeline_cancels_the_slow_one() -> None:
    """The one that cannot keep up is cancelled and ends; what it was given it still handles; the others get all."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            announcer = pipeline.start(Announcer([1, 2]))
            probe = pipeline.start(Probe(), subscribe_to=announcer)
            slow = pipeline.start(Slow())
            edge = slow.subscribe(announcer, max_demand=2, slow="cancel")
            await idle()
            announcer.add(3, 4)
            await idle()
            assert edge.over
            announcer.add(END)
        assert (probe.received, slow.done) == ([1, 2, 3, 4], [1, 2])

    run(scenario)
