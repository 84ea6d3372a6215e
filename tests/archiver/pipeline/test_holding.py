"""Whose lanes may be awake."""

from __future__ import annotations

from archiver.database.port import Taken
from archiver.model import Customer
from archiver.pipeline.holding import Holding


class HandClock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        """Where it was put."""
        return self.now

    def wall(self) -> float:
        """The same."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Goes on."""
        self.now += seconds


def customer(number: int = 1, epoch: int = 0) -> Customer:
    """A customer under an epoch."""
    return Customer(id=number, name="acme", epoch=epoch, path_template="/{id}", created_at=0)


def test_everybody_is_held_where_nobody_is_taken() -> None:
    """One process that serves a whole database asks nobody."""
    holding = Holding(HandClock())
    assert holding.everybody
    assert holding.serves(customer(epoch=3))
    assert list(holding.held) == []


def test_only_who_was_taken_is_held_and_only_under_that_epoch() -> None:
    """A record of another epoch is another owner's."""
    holding = Holding(HandClock())
    holding.narrow()
    assert not holding.holds(customer())
    holding.take([Taken(customer_id=1, epoch=4, careful=False)])
    assert holding.holds(customer(epoch=4))
    assert not holding.holds(customer(epoch=3))
    assert not holding.holds(customer(epoch=5))
    holding.forget([1])
    assert not holding.holds(customer(epoch=4))


def test_who_is_leaving_is_held_and_not_served() -> None:
    """What is under way may end, nothing new begins; who is taken again stays."""
    holding = Holding(HandClock())
    holding.take([Taken(customer_id=1, epoch=4, careful=False)])
    holding.leaving.add(1)
    assert holding.holds(customer(epoch=4))
    assert not holding.serves(customer(epoch=4))
    holding.take([Taken(customer_id=1, epoch=5, careful=False)])
    assert holding.serves(customer(epoch=5))


def test_nobody_is_held_from_the_deadline_on() -> None:
    """Whatever was taken: others may have it by now."""
    clock = HandClock()
    holding = Holding(clock)
    holding.take([Taken(customer_id=1, epoch=4, careful=False)])
    holding.deadline = 10.0
    clock.now = 9.999
    assert holding.serves(customer(epoch=4))
    assert not holding.lapsed()
    clock.now = 10.0
    assert not holding.holds(customer(epoch=4))
    assert holding.lapsed()
