"""Parts of a path made fit for a storage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.errors import ConfigError
from archiver.naming import RULES, clean_part

TEXTS = st.text(max_size=300) | st.text(alphabet="conCON. \u0301e/\\\u202e🐈", max_size=12) | st.text(alphabet=st.characters(), max_size=20)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("e\u0301", "é"),
        ("a\u202eb\u200b\x07", "ab"),
        ("a/b\\c:d", "a-b-c-d"),
        (" .hidden. ", "hidden"),
        ("CON", "CON_"),
        ("con.txt", "con_.txt"),
        ("con .txt", "con_.txt"),
        ("COM¹", "COM¹_"),
        ("console", "console"),
        ("desktop.ini", "desktop_.ini"),
        (".dropbox", "dropbox_"),
        ("..", "unknown"),
        ("", "unknown"),
        ("\ud800", "-"),
        ("ü" * 200, "ü" * 127),
    ],
)
def test_examples(text: str, expected: str) -> None:
    """One of each kind of trouble."""
    assert clean_part(text) == expected


def test_posix_keeps_what_only_windows_minds() -> None:
    """A colon is a letter like any other there."""
    assert clean_part("CON: a|b", "posix") == "CON: a|b"


@pytest.mark.parametrize(("text", "expected"), [("~$calls", "-$calls"), ("~calls", "-calls"), ("a_VTI_b", "a-VTI_b"), (".lock", "lock")])
def test_onedrive_keeps_some_names_for_itself(text: str, expected: str) -> None:
    """Those of its editors, and of SharePoint's own folders."""
    assert clean_part(text, "onedrive") == expected


@given(text=TEXTS, rules=st.sampled_from(sorted(RULES)))
def test_cleaning_twice_changes_nothing(text: str, rules: str) -> None:
    """Idempotent, never empty, at most 255 bytes, no separator."""
    once = clean_part(text, rules)
    assert clean_part(once, rules) == once
    assert 0 < len(once.encode()) <= 255
    assert "/" not in once


def test_unknown_rules_are_refused() -> None:
    """The hint lists the known ones."""
    with pytest.raises(ConfigError):
        clean_part("x", "vms")
