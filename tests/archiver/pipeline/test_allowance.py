from __future__ import annotations

import pytest

from archiver.pipeline.allowance import Allowance


def seconds_until(allowance: Allowance, rate: float = 1000.0) -> int:
    """How many seconds at work, at so many calls a second, until a probe can be paid for."""
    allowance.spent()
    for second in range(100_000):
        if allowance.suffices:
            return second
        allowance.passed(1.0)
        for _ in range(int(rate)):
            allowance.call()
    raise AssertionError("never")


@pytest.mark.parametrize(("price", "seconds"), [(1, 67), (15, 500), (300, 10_000)])
def test_the_dearer_a_refusal_the_rarer_the_probe(price: float, seconds: int) -> None:
    """At most 3 % of the time goes into the price."""
    allowance = Allowance()
    allowance.costs(price, 1)
    assert seconds_until(allowance, rate=10) == pytest.approx(seconds, abs=1)


def test_calls_are_a_price_too() -> None:
    """At a call a second, a probe that was refused five times comes back after 1,667 calls."""
    allowance = Allowance()
    allowance.costs(2, 5)
    assert seconds_until(allowance, rate=1) == pytest.approx(1667, abs=1)


def test_probes_in_vain_become_rarer() -> None:
    """Each probe that finds the same limit again makes the next rarer, up to four times; a change makes it as before."""
    allowance = Allowance()
    allowance.costs(15, 1)
    waits = []
    for _ in range(4):
        allowance.in_vain(12.0, 12.1)
        waits.append(seconds_until(allowance, rate=10))
    assert waits == pytest.approx([1000, 2000, 2000, 2000], abs=1)
    allowance.changed()
    assert seconds_until(allowance, rate=10) == pytest.approx(500, abs=1)


def test_a_higher_limit_is_remembered_and_fades() -> None:
    """While a higher limit was there not long ago, probes in vain do not make the next rarer; after many of them it is forgotten."""
    allowance = Allowance()
    allowance.costs(15, 1)
    allowance.fell(12.0, 4.0)
    assert allowance.higher(4.0)
    assert not allowance.higher(12.0)
    for _ in range(3):
        allowance.in_vain(4.0, 4.0)
        assert seconds_until(allowance, rate=10) == pytest.approx(500, abs=1)
    for _ in range(50):
        allowance.in_vain(4.0, 4.0)
    assert not allowance.higher(4.0)


def test_a_small_fall_is_no_memory() -> None:
    """A limit that is corrected by a few percent leaves no higher one to look for."""
    allowance = Allowance()
    allowance.fell(12.0, 11.5)
    assert not allowance.higher(4.0)


def fallen(price: float = 2.0) -> Allowance:
    """A limit of 12, of which 10 had surely been taken, has fallen to 4."""
    allowance = Allowance()
    allowance.costs(price, 1)
    allowance.spent()
    allowance.held(10.0, 12.0, 4.0)
    return allowance


def test_a_limit_that_fell_is_looked_for_soon() -> None:
    """First after five seconds at work, then after twice as long each time, and at last not at all."""
    allowance, waits = fallen(), []
    while allowance.hope is not None:
        seconds = 0
        while not allowance.looks:
            allowance.worked(1.0)
            seconds += 1
        waits.append(seconds)
        allowance.looked(found=False)
        allowance.spent()
    assert waits == [5, 10, 20, 40]


def test_a_dear_look_is_not_made() -> None:
    """Where a refusal costs more than a few seconds, only the usual probes look for a limit that fell."""
    allowance = fallen(price=15.0)
    allowance.worked(1000.0)
    assert not allowance.looks


def test_what_hardly_fell_is_not_looked_for() -> None:
    """A limit that is corrected a little leaves nothing to look for, nor does one that was found again."""
    allowance = Allowance()
    allowance.held(10.0, 12.0, 9.0)
    assert allowance.hope is None
    allowance = fallen()
    assert allowance.hope == (10.0, 12.0)
    allowance.looked(found=True)
    assert allowance.hope is None


def test_a_guess_is_checked_soon() -> None:
    """Where the limit is only guessed, an eighth of the price is enough."""
    allowance = Allowance()
    allowance.costs(16, 1)
    allowance.guessed()
    assert seconds_until(allowance, rate=100) == pytest.approx(67, abs=1)
