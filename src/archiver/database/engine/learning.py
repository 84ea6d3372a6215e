"""The newest items that the search does not know yet, and their words."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from archiver.database.engine.words import words_of
from archiver.database.schema import items

__all__ = ["unknown_words"]

_COLUMNS = (items.c.id, items.c.source_id, items.c.kind, items.c.occurred_at, items.c.sender, items.c.recipient, items.c.owner)


def unknown_words(core: sa.Connection, which: sa.ColumnElement[bool], limit: int) -> list[dict[str, Any]]:
    """Rows of a number and its words, the oldest first, as parameters of a statement."""
    query = sa.select(*_COLUMNS, items.c.external_id).where(which).order_by(items.c.id).limit(limit)
    return [
        {
            "id": row.id,
            "words": words_of((row.sender, row.recipient, row.owner, row.external_id), row.source_id, row.kind, row.occurred_at),
        }
        for row in core.execute(query)
    ]
