from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genstage.flow.steps import Chain, EmitAndReduce, Filter, FlatMap, Map, MapBatch, Step, Take, Uniq
from genstage.flow.windows import Gather, Lists, Window

INTEGERS = st.lists(st.integers(-20, 20))


def cut(events: list[Any], sizes: list[int]) -> list[list[Any]]:
    """The events as lists of these sizes, over and over, and the rest as the last one."""
    lists, start, place = [], 0, 0
    while start < len(events):
        size = sizes[place % len(sizes)] if sizes else len(events)
        lists.append(events[start : start + size])
        start, place = start + size, place + 1
    return lists


def played(step: Step, lists: list[list[Any]]) -> list[Any]:
    """What comes out of a step that gets these lists, and then the end."""
    return [result for events in lists for result in step.apply(events, 0.0)] + step.end()


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Map(lambda x: x + 1), lambda xs: [x + 1 for x in xs]),
        (lambda: Filter(lambda x: x % 2), lambda xs: [x for x in xs if x % 2]),
        (lambda: FlatMap(lambda x: [x] * (x % 3)), lambda xs: [x for x in xs for _ in range(x % 3)]),
        (lambda: MapBatch(lambda xs: (x * 2 for x in xs)), lambda xs: [x * 2 for x in xs]),
        (lambda: Uniq(lambda x: x), lambda xs: list(dict.fromkeys(xs))),
        (lambda: Take(3), lambda xs: xs[:3]),
        (
            lambda: EmitAndReduce(lambda: 0, lambda seen, x: ([x] * (seen % 2), seen + 1)),
            lambda xs: [x for place, x in enumerate(xs) if place % 2],
        ),
    ],
    ids=["map", "filter", "flat_map", "map_batch", "uniq", "take", "emit_and_reduce"],
)
@given(events=INTEGERS, sizes=st.lists(st.integers(1, 7), max_size=5))
def test_a_step_does_not_depend_on_how_events_are_cut(
    make: Callable[[], Step], expected: Callable[[list[int]], list[int]], events: list[int], sizes: list[int]
) -> None:
    """However the events come, what comes out is what plain Python gives for all of them."""
    assert played(make(), cut(events, sizes)) == expected(events)


@given(events=INTEGERS, sizes=st.lists(st.integers(1, 7), max_size=5))
def test_a_chain_is_its_steps_one_after_the_other(events: list[int], sizes: list[int]) -> None:
    """Also what a step in the middle has left at the end goes through those behind it."""
    chain = Chain([Map(lambda x: x * 3), Filter(lambda x: x % 2), Gather(Lists(), Window(count=4)), Map(sum)])
    kept = [x * 3 for x in events if x * 3 % 2]
    assert played(chain, cut(events, sizes)) == [sum(kept[start : start + 4]) for start in range(0, len(kept), 4)]


def test_a_chain_is_satisfied_with_any_of_its_steps() -> None:
    """Where one step needs nothing more, nothing more can come out."""
    chain = Chain([Map(lambda x: x), Take(2)])
    assert not chain.satisfied
    assert chain.apply([1, 2, 3], 0.0) == [1, 2]
    assert chain.satisfied
    assert Take(0).satisfied


def test_a_chain_is_due_with_the_first_of_its_steps() -> None:
    """Expiring passes what comes out through the steps behind, and leaves those alone whose time has not come."""
    chain = Chain([Gather(Lists(), Window(seconds=5)), Gather(Lists(), Window(seconds=2))])
    assert chain.due is None
    assert chain.apply([1, 2], 10.0) == []
    assert chain.due == 15.0
    assert chain.expire(15.0) == []
    assert chain.due == 17.0
    assert chain.expire(17.0) == [[[1, 2]]]
    assert chain.due is None
    assert chain.end() == []
