from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genstage.demand import DemandLedger


@dataclass(eq=False)
class Asker:
    """The least that can ask."""

    outstanding: int = 0
    turn: int = 0


def ledger_of(*demands: int) -> tuple[DemandLedger[Asker], list[Asker]]:
    ledger: DemandLedger[Asker] = DemandLedger()
    askers = [Asker() for _ in demands]
    for asker in askers:
        ledger.add(asker)
    for asker, demand in zip(askers, demands, strict=True):
        if demand:
            ledger.ask(asker, demand)
    return ledger, askers


@pytest.mark.parametrize(
    ("demands", "events", "shares"),
    [
        ([3], 2, [(0, 2)]),
        ([1000, 1000, 1000, 1000], 100, [(0, 100)]),
        ([2, 5, 3], 5, [(1, 5)]),
        ([2, 5, 3], 7, [(1, 5), (2, 2)]),
        ([2, 5, 3], 10, [(1, 5), (2, 3), (0, 2)]),
        ([0, 4], 4, [(1, 4)]),
    ],
)
def test_the_greatest_demand_is_served_first(demands: list[int], events: int, shares: list[tuple[int, int]]) -> None:
    """Events go to the head until its demand is used up, then to the next; they are not split evenly."""
    ledger, askers = ledger_of(*demands)
    split = ledger.split(list(range(events)))
    assert [(askers.index(asker), len(some)) for asker, some in split] == shares
    assert [event for _, some in split for event in some] == list(range(events))


def test_single_events_alternate_between_equals() -> None:
    """Who was served goes behind its equals, so two consumers take turns."""
    ledger, askers = ledger_of(10, 10)
    order = [askers.index(ledger.split([event])[0][0]) for event in range(6)]
    assert order == [0, 1, 0, 1, 0, 1]


def test_a_later_ask_goes_behind_its_equals() -> None:
    """Insertion is stable: equal demand waits in the order in which it became equal."""
    ledger, askers = ledger_of(5, 3)
    ledger.ask(askers[1], 2)
    assert ledger.split([0])[0][0] is askers[0]


def test_taking_back_makes_room_for_others() -> None:
    """What an asker takes back it is no longer given, and its place is the one of its smaller demand."""
    ledger, askers = ledger_of(5, 3)
    assert ledger.retract(askers[0], 3) == 3
    assert ledger.retract(askers[0], 100) == 2
    assert (ledger.total, askers[0].outstanding) == (3, 0)
    assert ledger.split([0, 1, 2]) == [(askers[1], [0, 1, 2])]


def test_a_second_asker_meets_the_demand_of_the_first() -> None:
    """The first of two has its place although it asked when it was alone."""
    ledger: DemandLedger[Asker] = DemandLedger()
    first, second = Asker(), Asker()
    ledger.add(first)
    ledger.ask(first, 4)
    ledger.add(second)
    ledger.ask(second, 2)
    assert ledger.split(list(range(6))) == [(first, [0, 1, 2, 3]), (second, [4, 5])]


def test_who_is_left_alone_keeps_its_demand() -> None:
    """Removing all others leaves the demand of the last one as it was."""
    ledger, askers = ledger_of(5, 3, 4)
    ledger.remove(askers[0])
    ledger.remove(askers[2])
    assert (len(ledger), ledger.total) == (1, 3)
    assert ledger.split([0, 1]) == [(askers[1], [0, 1])]


def test_stale_places_do_not_pile_up() -> None:
    """A hundred thousand small asks leave a queue no longer than a few places per asker."""
    ledger, askers = ledger_of(0, 0, 0)
    for number in range(100_000):
        ledger.ask(askers[number % 3], 1)
    assert len(ledger._heap) <= 2 * 3 + 8


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["ask", "retract", "split", "readd"]), st.integers(1, 9))))
def test_demand_is_conserved(steps: list[tuple[int, str, int]]) -> None:
    """Whatever happens: asked = delivered + taken back + outstanding, for each and for all."""
    ledger, askers = ledger_of(0, 0, 0, 0)
    balance = dict.fromkeys(askers, 0)
    for who, step, count in steps:
        asker = askers[who]
        if step == "ask":
            ledger.ask(asker, count)
            balance[asker] += count
        elif step == "retract":
            balance[asker] -= ledger.retract(asker, count)
        elif step == "readd":
            balance[asker] = 0
            ledger.remove(asker)
            ledger.add(asker)
        else:
            for served, events in ledger.split(list(range(min(count, ledger.total)))):
                assert events
                balance[served] -= len(events)
        assert {asker: asker.outstanding for asker in askers} == balance
        assert ledger.total == sum(balance.values())
