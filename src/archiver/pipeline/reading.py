"""What a lane reads: its levels, how far its reading has come in each, and how its demand is shared among them; pure.

A delivery's priority is its *level*. It says what reading the item's bytes costs at its source, and how old the item was when it was found:

| priority | what |
|---|---|
| 0, 1 | bytes that cost nothing there |
| 2k, 2k + 1 | bytes that are paid from one of a source's budgets; k is made of the source's id and the budget's number |

The even one of a pair is for what is *live*, the odd one for *backfill*: found more than a day after it happened. The live goes first, and
the backfill has every fifth place, so that neither starves the other. Within a level the Database has the order: what will be purged
soonest goes first.

A pair is read together as long as that is enough, which it is while less is due than is demanded. What is paid from a budget is read as the
source has room for it, and no other level waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from archiver.database.port import Place, Want
from archiver.model import Delivery

__all__ = ["BUDGETS", "FREE", "Key", "Reading", "Step", "key_of", "level_of"]

BUDGETS = 4
"""Budgets of a source are numbered below that; 0 is none."""
FREE = 0
"""The key of what costs nothing at its source."""
_BACKFILL = 5  # every fifth place is the backfill's

Key = int
"""Which budget of which source."""


def level_of(source_id: int, budget: int, *, backfill: bool) -> int:
    """The priority of an item's deliveries.

    Args:
        source_id: Where its bytes are.
        budget: What they are paid from there; 0 for none.
        backfill: Whether it is old news.
    """
    return 2 * (BUDGETS * source_id + budget if budget else FREE) + backfill


def key_of(priority: int) -> Key:
    """The budget that a delivery of this priority is paid from; `FREE` for none."""
    return priority // 2


class _Stretch:
    """How far reading has come in some neighbouring levels."""

    __slots__ = ("again", "dry", "first", "last", "place")

    def __init__(self, first: int, last: int | None) -> None:
        self.first = first
        self.last = last
        self.place: Place | None = None
        self.dry = False
        self.again = False

    def want(self, most: int, in_flight: int) -> Want:
        """A pass from the beginning meets what is in flight again, so it reads that much further."""
        self.again = False
        if self.place is not None:
            return Want(most, self.place, self.last)
        return Want(most + in_flight, (self.first, -1, -1) if self.first else None, self.last)

    def read_again(self) -> None:
        self.dry = False
        self.place = None
        self.again = True

    def came_to(self, last: Delivery | None, *, dry: bool) -> None:
        """A read came to this delivery, or to the end of what is due."""
        self.dry = dry and not self.again  # something came back or came new meanwhile: it may stand before what was read
        if self.again or self.dry:
            self.place = None
        elif last is not None:
            self.place = (last.priority, last.ready_at, last.id)


class Step:
    """One part of a read.

    Attributes:
        key: What its deliveries are paid from.
        most: So many fresh deliveries are taken at most.
        want: What the Database is asked.
    """

    __slots__ = ("_pair", "_stretch", "key", "most", "want")

    def __init__(self, pair: _Pair, stretch: _Stretch, most: int, in_flight: int) -> None:
        self.key = pair.key
        self.most = most
        self._pair = pair
        self._stretch = stretch
        self.want = stretch.want(most, in_flight)

    def take(self, found: Sequence[Delivery], most: int, known: Callable[[int], bool], admits: Callable[[int], bool]) -> list[Delivery]:
        """Takes what is fresh of what was found, and remembers how far the read has come.

        Args:
            found: What the Database answered.
            most: No more than that, if it is fewer than was meant to be taken.
            known: Whether a delivery is in flight already.
            admits: Whether one may be taken now.
        """
        fresh: list[Delivery] = []
        last: Delivery | None = None
        most = min(most, self.most)
        for delivery in found:
            if not known(delivery.id):
                if len(fresh) == most:
                    self._stretch.came_to(last, dry=False)
                    break
                if admits(delivery.id):
                    fresh.append(delivery)
            last = delivery  # also what is in flight: a read that met nothing else would be made again and again
        else:
            self._stretch.came_to(last, dry=len(found) < self.want.limit)
        self._pair.took(fresh, self._stretch)
        return fresh


class _Pair:
    """The live and the backfill of one budget."""

    __slots__ = ("_credit", "_pressed", "back", "both", "in_flight", "key")

    def __init__(self, key: Key, last: int | None) -> None:
        self.key = key
        self.both = _Stretch(2 * key, last)
        self.back = _Stretch(2 * key + 1, last)
        self.in_flight = 0
        self._pressed = False  # the live alone fills what is demanded: the backfill must be asked for
        self._credit = 0.0

    def steps(self, most: int) -> Iterable[Step]:
        """How to read so many: usually in one step; while the live presses, the backfill's share in one of its own."""
        share = 0
        if self._pressed and not self.back.dry:
            self._credit = min(self._credit + most / _BACKFILL, most)
            share = int(self._credit)
            if share:
                yield Step(self, self.back, share, self.in_flight)
        if most > share:
            yield Step(self, self.both, most - share, self.in_flight)

    def took(self, fresh: Sequence[Delivery], stretch: _Stretch) -> None:
        if stretch is self.back:
            self._credit -= len(fresh)
        elif stretch.dry:
            self._pressed = False
        elif fresh:
            self._pressed = fresh[-1].priority == 2 * self.key

    def read_again(self) -> None:
        self.both.read_again()
        self.back.read_again()


class Reading:
    """How far a lane's reading has come.

    Args:
        keys: Budgets that its items may be paid from, without `FREE`.
    """

    __slots__ = ("_pairs", "_steps", "_turn")

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        paid = [_Pair(key, 2 * key + 1) for key in keys if key != FREE]
        self._pairs = [*paid, _Pair(FREE, 1 if paid else None)]
        self._steps: list[Step] = []
        self._turn = 0

    @property
    def paid(self) -> Sequence[Key]:
        """The budgets of which something due may be left to read."""
        return [pair.key for pair in self._pairs[:-1] if not pair.both.dry]

    @property
    def free(self) -> bool:
        """Whether something due may be left to read that costs nothing at its source."""
        return not self._pairs[-1].both.dry

    def plan(self, demand: int, room: Callable[[Key], int]) -> bool:
        """Shares out demand among what may be left: an equal part to each, but no more than its source has room for.

        Returns:
            Whether anything is to be read.
        """
        able: list[tuple[int, int, _Pair]] = []  # how much at most, whose turn it is among those that could take it all
        self._turn += 1
        for number, pair in enumerate(self._pairs):
            if not pair.both.dry and (most := min(demand, demand if pair.key == FREE else room(pair.key))) > 0:
                able.append((most, (number + self._turn) % len(self._pairs), pair))
        able.sort(key=lambda one: one[:2])
        self._steps = []
        for count, (most, _, pair) in enumerate(able):
            part = min(most, -(-demand // (len(able) - count)))
            if part > 0:
                self._steps += pair.steps(part)
                demand -= part
        return bool(self._steps)

    def step(self) -> Step | None:
        """The next part of the planned read; None if it is done."""
        return self._steps.pop(0) if self._steps else None

    def read_again(self) -> None:
        """Reads from the beginning: there may be rows before the place (late commits, what was given back, due retries)."""
        for pair in self._pairs:
            pair.read_again()

    def began(self, priority: int) -> None:
        """A delivery of this priority is in flight from now on."""
        self._pair(priority).in_flight += 1

    def ended(self, priority: int) -> None:
        """It is not any more."""
        self._pair(priority).in_flight -= 1

    def _pair(self, priority: int) -> _Pair:
        key = key_of(priority)
        return next((pair for pair in self._pairs if pair.key == key), self._pairs[-1])
