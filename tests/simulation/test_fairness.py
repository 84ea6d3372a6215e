"""I6 in the simulation: the quiet beside an airline."""

from __future__ import annotations

import pytest

from simulation.fairness import compare


@pytest.mark.parametrize("seed", range(4))
def test_an_airline_costs_the_quiet_little(seed: int) -> None:
    """Where nothing goes wrong, 95 of 100 quiet items take at most twice as long beside an airline as without it, and two seconds."""
    dwell = compare(seed)
    assert not dwell.broken
    assert dwell.fair, dwell
