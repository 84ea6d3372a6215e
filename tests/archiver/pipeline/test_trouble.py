"""Who is to blame when a destination fails; pure, so as a table."""

from __future__ import annotations

import pytest

from archiver.pipeline.trouble import Trouble


def test_among_others_that_fare_well_the_item_is_to_blame() -> None:
    """A success of the last half minute says that the provider works."""
    trouble = Trouble()
    trouble.worked(0.0)
    assert trouble.failed(20.0, 1, others=50)
    assert trouble.failed(29.0, 2, others=50)
    assert not trouble.failed(31.0, 3, others=50), "that success is too old to say anything"


def test_while_nobody_fares_well_nobody_is_to_blame() -> None:
    """A call that carried three items failed, and so did the next one: none of them is charged."""
    trouble = Trouble()
    assert not any(trouble.failed(0.0, item, others=3 - item) for item in (1, 2, 3))
    assert not any(trouble.failed(5.0, item, others=3 - item) for item in (1, 2, 3))


def test_one_that_is_alone_is_to_blame() -> None:
    """Else an item on which a provider always breaks would be tried for ever."""
    trouble = Trouble()
    assert all(trouble.failed(at, 1, others=0) for at in (0.0, 5.0, 65.0))


def test_one_that_is_left_over_of_many_is_not() -> None:
    """The others failed shortly before."""
    trouble = Trouble()
    trouble.failed(0.0, 1, others=1)
    assert not trouble.failed(10.0, 2, others=0)
    assert trouble.failed(41.0, 2, others=0)


@pytest.mark.parametrize(("worked", "failed", "prevails"), [(0, 4, False), (0, 5, True), (5, 5, False), (5, 6, True), (1000, 20, False)])
def test_trouble_prevails_when_more_than_half_of_at_least_five_fail(worked: int, failed: int, prevails: bool) -> None:
    """Within half a minute, that is."""
    trouble = Trouble()
    for _ in range(worked):
        trouble.worked(0.0)
    for item in range(failed):
        trouble.failed(1.0, item, others=10)
    assert trouble.prevails is prevails
    trouble.worked(40.0)
    assert not trouble.prevails, "half a minute later nothing of that counts"
