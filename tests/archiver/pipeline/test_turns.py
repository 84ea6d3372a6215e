"""Turns: who may be awake when not all can be."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, cast

from archiver.pipeline.lane import Lane
from archiver.pipeline.turns import TURN_SECONDS, Turns
from support.world import World, in_virtual_time


def lane(lane_id: int, *, woke_at: float = 0.0, weight: int = 1, **state: Any) -> Lane:
    """What `Turns` looks at of a lane."""
    known = {"turn_over": False, "stopping": False, "closed_before": 0.0} | state
    return cast("Lane", SimpleNamespace(id=lane_id, woke_at=woke_at, customer=SimpleNamespace(weight=weight), **known))


def waiting(turn: Turns, ids: Iterable[int], now: float = 100.0) -> None:
    """These lanes have work."""
    for lane_id in ids:
        turn.want(lane_id, now)


def test_lanes_wake_in_the_order_in_which_they_came() -> None:
    """A lane that is hinted again keeps its place."""
    turn = Turns(most=10)
    waiting(turn, [3, 1, 2, 3, 1])
    assert turn.next(0) == [3, 1, 2]
    assert len(turn) == 0


def test_no_more_are_woken_than_there_are_places() -> None:
    """Eight are awake of ten."""
    turn = Turns(most=10)
    waiting(turn, range(5))
    assert turn.next(8) == [0, 1]
    assert turn.crowded(10)
    assert not turn.free(10)
    assert turn.next(10) == []


def test_many_are_woken_together() -> None:
    """While very many wait, a place that becomes free waits for some more of its kind; the last ones need not."""
    turn = Turns(most=1000)
    waiting(turn, range(500))
    assert not turn.free(990)
    assert turn.free(950)
    assert turn.next(950) == list(range(50))
    few = Turns(most=1000)
    waiting(few, range(3))
    assert not few.free(998)
    assert few.free(997)


def test_the_longest_awake_make_room() -> None:
    """Half of the places are nobody's to lose; of what is beyond, the oldest go, and no more than wait."""
    turn = Turns(most=4)
    awake = [lane(number, woke_at=float(number)) for number in range(4)]
    waiting(turn, [10])
    assert [each.id for each in turn.over(awake, 100.0)] == [0]
    waiting(turn, [11, 12, 13])
    assert [each.id for each in turn.over(awake, 100.0)] == [0, 1]
    awake[0].turn_over = True
    assert [each.id for each in turn.over(awake, 100.0)] == [1]


def test_one_that_never_ends_stays_beside_many_that_do() -> None:
    """An airline keeps its place: those who come new pass through the others."""
    turn = Turns(most=4)
    waiting(turn, range(10, 1000))
    awake = [lane(1), *(lane(number, woke_at=99.0) for number in (2, 3, 4))]
    assert turn.over(awake, 100.0) == []


def test_nobody_goes_before_the_end_of_a_turn() -> None:
    """A turn is longer for a customer of more weight."""
    turn = Turns(most=2)
    waiting(turn, [10, 11])
    light, heavy = lane(1), lane(2, weight=3)
    assert turn.over([light, heavy], TURN_SECONDS - 0.1) == []
    assert turn.over([heavy, light], TURN_SECONDS) == []  # one of two is nobody's to lose
    assert turn.over([heavy, light], 3 * TURN_SECONDS) == [heavy]


def test_who_comes_new_goes_before_those_that_come_back() -> None:
    """A lane that has had its turn waits behind a customer that has just got work."""
    turn = Turns(most=10)
    assert turn.put_away(lane(1, turn_over=True), 9, 100.0) is None
    waiting(turn, [1, 2])
    assert turn.next(0) == [2, 1]


def test_a_lane_that_may_do_nothing_rests_and_no_hint_wakes_it() -> None:
    """Its Retry-After would only fill a place."""
    turn = Turns(most=1)
    waiting(turn, [2, 3])
    assert turn.put_away(lane(1, closed_before=160.0), 0, 100.0) == 160.0
    assert not turn.want(1, 159.0)
    assert turn.next(0) == [2]
    assert turn.want(1, 160.0)
    assert turn.put_away(lane(2, closed_before=200.0), 0, 100.0) == 200.0
    assert turn.next(0) == [3]
    assert turn.put_away(lane(3, closed_before=200.0), 0, 100.0) is None  # there is place for everybody


@in_virtual_time
async def test_more_customers_than_places_are_all_served(world: World) -> None:
    """Three lanes may be awake; nine customers have more than a turn's work each, a tenth gets one item when all have had a turn."""
    most = 0
    names = [f"c{number}" for number in range(9)]
    for name in [*names, "quiet"]:
        await world.add_customer(name)
        world.prepare[name] = lambda destination: setattr(destination, "latency", 2.0)
    for name in names:
        world.put(name, 2000)
    assembly = world.assembly()
    assembly.lanes._turns = Turns(most=3)
    async with world.running(assembly):
        await world.until(lambda: sum(len(store.objects) > 10 for store in world.stores.values()) == len(names))
        world.put("quiet", 1)
        began = world.clock.time()
        while len(world.stores[world.lanes["quiet"]].objects) < 1:
            most = max(most, len(assembly.lanes.awake))
            await asyncio.sleep(0.1)
        assert world.clock.time() - began < 3 * TURN_SECONDS
        while not all(len(world.stores[world.lanes[name]].objects) == 2000 for name in names):
            most = max(most, len(assembly.lanes.awake))
            await asyncio.sleep(0.1)
    assert most == 3
