"""Texts where there is no NUL."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from archiver.database.texts import escape, unescape


@given(st.text(st.sampled_from("\0\x10@P x")))
def test_every_text_comes_back(text: str) -> None:
    """Whatever it is made of; and on the way it has no NUL."""
    assert "\0" not in escape(text)
    assert unescape(escape(text)) == text


def test_usual_texts_stay_as_they_are() -> None:
    """A person who looks into the tables reads what was written."""
    assert escape("ä 日本 \n@P") == "ä 日本 \n@P"
