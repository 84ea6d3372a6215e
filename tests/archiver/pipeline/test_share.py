"""Fair share between lanes."""

from __future__ import annotations

import statistics

from hypothesis import given
from hypothesis import strategies as st

from archiver.pipeline.share import TURN, Budget, Claim, FairShare

MIB = 1024 * 1024
BUDGET = Budget(items=1000, bytes=32 * MIB)

claims = st.lists(
    st.builds(
        Claim,
        lane=st.integers(1, 10**6),
        wants=st.integers(0, 5000),
        item_bytes=st.integers(1, 8 * MIB),
        held_items=st.integers(0, 20),
        held_bytes=st.integers(0, MIB),
        weight=st.integers(1, 10),
    ),
    max_size=20,
    unique_by=lambda claim: claim.lane,
)


def held(some: list[Claim]) -> dict[str, int]:
    return {"held_items": sum(c.held_items for c in some), "held_bytes": sum(c.held_bytes for c in some)}


@given(claims)
def test_grants_stay_within_the_budgets(some: list[Claim]) -> None:
    """Whatever is wanted, what is held and granted together fits the budgets, but for the one item that always may go."""
    share = FairShare(BUDGET)
    granted = share.grant(some, **held(some))
    by_lane = {claim.lane: claim for claim in some}
    assert all(0 < count <= by_lane[lane].wants for lane, count in granted.items())
    if sum(granted.values()) > 1:
        cost = sum(max(1 / BUDGET.items, by_lane[lane].item_bytes / BUDGET.bytes) * n for lane, n in granted.items())
        total = held(some)
        assert cost <= 1 - max(total["held_items"] / BUDGET.items, total["held_bytes"] / BUDGET.bytes) + 1e-6


@given(claims)
def test_somebody_gets_something_when_nothing_is_held(some: list[Claim]) -> None:
    """An idle process with a willing lane never stands still, however large the item."""
    idle = [Claim(c.lane, c.wants, c.item_bytes, 0, 0, c.weight) for c in some]
    granted = FairShare(BUDGET).grant(idle, held_items=0, held_bytes=0)
    assert bool(granted) == any(claim.wants for claim in idle)


def test_a_lane_alone_gets_nearly_everything_and_leaves_room_for_newcomers() -> None:
    """The airline alone gets eight ninths; a customer who wakes then finds room at once."""
    share = FairShare(BUDGET)
    granted = share.grant([Claim(1, 10_000, 1, 0, 0)], held_items=0, held_bytes=0)
    assert 800 <= granted[1] <= 889
    airline = Claim(1, 10_000, 1, granted[1], granted[1])
    more = share.grant([airline, Claim(2, 5, 1, 0, 0)], held_items=granted[1], held_bytes=granted[1])
    assert more[2] == 5


def test_small_wants_are_met_before_the_rest_goes_to_the_airline() -> None:
    """Sharing is work-conserving: what the small ones do not want, the airline gets."""
    small = [Claim(lane, 3, 1, 0, 0) for lane in range(2, 22)]
    granted = FairShare(BUDGET).grant([Claim(1, 10_000, 1, 0, 0), *small], held_items=0, held_bytes=0)
    assert all(granted[claim.lane] == 3 for claim in small)
    assert granted[1] > 700


def test_equal_lanes_get_equal_parts() -> None:
    """Twenty lanes that all want everything get about the same; the last one leaves the ninth for newcomers."""
    granted = FairShare(BUDGET).grant([Claim(lane, 10_000, 1, 0, 0) for lane in range(20)], held_items=0, held_bytes=0)
    assert min(granted.values()) >= 0.85 * max(granted.values())


def test_weight_is_a_multiple_of_the_share() -> None:
    """A customer of weight 3 gets three times what one of weight 1 gets."""
    heavy, light = Claim(1, 10_000, 1, 0, 0, 3), Claim(2, 10_000, 1, 0, 0, 1)
    granted = FairShare(BUDGET).grant([heavy, light], held_items=0, held_bytes=0)
    assert 2.5 <= granted[1] / granted[2] <= 3.5


def test_large_files_and_small_ones_are_measured_by_the_same_stick() -> None:
    """A lane of 1 MiB files and one of 1 KiB messages get the same part of what is scarce for each."""
    granted = FairShare(BUDGET).grant([Claim(1, 10_000, MIB, 0, 0), Claim(2, 10_000, 1024, 0, 0)], held_items=0, held_bytes=0)
    assert abs(granted[1] * MIB / BUDGET.bytes - granted[2] / BUDGET.items) < 0.1


def test_a_large_item_is_not_starved_by_small_ones() -> None:
    """Who needs more than is free keeps the line: as uploads end, its turn comes, although small items would always fit."""
    share = FairShare(BUDGET)
    airline_held = 880
    for _ in range(200):
        claims = [Claim(1, 10_000, 1, airline_held, airline_held), Claim(2, 1, 8 * MIB, 0, 0)]
        granted = share.grant(claims, held_items=airline_held, held_bytes=airline_held)
        if 2 in granted:
            return
        airline_held += granted.get(1, 0) - 5
    raise AssertionError("the large item never got its turn")


def test_turns_rotate_when_room_is_for_one_only() -> None:
    """With room for one item at a time, ten lanes get one each in ten rounds."""
    share = FairShare(Budget(items=1, bytes=32 * MIB))
    served = []
    for _ in range(10):
        granted = share.grant([Claim(lane, 100, 1, 0, 0) for lane in range(10)], held_items=0, held_bytes=0)
        served += list(granted)
    assert sorted(served) == list(range(10))


def test_nothing_is_granted_when_nothing_is_free() -> None:
    """A full process waits."""
    assert FairShare(BUDGET).grant([Claim(1, 5, 1, 0, 0)], held_items=1000, held_bytes=0) == {}


def test_very_many_lanes_get_whole_batches_in_turn() -> None:
    """A thousand lanes that want everything do not get an item each: some get a turn's worth now, and the next ones go on from there."""
    share = FairShare(BUDGET)
    claims = [Claim(lane, 10_000, 1, 0, 0) for lane in range(1000)]
    served: list[int] = []
    while len(served) < 1000:
        granted = share.grant(claims, held_items=0, held_bytes=0)
        assert statistics.median(granted.values()) >= int(BUDGET.items * TURN)
        served += granted
    assert len(set(served[:1000])) == 1000  # nobody twice before everybody once


def test_who_has_just_woken_goes_before_those_with_a_backlog() -> None:
    """A thousand lanes wait for their turn; one that woke gets the few that it asks for at once, and nobody's turn is lost by it."""
    share = FairShare(BUDGET)
    claims = [Claim(lane, 10_000, 1, 0, 0) for lane in range(1000)]
    share.grant(claims, held_items=0, held_bytes=0)
    turn = share.last
    fresh = Claim(999, 8, 1, 0, 0, fresh=True)
    granted = share.grant([*claims[:999], fresh], held_items=980, held_bytes=0)
    assert granted[999] == 8
    assert min(granted) == turn + 1
