"""Every sealed secret, page by page, in SQLAlchemy Core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import sqlalchemy as sa

from archiver.database.engine.handles import Handled
from archiver.database.port import SealedRow
from archiver.database.schema import connections, invitations

__all__ = ["KeepsCredentials"]

_NONE = msgspec.msgpack.encode({})


class KeepsCredentials:
    """`archiver.database.credentials.CredentialsDatabase` for an engine."""

    async def sealed(self: Handled, *, invited: bool = False, after: int = 0, limit: int = 1000) -> Sequence[SealedRow]:
        """A page of what has secrets, by id."""
        return await self._looker.core(_sealed, invited, after, limit)

    async def reseal(self: Handled, rows: Sequence[SealedRow], secrets: Sequence[Mapping[str, bytes]]) -> int:
        """Keeps other sealed texts in the place of those that were read; how many."""
        return await self._writer.core(_reseal, rows, secrets)


def _sealed(core: sa.Connection, invited: bool, after: int, limit: int) -> list[SealedRow]:
    table = invitations if invited else connections
    query = (
        sa.select(table.c.id, table.c.customer_id, table.c.adapter, table.c.secrets)
        .where(table.c.id > after, table.c.secrets != _NONE)
        .order_by(table.c.id)
        .limit(limit)
    )
    return [
        SealedRow(
            id=row.id,
            invited=invited,
            customer_id=row.customer_id,
            adapter=row.adapter,
            secrets=msgspec.msgpack.decode(row.secrets, type=dict[str, bytes]),
        )
        for row in core.execute(query)
    ]


def _reseal(core: sa.Connection, rows: Sequence[SealedRow], secrets: Sequence[Mapping[str, bytes]]) -> int:
    written = 0
    for row, fresh in zip(rows, secrets, strict=True):
        # The whole of it is compared: a service may have replaced a token since.
        table = invitations if row.invited else connections
        same = sa.and_(table.c.id == row.id, table.c.secrets == msgspec.msgpack.encode(row.secrets))
        written += core.execute(table.update().where(same).values(secrets=msgspec.msgpack.encode(fresh))).rowcount
    return written
