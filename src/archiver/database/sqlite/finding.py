"""Finding items by their words: a full-text table of SQLite (FTS5), which knows an item's words by the item's number, negated.

The newest come first when its rows are read in their own order; only in that order can FTS5 leap over what does not fit.

It is filled after the births, not with them: a birth takes a hundredth of a millisecond, its words three times that.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from archiver.database.engine.learning import unknown_words
from archiver.database.engine.words import Term
from archiver.database.schema import items

__all__ = ["FtsFinder"]

_NEWEST = "SELECT coalesce(-min(id), 0) FROM items_words_docsize"  # the full-text table's own list of what it has
_BEHIND = f"SELECT (SELECT coalesce(max(id), 0) FROM items) - ({_NEWEST})"  # noqa: S608  made of constants
_ALL = "SELECT id FROM items WHERE id < :before ORDER BY id DESC LIMIT :limit"
_FIND = "SELECT -rowid FROM items_words WHERE items_words MATCH :match AND rowid > -:before ORDER BY rowid LIMIT :limit"
_MOST = (1 << 63) - 1


class FtsFinder:
    """The full-text table."""

    def find(self, core: sa.Connection, terms: Sequence[Sequence[Term]], before: int, limit: int) -> list[int]:
        """Numbers of items that have these words, the newest first."""
        given = {"before": before or _MOST, "limit": limit}
        if not terms:
            return list(core.execute(sa.text(_ALL), given).scalars())
        match = " AND ".join(f"({' OR '.join(_spelled(term) for term in either)})" for either in terms)
        return list(core.execute(sa.text(_FIND), {**given, "match": match}).scalars())

    def behind(self, core: sa.Connection) -> int:
        """How many of the newest items are not in it yet."""
        return max(0, int(core.execute(sa.text(_BEHIND)).scalar_one()))

    def learn(self, core: sa.Connection, limit: int) -> int:
        """Some more of them."""
        newest = int(core.execute(sa.text(_NEWEST)).scalar_one())
        rows = unknown_words(core, items.c.id > newest, limit)
        if rows:
            # In the order of its rows: for one that comes before the last one FTS5 would begin anew.
            core.execute(sa.text("INSERT INTO items_words (rowid, words) VALUES (-:id, :words)"), rows[::-1])
        return len(rows)


def _spelled(term: Term) -> str:
    word, beginning = term
    return f'"{word}"*' if beginning else f'"{word}"'  # words are letters and digits only
