"""What must not stand in a log."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.proof.discretion import discreet, discreet_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+15550100567", "…567"),
        ("call +1 (555) 010-0567 back", "call …567 back"),
        ("/SMS/15550100567_15550100234_x.txt", "/SMS/…567_…234_x.txt"),
        ("0301234567, 030 1234568", "…567, …568"),
        ("Bearer abcdefgh12345678", "Bearer …"),
        ("on 2026-11-24 at 10:02", "on 2026-11-24 at 10:02"),
        ("10.0.0.7", "10.0.0.7"),
        ("429 after 300 s", "429 after 300 s"),
        ("3636328599023000001", "3636328599023000001"),
        ("a" * 32 + "1234567890" * 3 + "ff", "a" * 32 + "1234567890" * 3 + "ff"),
    ],
)
def test_of_a_phone_number_only_the_end_is_shown(text: str, shown: str) -> None:
    """However it is written; dates, addresses, hashes and other ids stay."""
    assert discreet_text(text) == shown


@given(st.text("0123456789", min_size=8, max_size=15), st.sampled_from(["", "+"]), st.text(" ,;:/", max_size=3))
def test_no_phone_number_comes_through(digits: str, plus: str, edge: str) -> None:
    """Whatever stands around it."""
    assert digits not in discreet_text(f"from{edge} {plus}{digits} {edge}to")


def test_secrets_are_left_out_by_name() -> None:
    """At every depth; ids of ours and everything harmless stay."""
    given = {"refresh_token": "abc", "adapter": "dropbox", "more": [{"app_secret": 1}, 15550100567, True, None], "password": "x"}
    assert discreet(given) == {
        "refresh_token": "…",
        "adapter": "dropbox",
        "more": [{"app_secret": "…"}, 15550100567, True, None],
        "password": "…",
    }
