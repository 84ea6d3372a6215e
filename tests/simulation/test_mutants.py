"""A simulation that cannot fail proves nothing: the product, broken on purpose, is noticed."""

from __future__ import annotations

import pytest

from simulation.mutants import MUTANTS, first_noticed

QUICK = (
    "the cursor never wraps",
    "Retry-After forgotten",
    "archived before confirmed",
    "forgotten before settled",
    "hints lost",
    "timers lost",
    "demand kept while throttled",
    "budget ignored",
)
"""Those that nearly any seed notices. ``python -m simulation --mutants`` tries all, which takes minutes."""
MOST = 30


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", QUICK)
def test_a_broken_product_is_noticed(name: str) -> None:
    """Within so many seeds one of them breaks a promise."""
    seeds, broken = first_noticed(name, MOST)
    assert seeds, f"{name}: not noticed in {MOST} seeds"
    assert broken


def test_the_quick_ones_are_mutants() -> None:
    """No name is misspelt."""
    assert set(QUICK) <= MUTANTS.keys()
