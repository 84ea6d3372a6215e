"""What was archived, in the order of the audit log: what every source of our own files is made of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec

from archiver.database.audit import SETTLED, Line, Span
from archiver.database.completeness import Particulars
from archiver.database.port import Database
from archiver.model import Millis

__all__ = ["settled"]

_PAGE = 500


class _Batch(msgspec.Struct):
    archived: list[Span] = []
    customers: list[int] = []


async def settled(database: Database, customer_id: int, *, after: int, before: Millis) -> AsyncIterator[tuple[Line, Sequence[Particulars]]]:
    """The audit log's lines after a number and before a moment, each with what of the customer it says was archived."""
    while page := await database.audit_lines(after=after, limit=_PAGE):
        for line in page:
            if line.at >= before:
                return
            yield line, await _archived(database, customer_id, line)
        after = page[-1].number


async def _archived(database: Database, customer_id: int, line: Line) -> Sequence[Particulars]:
    if line.action != SETTLED:
        return ()
    batch = msgspec.json.decode(line.detail, type=_Batch)
    if customer_id not in batch.customers or not batch.archived:
        return ()
    return await database.archived_in(customer_id, batch.archived)
