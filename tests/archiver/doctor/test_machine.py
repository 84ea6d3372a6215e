"""Room, names and time."""

from __future__ import annotations

from pathlib import Path

import pytest

from archiver.doctor.findings import Verdict
from archiver.doctor.machine import check_disk, hosts_of


@pytest.mark.parametrize(
    ("total", "free", "verdict"),
    [
        (100_000_000_000, 50_000_000_000, Verdict.FINE),
        (100_000_000_000, 9_000_000_000, Verdict.NOTE),
        (2_000_000_000, 900_000_000, Verdict.NOTE),
        (100_000_000_000, 40_000_000, Verdict.FAULT),
    ],
)
def test_room_on_the_disk(tmp_path: Path, total: int, free: int, verdict: Verdict) -> None:
    """Less than a tenth or a gigabyte is told, next to nothing is a fault."""
    assert check_disk(tmp_path, lambda _: (total, total - free, free)).verdict is verdict


def test_hosts_are_asked_once() -> None:
    """Only the origin of an address counts, and what is no address of the web is left out."""
    found = hosts_of(["https://a.example/x?token=CANARY", "https://a.example/y", "http://[::1]:80", "sftp://b.example", "", "https://"])
    assert [str(origin) for origin in found] == ["https://a.example", "http://[::1]"]
