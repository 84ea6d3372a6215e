"""What Graph says is left of a minute."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations.onedrive.allowance import Allowance


def headers(limit: object = 100, left: object = 10, reset: object = 30) -> dict[str, str]:
    """As Graph writes them."""
    return {"RateLimit-Limit": str(limit), "RateLimit-Remaining": str(left), "RateLimit-Reset": str(reset)}


def test_nothing_told_is_no_limit() -> None:
    """Below 80 % Graph says nothing, and everything may be done."""
    assert Allowance().take(1e6, 0.0) is None


def test_it_ends_before_a_refusal_and_goes_on_with_the_next_minute() -> None:
    """Four calls at two units of the ten that are left; a reserve of two is not touched; calls that cost nothing go on."""
    allowance = Allowance()
    allowance.told(headers(), 1000.0)
    assert [allowance.take(2, 1001.0) for _ in range(4)] == [None] * 4
    assert allowance.take(2, 1002.0) == 28.0
    assert allowance.take(0, 1002.0) is None
    assert allowance.take(2, 1030.0) is None


def test_an_older_answer_does_not_give_back() -> None:
    """Answers overtake each other: the least that was said counts, until the minute is over."""
    allowance = Allowance()
    allowance.told(headers(left=4), 0.0)
    allowance.told(headers(left=90), 1.0)
    assert allowance.take(2, 1.0) is None
    assert allowance.take(2, 1.0) is not None
    allowance.told(headers(left=90), 40.0)
    assert allowance.take(2, 40.0) is None


@pytest.mark.parametrize("word", ["", "-1", "x", "1e5", "٣", "9" * 400])
def test_junk_is_ignored(word: str) -> None:
    """A header that is no number says nothing."""
    for told in (headers(limit=word), headers(left=word), headers(reset=word)):
        allowance = Allowance()
        allowance.told({name: value for name, value in told.items() if value}, 0.0)
        assert allowance.take(50, 0.0) is None


@given(words=st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5), st.text(max_size=5), st.floats(0, 1e4)), max_size=5))
def test_it_never_waits_longer_than_an_hour(words: list[tuple[str, str, str, float]]) -> None:
    """Whatever is said."""
    allowance, now = Allowance(), 0.0
    for limit, left, reset, later in words:
        now += later
        allowance.told(headers(limit, left, reset), now)
        wait = allowance.take(2, now)
        assert wait is None or 0 < wait <= 3600
