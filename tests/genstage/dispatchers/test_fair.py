from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from genstage import DemandDispatcher, Subscription
from genstage.dispatchers.fair import FairLedger

NewEdge = Callable[..., Subscription]


class Asker:
    """Somebody who asks."""

    turn = 0

    def __init__(self, name: str) -> None:
        self.name = name
        self.outstanding = 0

    def __repr__(self) -> str:
        return self.name


def ledger_of(*demands: int) -> tuple[FairLedger[Asker], list[Asker]]:
    ledger: FairLedger[Asker] = FairLedger()
    askers = [Asker("abcdef"[number]) for number in range(len(demands))]
    for asker, demand in zip(askers, demands, strict=True):
        ledger.add(asker)
        ledger.ask(asker, demand)
    return ledger, askers


def lengths(shares: list[tuple[Asker, list[int]]]) -> dict[str, int]:
    return {asker.name: len(events) for asker, events in shares}


def test_nobody_is_greedy() -> None:
    """Four idle consumers with 1000 each and 100 events: 25 each, where GenStage gives the first all 100."""
    ledger, _ = ledger_of(1000, 1000, 1000, 1000)
    assert lengths(ledger.split(list(range(100)))) == {"a": 25, "b": 25, "c": 25, "d": 25}


def test_what_the_modest_leave_the_others_share() -> None:
    """Nobody gets more than it asked for, and nothing that was asked for stays behind."""
    ledger, _ = ledger_of(100, 3, 50, 0)
    assert lengths(ledger.split(list(range(43)))) == {"a": 20, "b": 3, "c": 20}
    assert ledger.total == 110


def test_single_events_go_round() -> None:
    """Event by event the turn goes on, also between those who asked for more and for less."""
    ledger, _ = ledger_of(100, 3, 50)
    assert [next(iter(lengths(ledger.split([event])))) for event in range(7)] == list("abcabca")


def test_the_odd_event_goes_to_somebody_else_the_next_time() -> None:
    """Four among three: the one more is not always the first one's."""
    ledger, _ = ledger_of(100, 100, 100)
    got = {"a": 0, "b": 0, "c": 0}
    for _ in range(3):
        for name, count in lengths(ledger.split([1, 2, 3, 4])).items():
            got[name] += count
    assert got == {"a": 4, "b": 4, "c": 4}


def test_a_chunk_is_one_run_of_events() -> None:
    """Each consumer gets neighbours, in order."""
    ledger, (a, b) = ledger_of(5, 5)
    assert ledger.split([1, 2, 3, 4]) == [(a, [1, 2]), (b, [3, 4])]


def test_who_goes_takes_its_demand_along() -> None:
    """Removed and taken back demand is not split."""
    ledger, (a, b, c) = ledger_of(5, 5, 5)
    ledger.remove(a)
    assert ledger.retract(b, 9) == 5
    assert (len(ledger), ledger.total) == (2, 5)
    assert ledger.split([1, 2]) == [(c, [1, 2])]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=6), st.data())
def test_shares_are_as_equal_as_demand_allows(demands: list[int], data: st.DataObject) -> None:
    """Who got less than another by more than one had asked for no more; all events are given, in order."""
    ledger, askers = ledger_of(*demands)
    count = data.draw(st.integers(0, sum(demands)))
    shares = ledger.split(list(range(count)))
    assert [event for _, events in shares for event in events] == list(range(count))
    got = dict.fromkeys(askers, 0) | {asker: len(events) for asker, events in shares}
    for asker, demand in zip(askers, demands, strict=True):
        assert got[asker] == demand - asker.outstanding
        assert got[asker] == demand or got[asker] + 1 >= max(got.values())


def test_a_fair_dispatcher_serves_in_turn(new_edge: NewEdge) -> None:
    """With `fair` two consumers share a list that one could take alone, and the buffer as well."""
    dispatcher = DemandDispatcher(fair=True).fresh()
    first, second = new_edge(), new_edge()
    for edge in (first, second):
        dispatcher.subscribe(edge)
        dispatcher.ask(edge, 10)
    assert dispatcher.dispatch([1, 2, 3, 4], bounded=True)[1] == [(first, [1, 2]), (second, [3, 4])]
