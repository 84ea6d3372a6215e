"""The sandbox's clock."""

from __future__ import annotations

import time

import pytest

from archiver.sandbox.clock import SandboxClock, timestamp


def test_clock_shows_the_time_and_can_be_pushed_forward() -> None:
    """It starts at the machine's time and jumps by what it is told."""
    clock = SandboxClock()
    assert abs(clock.now() - time.time()) < 5
    clock.advance(7 * 86_400)
    assert clock.now() - time.time() > 7 * 86_400 - 5


def test_clock_never_goes_back() -> None:
    """A jump back is refused."""
    with pytest.raises(ValueError, match="only goes forward"):
        SandboxClock().advance(-1)


def test_timestamp_has_whole_seconds() -> None:
    """The form is Dropbox's."""
    assert timestamp(1_431_442_238.9) == "2015-05-12T14:50:38Z"
