from __future__ import annotations

import pytest

from archiver.cli.demo.world import Plan


@pytest.mark.parametrize("items", [100, 600, 6000, 60_000])
def test_a_plan_fits_its_items(items: int) -> None:
    """Every quiet customer has something, the airline has nearly all, and everything happens while it runs."""
    plan = Plan.of(items)
    assert plan.quiet_customers <= plan.quiet_items <= items // 5
    assert 0 < plan.lowered_from < plan.lowered_until < plan.arriving_seconds <= Plan().arriving_seconds < plan.patience
