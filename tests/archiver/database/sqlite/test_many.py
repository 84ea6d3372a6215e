"""Many rows in one step."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.database.sqlite.many import MOST, ManyRows

INSERT = ManyRows("id, word", "INSERT INTO word SELECT given.id, given.word || ?1 FROM :given WHERE given.id IS NOT NULL")
UPDATE = ManyRows("id, word", "UPDATE word SET word = given.word FROM :given WHERE given.id IS NOT NULL AND word.id = given.id")


@pytest.fixture
def raw() -> Iterator[sqlite3.Connection]:
    """A table in memory."""
    made = sqlite3.connect(":memory:", isolation_level=None)
    made.execute("CREATE TABLE word (id INTEGER PRIMARY KEY, word TEXT)")
    yield made
    made.close()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 63, 64, 65, MOST, MOST + 1, 3 * MOST - 1])
def test_every_row_arrives_once(raw: sqlite3.Connection, count: int) -> None:
    """Whatever the number, and the filling rows never do."""
    rows = [(number, f"w{number}") for number in range(count)]
    assert INSERT.execute(raw, rows, "!") == count
    assert raw.execute("SELECT * FROM word ORDER BY id").fetchall() == [(number, word + "!") for number, word in rows]
    assert UPDATE.execute(raw, [*rows[: count // 2], (10**9, "nobody")]) == count // 2


def test_few_statements_serve_all_numbers_of_rows(raw: sqlite3.Connection) -> None:
    """Powers of two: the cache of prepared statements is not thrashed, and each is one step for all its rows."""
    seen: list[str] = []
    raw.set_trace_callback(seen.append)
    for count in range(1, 201):
        raw.execute("DELETE FROM word")
        INSERT.execute(raw, [(number, "w") for number in range(count)], "")
    inserts = [statement for statement in seen if statement.startswith("INSERT")]
    assert len(inserts) == 200
    assert len({statement.count("),") for statement in inserts}) == 9


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.none() | st.integers(-(2**63), 2**63 - 1))))
def test_values_arrive_as_they_were(rows: list[tuple[str, int | None]]) -> None:
    """Texts of every script, numbers of 64 bits, nothing at all."""
    made = sqlite3.connect(":memory:")
    made.execute("CREATE TABLE value (text TEXT, number INTEGER)")
    ManyRows("text, number", "INSERT INTO value SELECT * FROM :given WHERE given.text IS NOT NULL").execute(made, rows)
    assert made.execute("SELECT text, number FROM value ORDER BY rowid").fetchall() == rows
    made.close()
