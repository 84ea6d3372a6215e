"""What a lane reads, level by level; tables without tasks."""

from __future__ import annotations

import random
from collections.abc import Callable

from archiver.database.port import Want
from archiver.model import Delivery, Item, Kind
from archiver.pipeline.reading import FREE, Key, Reading, key_of, level_of

CALLS = key_of(level_of(5, 1, backfill=False))


class Rows:
    """A lane's waiting rows, and a reading of them."""

    def __init__(self, reading: Reading, **counts: int) -> None:
        self.reading = reading
        self.reads = 0
        levels = {"live": 0, "old": 1, "paid": 2 * CALLS, "old_paid": 2 * CALLS + 1}
        self.rows = [row(number, levels[name]) for name, count in counts.items() for number in numbers(levels[name], count)]
        self.rows.sort(key=lambda one: (one.priority, one.ready_at, one.id))

    def find(self, want: Want) -> list[Delivery]:
        """What the Database would."""
        self.reads += 1
        after, last = want.after or (-1, -1, -1), 1 << 31 if want.last is None else want.last
        found = [one for one in self.rows if (one.priority, one.ready_at, one.id) > after and one.priority <= last]
        return found[: want.limit]

    def read(self, demand: int, room: Callable[[Key], int]) -> list[Delivery]:
        """One read, whose fresh deliveries are settled at once."""
        fresh: list[Delivery] = []
        self.reading.plan(demand, room)
        while (step := self.reading.step()) is not None:
            known = {one.id for one in fresh}
            fresh += step.take(self.find(step.want), demand - len(fresh), known.__contains__, lambda _: True)
        self.rows = [one for one in self.rows if one not in fresh]
        return fresh


def numbers(level: int, count: int) -> range:
    """Ids that tell the level."""
    return range(level * 10_000, level * 10_000 + count)


def row(number: int, priority: int) -> Delivery:
    return Delivery(number, 7, 1, "", priority, 0, 0, None, Item(number, 5, Kind.SMS, "", "", "", 1, None, 0))


def plenty(_: Key) -> int:
    return 1000


def nothing(_: Key) -> int:
    return 0


def of(fresh: list[Delivery]) -> dict[int, int]:
    """How many of each priority."""
    counts: dict[int, int] = {}
    for one in fresh:
        counts[one.priority] = counts.get(one.priority, 0) + 1
    return counts


def test_a_level_tells_source_and_budget() -> None:
    """Different for each pair of them, and for old news; what costs nothing has no source."""
    levels = [level_of(source, budget, backfill=old) for source in (1, 2, 70) for budget in (1, 2, 3) for old in (False, True)]
    assert len(set(levels)) == len(levels)
    assert min(levels) > 1
    assert {level_of(source, 0, backfill=False) for source in (1, 70)} == {0}
    assert key_of(level_of(3, 2, backfill=True)) == key_of(level_of(3, 2, backfill=False)) != FREE


def test_what_fits_into_the_demand_takes_one_read() -> None:
    """Live and backfill together, as long as that is enough."""
    rows = Rows(Reading(), live=3, old=4)
    assert of(rows.read(10, plenty)) == {0: 3, 1: 4}
    assert rows.reads == 1
    assert not rows.reading.free


def test_the_backfill_has_every_fifth_place_beside_the_live() -> None:
    """However small the demand; and all of it where nothing is live."""
    for demand in (1, 2, 7, 100):
        rows = Rows(Reading(), live=700, old=700)
        taken: list[Delivery] = []
        while len(taken) < 400:
            taken += rows.read(demand, plenty)
        assert 0.15 <= of(taken)[1] / len(taken) <= 0.21
        assert [one.id for one in taken if one.priority == 0] == list(numbers(0, of(taken)[0])), "in the order of the Database"
    rows = Rows(Reading(), live=0, old=50)
    assert of(rows.read(20, plenty)) == {1: 20}


def test_what_has_no_room_at_its_source_holds_up_nothing_else() -> None:
    """It is not read at all; of what has room so much as it is, and the rest of the demand goes to what is free."""
    rows = Rows(Reading([CALLS]), live=100, paid=100)
    assert of(rows.read(10, nothing)) == {0: 10}
    rows = Rows(Reading([CALLS]), live=100, paid=100)
    assert of(rows.read(10, lambda _: 2)) == {0: 8, 2 * CALLS: 2}
    assert rows.reading.paid == [CALLS]


def test_neither_the_paid_nor_the_free_starves_where_the_destination_is_slow() -> None:
    """Both have plenty: each gets half, also where one item is demanded at a time."""
    for demand in (1, 3, 10):
        rows = Rows(Reading([CALLS]), live=700, paid=700)
        taken = [one for _ in range(600 // demand) for one in rows.read(demand, plenty)]
        assert 0.4 <= of(taken)[0] / len(taken) <= 0.6


def test_old_recordings_have_their_share_of_a_room_of_one() -> None:
    """The source gives one at a time: every fifth is of the backfill."""
    rows = Rows(Reading([CALLS]), paid=500, old_paid=500)
    taken = [one for _ in range(200) for one in rows.read(50, lambda _: 1)]
    assert of(taken) == {2 * CALLS: len(taken) - of(taken)[2 * CALLS + 1], 2 * CALLS + 1: of(taken)[2 * CALLS + 1]}
    assert 0.17 <= of(taken)[2 * CALLS + 1] / len(taken) <= 0.21


def test_everything_is_read_once_whatever_happens() -> None:
    """Demand, room and hints at random: nothing is left out, nothing comes twice, and at the end it is dry."""
    chance = random.Random(1)
    for _ in range(50):
        rows = Rows(Reading([CALLS]), live=chance.randrange(60), old=chance.randrange(60), paid=chance.randrange(60), old_paid=9)
        wanted = {one.id for one in rows.rows}
        taken: list[Delivery] = []
        for _ in range(2000):
            taken += rows.read(chance.randrange(1, 12), lambda _: chance.randrange(4))
            if chance.random() < 0.2:
                rows.reading.read_again()
            if not rows.rows:
                break
        assert len(taken) == len(wanted)
        assert {one.id for one in taken} == wanted
        for _ in range(3):
            rows.read(5, plenty)
        assert (rows.reading.free, rows.reading.paid) == (False, [])
