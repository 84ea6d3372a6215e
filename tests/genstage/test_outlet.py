from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import pytest

from genstage import DemandDispatcher, KeyedDispatcher, Subscription, Terms
from genstage.dispatchers import Dispatcher
from genstage.outlet import Outlet, OutletHooks


class Told:
    """What an outlet told its stage."""

    def __init__(self) -> None:
        self.wanted = self.left = self.done = 0
        self.discarded: list[tuple[Hashable, list[Any]]] = []

    def outlet(self, dispatcher: Dispatcher) -> Outlet:
        """An outlet that tells this one."""

        def wanted() -> None:
            self.wanted += 1

        def left() -> None:
            self.left += 1

        def done() -> None:
            self.done += 1

        return Outlet("outlet", dispatcher, OutletHooks(wanted, lambda key, events: self.discarded.append((key, events)), left, done))


@pytest.fixture
def told() -> Told:
    """The stage's ear."""
    return Told()


@pytest.fixture
def opened(nowhere: Any) -> Callable[..., Subscription]:
    """Opens a manual subscription to an outlet."""

    def opened(outlet: Outlet, key: Hashable = None) -> Subscription:
        edge = Subscription(outlet, nowhere, Terms(key=key, demand="manual"))
        edge.open()
        return edge

    return opened


def test_the_stage_hears_of_demand_that_the_buffer_cannot_serve(told: Told, opened: Callable[..., Subscription], nowhere: Any) -> None:
    """Buffered events go out at once; only for the rest is the stage told."""
    outlet = told.outlet(DemandDispatcher())
    edge = opened(outlet)
    assert outlet.emit([1, 2], bounded=True) == 2
    edge.ask(2)
    assert (nowhere.told, told.wanted) == ([("deliver", [1, 2])], 0)
    edge.ask(1)
    assert (told.wanted, outlet.emitted) == (1, 2)


def test_the_end_comes_when_the_buffer_is_empty(told: Told, opened: Callable[..., Subscription], nowhere: Any) -> None:
    """A consumer learns of the end with the last event that was held for it, not before."""
    outlet = told.outlet(DemandDispatcher())
    edge = opened(outlet)
    outlet.emit([1], bounded=True)
    outlet.end()
    assert (edge.over, told.done) == (False, 0)
    edge.ask(1)
    assert (edge.over, told.done, nowhere.told[-1]) == (True, 1, ("lost",))


def test_only_who_has_something_to_come_is_kept_after_the_end(told: Told, opened: Callable[..., Subscription]) -> None:
    """With keys, those for whom nothing is held learn of the end at once."""
    outlet = told.outlet(KeyedDispatcher(buffer_size=5))
    rich, poor = opened(outlet, "rich"), opened(outlet, "poor")
    outlet.emit({"rich": [1]}, bounded=True)
    outlet.end()
    assert (rich.over, poor.over) == (False, True)
    rich.cancel()
    assert (told.done, told.discarded) == (1, [("rich", [1])])


def test_what_is_held_for_nobody_is_discarded_at_the_end(told: Told) -> None:
    """Without consumers nobody will ask; the stage hears what was lost."""
    outlet = told.outlet(DemandDispatcher())
    outlet.emit([1, 2], bounded=True)
    outlet.end()
    outlet.end()
    assert (told.done, told.discarded, outlet.discarded) == (1, [(None, [1, 2])], 2)


def test_an_answer_after_the_stage_was_taken_away_is_discarded(told: Told, opened: Callable[..., Subscription]) -> None:
    """Its handler ran when it was stopped; what it brings has nowhere to go."""
    outlet = told.outlet(DemandDispatcher())
    edge = opened(outlet)
    outlet.emit([1], bounded=True)
    assert outlet.halt() == [1]
    assert edge.over
    outlet.emit([2], bounded=True)
    assert told.discarded == [(None, [2])]


def test_the_stage_hears_when_the_last_consumer_goes(told: Told, opened: Callable[..., Subscription]) -> None:
    """Not of the others, and not when its stream has ended anyway."""
    outlet = told.outlet(DemandDispatcher())
    first, second, third = opened(outlet), opened(outlet), opened(outlet)
    first.cancel()
    second.cancel()
    assert told.left == 0
    third.cancel()
    assert told.left == 1
    opened(outlet)
    outlet.end()
    assert told.left == 1


def test_late_comers_learn_of_the_end(told: Told, opened: Callable[..., Subscription]) -> None:
    """Subscribing to what is over is no error."""
    outlet = told.outlet(DemandDispatcher())
    outlet.end()
    assert opened(outlet).over
