"""The Fetcher: the demand of all lanes in one read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from archiver.database.port import LaneRecord, Want
from archiver.destinations.memory import MemoryDestination
from archiver.destinations.port import Context, Unpaced
from archiver.errors import DatabaseUnavailableError
from archiver.model import Connection, Customer, Delivery, Item, Kind, LaneId, Role
from archiver.pipeline.circuit import Circuit
from archiver.pipeline.fetcher import Fetcher
from archiver.pipeline.gate import Gate
from archiver.pipeline.lane import Lane
from archiver.pipeline.pacer import Pacer
from archiver.pipeline.patience import Patience
from genstage.clock import SystemClock

CLOCK = SystemClock()
PATIENCE = Patience(CLOCK, lambda _: None)


class StillClock:
    """A clock on which only sleeping takes time."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        """Seconds."""
        return self.now

    def wall(self) -> float:
        """The same."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """No longer than it takes."""
        self.now += seconds


class Edge:
    """What is asked and not delivered."""

    def __init__(self, outstanding: int) -> None:
        self.outstanding = outstanding


class Table:
    """The database's one read."""

    def __init__(self, rows: dict[LaneId, int]) -> None:
        self.rows = rows
        self.reads: list[dict[LaneId, Want]] = []

    async def waiting(self, wants: Mapping[LaneId, Want], now: int) -> Mapping[LaneId, Sequence[Delivery]]:
        """As many as there are, up to the limit."""
        assert now > 0
        self.reads.append(dict(wants))
        found = {lane: [delivery(lane, n) for n in range(min(want.limit, self.rows.get(lane, 0)))] for lane, want in wants.items()}
        return {lane: rows for lane, rows in found.items() if rows}


def delivery(lane: LaneId, number: int) -> Delivery:
    key = lane * 1000 + number
    return Delivery(key, lane, 1, f"/{key}", 0, 0, 0, None, Item(key, 1, Kind.SMS, str(key), str(key), "text/plain", 5, None, 0))


def lane(number: LaneId, asked: int, sources: Sequence[Connection] = ()) -> Lane:
    gate = Gate(Pacer(CLOCK.time()), CLOCK)
    record = LaneRecord(
        customer=Customer(id=number, name=f"c{number}", path_template="/{id}", created_at=0),
        destination=Connection(id=number, customer_id=number, role=Role.DESTINATION, adapter="memory"),
        sources=tuple(sources),
    )
    made = Lane(record, MemoryDestination(Context(pace=Unpaced(), clock=CLOCK)), gate, Circuit(), CLOCK)
    edge: Any = Edge(asked)
    made.subscription = edge
    return made


def ignore(lane: Lane) -> None:
    """Nobody wants to know."""
    del lane


@pytest.fixture
def dry() -> list[tuple[LaneId, int]]:
    return []


async def test_all_lanes_are_read_at_once(dry: list[tuple[LaneId, int]]) -> None:
    """Demand per lane is the parameter of one read."""
    lanes = {1: lane(1, 5), 2: lane(2, 3)}
    table: Any = Table({1: 100, 2: 100})
    fetcher = Fetcher(table, PATIENCE, lanes, CLOCK, went_dry=lambda lane, coming: dry.append((lane.id, coming)), freed=ignore)
    found = await fetcher.handle_demand({1: 5, 2: 3})
    assert {key: len(rows) for key, rows in found.items()} == {1: 5, 2: 3}
    assert (len(table.reads), fetcher.reads, dry) == (1, 1, [])


async def test_a_lane_that_comes_short_is_dry(dry: list[tuple[LaneId, int]]) -> None:
    """It is told how much is coming; the rest of its demand is taken back."""
    lanes = {1: lane(1, 5), 2: lane(2, 3)}
    table: Any = Table({1: 2})
    found = await Fetcher(
        table, PATIENCE, lanes, CLOCK, went_dry=lambda lane, coming: dry.append((lane.id, coming)), freed=ignore
    ).handle_demand({1: 5, 2: 3})
    assert {key: len(rows) for key, rows in found.items()} == {1: 2}
    assert dry == [(1, 2), (2, 0)]


async def test_lanes_that_are_gone_are_not_read(dry: list[tuple[LaneId, int]]) -> None:
    """Put away between the ask and the read: no read at all."""
    table: Any = Table({})
    fetcher = Fetcher(table, PATIENCE, {}, CLOCK, went_dry=lambda lane, coming: dry.append((lane.id, coming)), freed=ignore)
    assert await fetcher.handle_demand({1: 5}) == {}
    assert fetcher.reads == 0


async def test_a_read_for_a_lane_that_was_put_away_meanwhile_is_dropped(dry: list[tuple[LaneId, int]]) -> None:
    """Awake anew under the same id: it did not ask for this, and what was read may be settled by now."""
    lanes = {1: lane(1, 5)}

    class Slow(Table):
        async def waiting(self, wants: Mapping[LaneId, Want], now: int) -> Mapping[LaneId, Sequence[Delivery]]:
            lanes[1] = lane(1, 5)
            return await super().waiting(wants, now)

    table: Any = Slow({1: 3})
    fetcher = Fetcher(table, PATIENCE, lanes, CLOCK, went_dry=lambda lane, coming: dry.append((lane.id, coming)), freed=ignore)
    assert await fetcher.handle_demand({1: 5}) == {}
    assert not lanes[1].in_flight


async def test_a_lane_that_takes_its_demand_back_while_the_database_is_away_is_not_read(dry: list[tuple[LaneId, int]]) -> None:
    """A 429 that comes during an outage: when the database is back, only what is still asked is read, and as of then."""
    lanes = {1: lane(1, 5), 2: lane(2, 3)}
    clock = StillClock()

    class Away(Table):
        async def waiting(self, wants: Mapping[LaneId, Want], now: int) -> Mapping[LaneId, Sequence[Delivery]]:
            if not self.reads:
                self.reads.append(dict(wants))
                subscription: Any = lanes[1].subscription
                subscription.outstanding = 0
                raise DatabaseUnavailableError("away")
            assert now == int(clock.wall() * 1000)
            return await super().waiting(wants, now)

    table: Any = Away({1: 100, 2: 100})
    fetcher = Fetcher(
        table, Patience(clock, lambda _: None), lanes, clock, went_dry=lambda lane, coming: dry.append((lane.id, coming)), freed=ignore
    )
    found = await fetcher.handle_demand({1: 5, 2: 3})
    assert [sorted(wants) for wants in table.reads] == [[1, 2], [2]]
    assert {key: len(rows) for key, rows in found.items()} == {2: 3}


async def test_what_is_not_asked_any_more_when_a_long_read_ends_is_given_back() -> None:
    """The lane took its demand back during a later part of its read, perhaps to end for good: nothing of it stays behind in this stage."""
    lanes = {1: lane(1, 10)}
    subscription: Any = lanes[1].subscription
    freed: list[LaneId] = []
    held: list[int] = []

    class Long(Table):
        async def waiting(self, wants: Mapping[LaneId, Want], now: int) -> Mapping[LaneId, Sequence[Delivery]]:
            await super().waiting(wants, now)
            held.append(lanes[1].held_items)
            rows = [[delivery(1, n) for n in range(10)], [delivery(1, 10)], [delivery(1, n) for n in range(10, 14)]][len(self.reads) - 1]
            if len(self.reads) == 3:
                subscription.outstanding = 2
            return {1: rows}

    table: Any = Long({})
    fetcher = Fetcher(table, PATIENCE, lanes, CLOCK, went_dry=lambda *_: None, freed=lambda lane: freed.append(lane.id))
    assert len((await fetcher.handle_demand({1: 10}))[1]) == 10  # all of it live: the next read has a part for the backfill
    subscription.outstanding = 5
    found = await fetcher.handle_demand({1: 5})
    assert len(table.reads) == 3
    assert held == [10, 15, 15]  # what a part of a read has taken is not counted twice
    assert [one.id for one in found[1]] == [1010, 1011]
    assert (set(lanes[1].in_flight), lanes[1].queued, freed) == ({*range(1000, 1012)}, 12, [1])


async def test_what_was_read_for_a_lane_that_fell_during_a_later_part_is_dropped(dry: list[tuple[LaneId, int]]) -> None:
    """Another one is awake under its id by then, which has not asked for this."""
    lanes = {1: lane(1, 5), 2: lane(2, 5)}

    class Slow(Table):
        async def waiting(self, wants: Mapping[LaneId, Want], now: int) -> Mapping[LaneId, Sequence[Delivery]]:
            if len(self.reads) == 2:
                lanes[1] = lane(1, 5)
            return await super().waiting(wants, now)

    table: Any = Slow({1: 5, 2: 5})
    fetcher = Fetcher(table, PATIENCE, lanes, CLOCK, went_dry=lambda lane, coming: dry.append((lane.id, coming)), freed=ignore)
    await fetcher.handle_demand({1: 5, 2: 5})
    for each in lanes.values():  # what was delivered is over: the next read finds the same, in two parts
        for one in list(each.in_flight):
            each.gave_back(one)
    assert list(await fetcher.handle_demand({1: 5, 2: 5})) == [2]
    assert len(table.reads) == 3
    assert not lanes[1].in_flight
