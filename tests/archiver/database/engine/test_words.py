"""The words by which items are found."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from archiver.database.browsing import Query
from archiver.database.engine.words import MOON_MILLIS, terms_of, words_of


def test_an_item_has_a_handful_of_words() -> None:
    """Numbers by their last seven digits, names as they are, and where, what and when."""
    words = words_of(("+49 30 1234567", "101", "Anna-Maria Öz", "call_17"), 5, "call_log", 3 * MOON_MILLIS + 1)
    assert words.split() == ["num1234567", "101", "anna", "maria", "öz", "call", "17", "src5", "kindcalllog", "moon3"]


def test_a_question_is_made_of_the_same_words() -> None:
    """Each list one of whose words must be there; nothing asks for everything."""
    assert terms_of(Query(), ()) == []
    assert terms_of(Query(text="030 / 123-4567"), ()) == [[("num1234567", False)]]
    assert terms_of(Query(text="an anna 42"), ()) == [[("an", False)], [("anna", True)], [("42", False)]]
    assert terms_of(Query(customer="x"), (3, 4)) == [[("src3", False), ("src4", False)]]
    assert terms_of(Query(customer="x"), ()) == [[("src0", False)]]
    assert terms_of(Query(since=MOON_MILLIS - 1, until=MOON_MILLIS), ()) == [[("moon0", False), ("moon1", False)]]
    assert terms_of(Query(since=0), ()) == []


@given(st.text())
def test_words_hold_nothing_that_an_engine_would_read(text: str) -> None:
    """Whatever somebody types: letters and digits only, so no operator, quote or wildcard reaches a query; and few of them."""
    terms = terms_of(Query(text=text), ())
    assert len(terms) <= 8
    for ((word, _),) in terms:
        assert re.fullmatch(r"\w+", word)
        assert "_" not in word


@given(st.from_regex(r"\+?[0-9][0-9 ()./-]{6,14}[0-9]", fullmatch=True))
def test_a_number_is_found_by_itself(number: str) -> None:
    """However it is written, its own words are among those of an item that has it."""
    words = words_of((number,), 1, "sms", 0).split()
    assert all(word in words for ((word, _),) in terms_of(Query(text=number), ()))
