"""Numbers and names as they come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.sources.replies import clean_name
from archiver.sources.ringcentral.parties import is_masked, number_of, plain_number, shown


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("+15551234567", "+15551234567"),
        ("(866)123-4567", "8661234567"),
        ("+1 855 201 XXXX", "+1855201XXXX"),
        ("+1855201xxxx", "+1855201XXXX"),
        ("101", "101"),
        ("*67", "*67"),
        ("anonymous", "anonymous"),
        ("", ""),
        ("Xavier", "Xavier"),
    ],
)
def test_a_number_is_cleaned_and_never_completed(text: str, plain: str) -> None:
    """Formatting goes, masked places stay, and nobody guesses a country."""
    assert plain_number(text) == plain


@given(st.text(alphabet="+0123456789()-. ", max_size=24))
def test_cleaning_keeps_every_digit_in_order(text: str) -> None:
    """Whatever the formatting."""
    assert [c for c in plain_number(text) if c.isdigit()] == [c for c in text if c.isdigit()]


@given(st.text(max_size=40))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    """Of numbers as of names, and what is left can be stored anywhere."""
    once = plain_number(text)
    assert plain_number(once) == once
    clean_name(text).encode()
    assert "\0" not in once


@given(st.text(alphabet="0123456789", min_size=1, max_size=12), st.integers(2, 8))
def test_a_masked_number_is_told_from_a_real_one(digits: str, hidden: int) -> None:
    """Hidden places at its end mask it; digits alone never do."""
    assert is_masked(plain_number(f"+{digits}{'X' * hidden}"))
    assert not is_masked(plain_number(f"+{digits}"))


def test_the_best_that_is_known_tells_a_party() -> None:
    """The number, else the extension, else the name, else nothing."""
    party = {"phoneNumber": "(866)123-4567", "extensionNumber": "101", "name": "Ann"}
    assert number_of(party) == "8661234567"
    del party["phoneNumber"]
    assert number_of(party) == "101"
    del party["extensionNumber"]
    assert number_of(party) == "Ann"
    assert number_of({}) == number_of(None) == ""
    assert shown([{"phoneNumber": "+1555", "name": "Ann"}, {"name": "Bob"}]) == "+1555 (Ann), Bob"
    assert shown(None) == "unknown"
