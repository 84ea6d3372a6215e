"""Columns as arrays."""

from __future__ import annotations

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archiver.database.postgres.arrays import numbers, texts
from archiver.database.texts import unescape
from support.postgres import Server

WORDS = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from('\0\x10"\\{},NUL @P\n')))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(words=st.lists(WORDS, max_size=30))
def test_texts_arrive_as_they_were(postgres_server: Server, words: list[str]) -> None:
    """Of every script, with everything that arrays are written with, and NUL."""
    with psycopg.connect(postgres_server.address, autocommit=True) as raw:
        (found,) = raw.execute("SELECT %s::text[]", (texts(words),)).fetchone() or ([],)
    assert [unescape(word) for word in found] == words


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(values=st.lists(st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1)), max_size=30))
def test_numbers_arrive_as_they_were(postgres_server: Server, values: list[int | None]) -> None:
    """All of 64 bits, and nothing at all; truths as 0 and 1."""
    with psycopg.connect(postgres_server.address, autocommit=True) as raw:
        (found,) = raw.execute("SELECT %s::bigint[]", (numbers(values),)).fetchone() or ([],)
    assert found == values
