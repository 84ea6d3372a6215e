"""One lane: what it wants, and how far its reading has come."""

from __future__ import annotations

import pytest

from archiver.database.port import LaneRecord, Want
from archiver.destinations.memory import MemoryDestination
from archiver.destinations.port import Context, Features
from archiver.model import Connection, ConnectionState, Customer, Delivery, Item, Kind, Role
from archiver.outcome import Parked, Throttled
from archiver.pipeline.circuit import Circuit
from archiver.pipeline.gate import Gate
from archiver.pipeline.lane import Lane
from archiver.pipeline.pacer import Pacer
from genstage import Subscription
from genstage.clock import SystemClock

FEATURES = Features(batch_items=10, batch_bytes=1000, whole_bytes=400)


class Asked:
    """Stands where the toolkit's edge stands: how much is asked and not delivered."""

    def __init__(self, outstanding: int) -> None:
        self.outstanding = outstanding


def delivery(number: int, size: int | None = 100, ready_at: int = 0, priority: int = 0) -> Delivery:
    item = Item(number, 1, Kind.SMS, str(number), str(number), "text/plain", size, None, 0)
    return Delivery(number, 7, 1, f"/{number}", priority, ready_at, 0, None, item)


@pytest.fixture
def lane() -> Lane:
    clock = SystemClock()
    customer = Customer(id=1, name="acme", path_template="/{id}", created_at=0)
    connection = Connection(id=7, customer_id=1, role=Role.DESTINATION, adapter="memory")
    gate = Gate(Pacer(clock.time()), clock)
    destination = MemoryDestination(Context(pace=gate, clock=clock), features=FEATURES)
    return Lane(LaneRecord(customer=customer, destination=connection, sources=()), destination, gate, Circuit(), clock)


def begin(lane: Lane, demand: int) -> Want:
    """Begins a read; its first part."""
    assert lane.plan(demand)
    want = lane.want()
    assert want is not None
    return want


def read(lane: Lane, demand: int, *found: Delivery) -> list[Delivery]:
    """A whole read of one part, which finds these."""
    begin(lane, demand)
    fresh = lane.took(found, demand)
    assert lane.want() is None
    return fresh


def ask(lane: Lane, count: int) -> None:
    edge: Subscription = Asked(count)  # type: ignore[assignment]  # the one attribute that a lane reads
    lane.subscription = edge


def test_a_short_read_leaves_it_dry(lane: Lane) -> None:
    """Everything due was read: nothing is asked until there is more."""
    ask(lane, 5)
    begin(lane, 5)
    fresh = lane.took([delivery(1), delivery(2)], 5)
    assert [d.id for d in fresh] == [1, 2]
    assert lane.dry
    assert lane.claim().wants == 0


def test_reading_goes_on_after_the_last_one(lane: Lane) -> None:
    """A full read moves the place, so the next read does not meet what is in flight."""
    ask(lane, 2)
    assert begin(lane, 2) == Want(2, None)
    read(lane, 2, delivery(1, ready_at=5), delivery(2, ready_at=9, priority=1))
    assert begin(lane, 2) == Want(2, (1, 9, 2))
    assert not lane.dry


def test_what_came_back_is_read_again_from_the_beginning(lane: Lane) -> None:
    """A delivery that was given back stands before the place; the pass begins anew and reads past what is in flight."""
    ask(lane, 2)
    read(lane, 2, delivery(1), delivery(2))
    lane.gave_back(1)
    assert begin(lane, 2) == Want(3, None)
    fresh = read(lane, 2, delivery(1), delivery(2), delivery(3))
    assert [d.id for d in fresh] == [1, 3]


def test_a_hint_during_a_read_is_not_lost(lane: Lane) -> None:
    """What was committed while the read was under way may stand before it: the lane is not dry."""
    ask(lane, 5)
    begin(lane, 5)
    lane.read_again()
    lane.took([delivery(1)], 5)
    assert not lane.dry
    assert begin(lane, 4).after is None


def test_demand_that_was_taken_back_takes_nothing(lane: Lane) -> None:
    """A 429 while the read was under way: what it found stays where it is, and will be read again."""
    ask(lane, 2)
    begin(lane, 2)
    ask(lane, 0)
    assert lane.took([delivery(1), delivery(2)], 2) == []
    assert not lane.in_flight
    assert not lane.dry


def test_room_returns_when_the_upload_ends_and_the_row_when_it_is_settled(lane: Lane) -> None:
    """The slot is free before the write is committed, but until then a read must not meet the row as new."""
    ask(lane, 2)
    read(lane, 2, delivery(1), delivery(2))
    ask(lane, 0)
    assert (lane.held_items, lane.held_bytes) == (2, 200)
    lane.ended(1)
    assert (lane.held_items, lane.held_bytes) == (1, 100)
    assert 1 in lane.in_flight
    lane.settled(1)
    assert 1 not in lane.in_flight
    lane.ended(2)
    lane.settled(2)
    assert (lane.held_items, lane.held_bytes) == (0, 0)


def test_bytes_that_have_moved_are_no_longer_held(lane: Lane) -> None:
    """Their room returns before the upload has ended; the delivery stays in flight."""
    told: list[int] = []
    lane.on_room = lambda: told.append(lane.held_bytes)
    ask(lane, 2)
    read(lane, 2, delivery(1), delivery(2))
    ask(lane, 0)
    lane.moved(1)
    lane.moved(3)
    assert (told, lane.held_items) == ([100], 2)
    lane.ended(1)
    lane.settled(1)
    assert (lane.held_items, lane.held_bytes) == (1, 100)


def test_a_batch_is_cut_by_items_and_bytes(lane: Lane) -> None:
    """As many as travel together: at most ten, at most a thousand bytes, and at least one."""
    assert lane.cut([delivery(n, 10) for n in range(30)]) == 10
    assert lane.cut([delivery(n, 300) for n in range(30)]) == 3
    assert lane.cut([delivery(1, 300)]) == 1


def test_a_stream_goes_alone(lane: Lane) -> None:
    """What is larger than whole_bytes, or of unknown size, is its own batch."""
    assert lane.cut([delivery(1, 500), delivery(2, 10)]) == 1
    assert lane.cut([delivery(1, None), delivery(2, 10)]) == 1
    assert lane.cut([delivery(1, 10), delivery(2, 10), delivery(3, None)]) == 2


def test_a_closed_lane_says_why(lane: Lane) -> None:
    """Parked, throttled, stopping: what has arrived and not begun goes back untouched."""
    assert lane.closed() is None
    lane.stopping = True
    assert isinstance(lane.closed(), Throttled)
    lane.stopping = False
    lane.parked = ConnectionState.QUOTA_FULL
    assert isinstance(lane.closed(), Parked)


def test_a_pass_steps_over_what_is_in_flight(lane: Lane) -> None:
    """After something came back, rows in flight stand behind the place: a read that meets only them moves on, or it would spin."""
    ask(lane, 3)
    read(lane, 3, delivery(1), delivery(2), delivery(3))
    lane.gave_back(1)
    ask(lane, 1)
    want = begin(lane, 1)
    assert want == Want(3, None)
    assert [d.id for d in lane.took([delivery(1), delivery(2), delivery(3)], 1)] == [1]
    assert begin(lane, 1) == Want(1, (0, 0, 3))
    read(lane, 1, delivery(2))
    assert read(lane, 1) == []
    assert lane.dry


def test_what_is_not_wanted_any_more_is_read_again(lane: Lane) -> None:
    """Demand that was taken back during the read: the place stays before what was not taken."""
    ask(lane, 1)
    assert [d.id for d in read(lane, 3, delivery(1), delivery(2), delivery(3))] == [1]
    assert not lane.dry
    assert begin(lane, 2) == Want(2, (0, 0, 1))


def test_a_slow_lane_begins_no_more_than_will_soon_have_its_turn(lane: Lane) -> None:
    """One call in half a minute is what it found: what waits behind that would hold bytes that others could use."""
    clock = SystemClock()
    lane._reach = 1000
    lane.gate = Gate(Pacer(clock.time(), learnt=b'{"limit":0.03}'), clock)
    lane.subscription = None
    lane.gate._pacer._pilot = False
    assert lane.gate.room(0) > 1
    assert lane.claim().wants == lane._per_call()
    lane.puts = 1
    assert lane.claim().wants == 0
    lane.gate = Gate(Pacer(clock.time(), learnt=b'{"limit":3.0}'), clock)
    lane.gate._pacer._pilot = False
    assert lane.claim().wants == lane.gate.room(1) * lane._per_call()
