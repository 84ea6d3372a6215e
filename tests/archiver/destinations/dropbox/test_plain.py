"""The name of last resort."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations.dropbox.plain import plain_path

PLAIN = re.compile(r"(/[0-9A-Za-z-]+)*/[0-9A-Za-z-]+~[0-9a-f]{15}(\.[0-9A-Za-z-]+)?")


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("/Recordings/2026/call_1.wav", "/Recordings/2026/call-1~"),
        ("/Zoë Müller/Fax (1).pdf", "/Zo-M-ller/Fax-1~"),
        ("/desktop.ini/.dropbox", "/desktop-ini/dropbox~"),
        ("/…/…", "/x/x~"),
    ],
)
def test_what_a_person_can_read_stays_readable(path: str, plain: str) -> None:
    """Letters and digits stay, all else becomes a dash."""
    assert plain_path(path).startswith(plain)


@given(
    path=st.lists(st.text(min_size=1).filter(lambda part: "/" not in part), min_size=1, max_size=5).map(lambda parts: "/" + "/".join(parts))
)
def test_it_is_plain_short_and_always_the_same(path: str) -> None:
    """Whatever the path is."""
    plain = plain_path(path)
    assert PLAIN.fullmatch(plain)
    assert all(len(part) <= 255 for part in plain.split("/"))
    assert plain == plain_path(path)


def test_two_items_never_share_one() -> None:
    """The hash is of the whole path."""
    assert plain_path("/ä/x.txt") != plain_path("/ö/x.txt")
