"""How many calls may be under way: pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.sources.port import Room
from archiver.sources.twilio.budget import MOST, Budget, Grant


def taken(budget: Budget, now: float, count: int, *, look: bool = False) -> list[Grant]:
    """So many grants; all must be given."""
    grants = [budget.take(now, look=look) for _ in range(count)]
    assert all(isinstance(grant, Grant) for grant in grants)
    return [grant for grant in grants if isinstance(grant, Grant)]


def served(budget: Budget, now: float) -> None:
    """Everything that may be under way is, and is let in."""
    count = budget.room(now).items
    taken(budget, now, count)
    for _ in range(count):
        budget.answered()
        budget.ended()


def test_a_look_has_a_place_of_its_own() -> None:
    """However many contents wait, a look is let in; a second one waits for a place."""
    budget = Budget()
    taken(budget, 0.0, budget.window - 1)
    assert budget.room(0.0).items == 0
    assert budget.take(0.0, look=False) == pytest.approx(0.05)
    assert isinstance(budget.take(0.0, look=True), Grant)
    assert budget.take(0.0, look=True) == pytest.approx(0.05)


def test_it_grows_while_all_of_it_is_used() -> None:
    """Up to the most; and not at all while nobody wants so much."""
    budget = Budget()
    for _ in range(20):
        taken(budget, 0.0, 1)
        budget.answered()
        budget.ended()
    assert budget.window == 4
    for _ in range(100):
        served(budget, 0.0)
    assert budget.window == MOST


def test_a_refusal_costs_a_quarter_once() -> None:
    """Others of the same burst say nothing new; then nothing is asked until the rest is over."""
    budget = Budget()
    for _ in range(100):
        served(budget, 0.0)
    grants = taken(budget, 1.0, 3)
    assert budget.refused(grants[0], 2.0, None) == pytest.approx(1.0)
    budget.refused(grants[1], 2.5, None)
    assert budget.window == MOST * 3 // 4
    assert budget.room(2.0).items == 0
    assert budget.take(2.0, look=True) == pytest.approx(1.5)
    for _ in range(3):
        budget.ended()
    assert budget.room(3.6) == Room(items=MOST * 3 // 4 - 1)


def test_near_the_limit_it_grows_slowly() -> None:
    """One more after sixteen windows of answers: what a refusal costs is paid rarely."""
    budget = Budget()
    (grant,) = taken(budget, 0.0, 1)
    budget.refused(grant, 0.0, 1.0)
    budget.ended()
    windows = [budget.window]
    while budget.window < 5:
        served(budget, 2.0)
        windows.append(budget.window)
    assert windows[0] == 3
    assert windows.count(3) > 16
    assert windows.count(4) > 16


def test_refusals_in_a_row_double_the_rest() -> None:
    """One, two, four … seconds, unless it is told; an answer ends the row."""
    budget = Budget()
    now, rests = 0.0, []
    for _ in range(7):
        (grant,) = taken(budget, now, 1)
        rests.append(budget.refused(grant, now + 0.1, None))
        budget.ended()
        now += 0.2 + rests[-1]
    assert rests == pytest.approx([1, 2, 4, 8, 16, 32, 32])
    (grant,) = taken(budget, now, 1)
    assert budget.refused(grant, now, 17.0) == pytest.approx(17.0)
    budget.ended()
    (grant,) = taken(budget, now + 17.1, 1)
    budget.answered()
    budget.ended()
    (grant,) = taken(budget, now + 18, 1)
    assert budget.refused(grant, now + 18, None) == pytest.approx(1.0)


@given(st.lists(st.sampled_from(["take", "look", "answer", "refuse"]), max_size=200))
def test_it_never_gives_more_than_its_window(steps: list[str]) -> None:
    """Whatever happens, at least a look and a content have a place, and no more is given than there is."""
    budget, now, flying = Budget(), 0.0, list[Grant]()
    for step in steps:
        now += 0.3
        if step in {"take", "look"}:
            before, grant = len(flying), budget.take(now, look=step == "look")
            if isinstance(grant, Grant):
                assert before < budget.window
                flying.append(grant)
            else:
                assert grant > 0
        elif flying:
            ended = flying.pop(0)
            if step == "answer":
                budget.answered()
            else:
                budget.refused(ended, now, None)
            budget.ended()
        assert 2 <= budget.window <= MOST
