"""So many calls in a window, and the penalty that every poke prolongs."""

from __future__ import annotations

from archiver.sandbox.ringcentral.limits import LIMITS, GroupLimit, GroupMeter

TWO = GroupLimit(calls=2)


def test_the_window_slides() -> None:
    """Two in any sixty seconds."""
    meter = GroupMeter()
    assert [meter.admit(now, TWO) for now in (0.0, 30.0, 60.0, 90.0)] == [True] * 4
    assert not meter.admit(100.0, TWO)


def test_each_poke_begins_the_penalty_anew() -> None:
    """The trap without an end, and the way out: silence."""
    meter = GroupMeter()
    assert [meter.admit(now, TWO) for now in (0.0, 1.0, 2.0)] == [True, True, False]
    assert [meter.admit(now, TWO) for now in (61.5, 121.0, 180.0)] == [False] * 3
    assert (meter.refused, meter.poked) == (4, 3)
    assert meter.admit(240.1, TWO)


def test_the_headers_tell_what_is_left() -> None:
    """And how long a penalty lasts yet."""
    meter = GroupMeter()
    meter.admit(0.0, TWO)
    assert meter.headers("Heavy", 0.0, TWO) == {
        "X-Rate-Limit-Group": "heavy",
        "X-Rate-Limit-Limit": "2",
        "X-Rate-Limit-Remaining": "1",
        "X-Rate-Limit-Window": "60",
    }
    meter.admit(1.0, TWO)
    meter.admit(2.0, TWO)
    assert meter.headers("Heavy", 2.0, TWO)["Retry-After"] == "60"
    assert meter.headers("Heavy", 2.0, GroupLimit(calls=2, announced=False)) == {"Retry-After": "60"}


def test_the_published_limits_are_the_defaults() -> None:
    """RingCentral's guide, 2026-04."""
    assert {group: limit.calls for group, limit in LIMITS.items()} == {"Light": 50, "Medium": 40, "Heavy": 10, "Auth": 5}
    assert {(limit.window, limit.penalty) for limit in LIMITS.values()} == {(60.0, 60.0)}
