"""The audit log's reads and writes, in SQLAlchemy Core: the same for every engine but for what settles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from archiver.database.audit import GENESIS, Entry, Line, Span, drafted
from archiver.database.schema import DEEDS, audit, receipts, tombstones
from archiver.model import Millis, Receipt

__all__ = ["LOCK", "append", "lines", "receipts_in", "tail"]

LOCK = "SELECT pg_advisory_xact_lock(4702511907148113251)"
"""Lets one after the other append on PostgreSQL, where many write at one time; any number that nobody else uses."""
_SPANS_AT_ONCE = 200


def append(core: sa.Connection, entry: Entry, at: Millis) -> Line:
    """Appends a line, in the caller's transaction; nobody else appends until that ends."""
    if core.dialect.name == "postgresql":
        core.exec_driver_sql(LOCK)
    head = core.execute(sa.select(audit.c.number, audit.c.hash).order_by(audit.c.number.desc()).limit(1)).first()
    line = drafted(entry, at).after(*(head or (0, GENESIS)))
    core.execute(audit.insert().values(msgspec.structs.asdict(line)))
    return line


def lines(core: sa.Connection, after: int, limit: int) -> list[Line]:
    """A page of lines, the oldest first."""
    return [_line(row) for row in core.execute(sa.select(audit).where(audit.c.number > after).order_by(audit.c.number).limit(limit))]


def tail(core: sa.Connection, before: int | None, limit: int, batches: bool) -> list[Line]:
    """A page of lines, the newest first."""
    query = sa.select(audit).order_by(audit.c.number.desc()).limit(limit)
    if not batches:
        query = query.where(DEEDS)
    return [_line(row) for row in core.execute(query if before is None else query.where(audit.c.number < before))]


def receipts_in(core: sa.Connection, spans: Sequence[Span]) -> dict[int, Receipt | str]:
    """The receipts of deliveries by number; of those that were erased the hash."""
    found: dict[int, Receipt | str] = {}
    for start in range(0, len(spans), _SPANS_AT_ONCE):
        wanted = [receipts.c.delivery_id.between(first, last) for first, last in spans[start : start + _SPANS_AT_ONCE]]
        found |= {row.delivery_id: _receipt(row) for row in core.execute(sa.select(receipts).where(sa.or_(*wanted)))}
        buried = [tombstones.c.delivery_id.between(first, last) for first, last in spans[start : start + _SPANS_AT_ONCE]]
        erased = sa.select(tombstones).where(sa.or_(*buried), tombstones.c.receipt_hash != "")
        found |= {row.delivery_id: row.receipt_hash for row in core.execute(erased)}
    return found


def _line(row: sa.Row[Any]) -> Line:
    return Line(**row._mapping)  # noqa: SLF001  SQLAlchemy's public name for a row as a mapping


def _receipt(row: sa.Row[Any]) -> Receipt:
    return Receipt(
        path=row.path,
        remote_id=row.remote_id,
        revision=row.revision,
        size=row.size,
        sha256=row.sha256,
        remote_hash=row.remote_hash,
        archived_at=row.archived_at,
        recovered=bool(row.recovered),
    )
