"""Many numbers as the one parameter of a statement."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

__all__ = ["chosen"]


def chosen(core: sa.Connection, ids: Iterable[int]) -> sa.Select[tuple[int]]:
    """Ids as rows, for ``IN``: one parameter, since there may be more of them than a statement takes."""
    if core.dialect.name == "postgresql":
        array = sa.cast(list(ids), postgresql.ARRAY(sa.BigInteger))
        return sa.select(sa.func.unnest(array))
    given = sa.func.json_each(msgspec.json.encode(list(ids)).decode()).table_valued("value")
    return sa.select(sa.cast(given.c.value, sa.Integer))
