"""Many rows in one step of SQLite.

Python's driver gives up the interpreter lock at every step of a statement and must get it back, which takes up to 5 ms each while the
event loop is busy. ``executemany`` steps once per row. So rows travel as one long ``VALUES`` list: one step for up to 512 rows.
A list is filled up to the next power of two with rows of NULL, so that few different statements are ever prepared.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any

__all__ = ["ManyRows"]

MOST = 512
"""Rows per step: 512 rows of 40 columns stay under the 32,766 parameters which SQLite takes by default."""


class ManyRows:
    """A statement about many rows.

    Args:
        columns: Names of the rows' columns, of which the first is never NULL in a row that counts.
        sql: The statement. It reads the rows from ``:given`` under the alias ``given``, and must itself leave out those whose first
            column is NULL. Other parameters are ``?1``, ``?2``, ….
    """

    def __init__(self, columns: str, sql: str) -> None:
        self._width = columns.count(",") + 1
        self._columns = columns
        self._sql = sql

    def execute(self, raw: sqlite3.Connection, rows: Sequence[tuple[Any, ...]], *others: Any) -> int:
        """Runs it for all rows.

        Args:
            raw: In a transaction.
            rows: As wide as there are columns.
            others: The other parameters.

        Returns:
            How many rows of the database it changed.
        """
        changed = 0
        for start in range(0, len(rows), MOST):
            part = rows[start : start + MOST]
            size = 1 << (len(part) - 1).bit_length()
            statement = _statement(self._sql, self._columns, self._width, size, len(others) + 1)
            missing = (None,) * (self._width * (size - len(part)))
            changed += raw.execute(statement, (*others, *chain.from_iterable(part), *missing)).rowcount
        return changed


@cache
def _statement(sql: str, columns: str, width: int, size: int, first: int) -> str:
    rows = (", ".join(f"?{number}" for number in range(at, at + width)) for at in range(first, first + width * size, width))
    values = ", ".join(f"({row})" for row in rows)
    # Not at the beginning of the statement: Python counts changed rows only of what begins with INSERT or UPDATE.
    return sql.replace(":given", f"(WITH given({columns}) AS (VALUES {values}) SELECT * FROM given) AS given")  # noqa: S608  made of constants
