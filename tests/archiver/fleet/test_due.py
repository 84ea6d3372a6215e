"""When which source is due."""

from __future__ import annotations

from archiver.fleet.due import Due


def test_the_earliest_is_taken_first_and_equal_ones_in_their_order() -> None:
    """Nothing is taken before its time."""
    due: Due[str] = Due()
    for when, key in ((3.0, "c"), (1.0, "a"), (3.0, "d"), (2.0, "b")):
        due.at(when, key)
    assert due.next == 1.0
    assert due.take(0.5) is None
    assert [due.take(3.0) for _ in range(5)] == ["a", "b", "c", "d", None]
    assert due.next is None


def test_a_key_has_one_moment() -> None:
    """Told sooner or later it is due then only; forgotten, not at all."""
    due: Due[str] = Due()
    due.at(5.0, "moved")
    due.at(1.0, "moved")
    due.at(2.0, "gone")
    due.forget("gone")
    due.forget("never")
    assert len(due) == 1
    assert [due.take(10.0), due.take(10.0)] == ["moved", None]
    due.at(1.0, "put off")
    due.at(7.0, "put off")
    assert due.take(6.0) is None
    assert due.take(7.0) == "put off"


def test_what_is_told_again_and_again_takes_no_more_memory() -> None:
    """A source that has news every second and is due in an hour stands in the heap a few times at most."""
    due: Due[str] = Due()
    for second in range(10_000):
        due.at(3600.0 + second, "chatty")
    assert len(due._heap) < 100
    assert due.next == 3600.0 + 9999
