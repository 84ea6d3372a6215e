"""Finding items by their words: a table of PostgreSQL's text search vectors, with an inverted index.

It is filled after the births, not with them, by whichever worker gets there first.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from archiver.database.engine.learning import unknown_words
from archiver.database.engine.words import Term
from archiver.database.schema import items

__all__ = ["VectorFinder"]

_LATE = 10_000  # numbers below the newest known one among which one may have been committed late
_NEWEST = "SELECT coalesce(max(item_id), 0) FROM items_words"
_BEHIND = f"SELECT (SELECT coalesce(max(id), 0) FROM items) - ({_NEWEST})"  # noqa: S608  made of constants
_ALL = "SELECT id FROM items WHERE id < :before ORDER BY id DESC LIMIT :limit"
_FIND = """
SELECT item_id FROM items_words WHERE words @@ CAST(:match AS tsquery) AND item_id < :before ORDER BY item_id DESC LIMIT :limit
"""
_ADD = "INSERT INTO items_words (item_id, words) VALUES (:id, array_to_tsvector(string_to_array(:words, ' '))) ON CONFLICT DO NOTHING"
_TURN = "SELECT pg_try_advisory_xact_lock(hashtext('archiver items_words'))"
_UNKNOWN = sa.text("NOT EXISTS (SELECT 1 FROM items_words WHERE items_words.item_id = items.id)")
_MOST = (1 << 63) - 1


class VectorFinder:
    """The table of vectors."""

    def find(self, core: sa.Connection, terms: Sequence[Sequence[Term]], before: int, limit: int) -> list[int]:
        """Numbers of items that have these words, the newest first."""
        given = {"before": before or _MOST, "limit": limit}
        if not terms:
            return list(core.execute(sa.text(_ALL), given).scalars())
        match = " & ".join(f"({' | '.join(_spelled(term) for term in either)})" for either in terms)
        return list(core.execute(sa.text(_FIND), {**given, "match": match}).scalars())

    def behind(self, core: sa.Connection) -> int:
        """How many of the newest items are not in it yet."""
        return max(0, int(core.execute(sa.text(_BEHIND)).scalar_one()))

    def learn(self, core: sa.Connection, limit: int) -> int:
        """Some more of them, unless another worker is at it."""
        if not core.execute(sa.text(_TURN)).scalar_one():
            return 0
        newest = int(core.execute(sa.text(_NEWEST)).scalar_one())
        rows = unknown_words(core, sa.and_(items.c.id > newest - _LATE, _UNKNOWN), limit)
        if rows:
            core.execute(sa.text(_ADD), rows)
        return len(rows)


def _spelled(term: Term) -> str:
    word, beginning = term
    return f"'{word}':*" if beginning else f"'{word}'"  # words are letters and digits only
