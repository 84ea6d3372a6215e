"""Who stands beside whom in ``benchmarks.destinations``."""

from __future__ import annotations

import pytest
from benchmarks.contests import Contest, contests
from benchmarks.destinations import measure

from archiver import registry


@pytest.mark.parametrize("name", contests())
def test_each_contest_is_about_a_destination(name: str) -> None:
    """A contest's name is that of a destination which is registered."""
    assert name in registry.destinations()
    assert contests()[name].in_flight > 0


def test_a_contest_tells_speeds_and_ratios() -> None:
    """Both sides write the same number of files, and the first rival decides whether we are quick enough."""
    folder: Contest = contests()["folder"]
    result = measure(folder, rounds=1, items=3)
    assert set(result["items_per_second"]) == {"ours", "rclone"}
    assert result["enough"] == (result["items_per_second"]["ours"] >= result["items_per_second"]["rclone"])
