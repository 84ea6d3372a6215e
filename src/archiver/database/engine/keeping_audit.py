"""`archiver.database.audit.AuditLog` for every engine; the line of a batch goes with the batch, in each engine's own way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from archiver.database.audit import Entry, Line, Span
from archiver.database.engine import audit
from archiver.database.engine.handles import Handled
from archiver.model import Millis, Receipt

__all__ = ["KeepsAudit"]


class _Timed(Handled, Protocol):
    """A database that has a clock."""

    def _now(self) -> Millis: ...


class KeepsAudit:
    """The audit log."""

    async def audit(self: _Timed, entry: Entry) -> Line:
        """Appends a line."""
        return await self._writer.core(audit.append, entry, self._now())

    async def audit_lines(self: Handled, *, after: int = 0, limit: int = 100) -> Sequence[Line]:
        """A page of lines by number, the oldest first."""
        return await self._looker.core(audit.lines, after, limit)

    async def audit_tail(self: Handled, *, before: int | None = None, limit: int = 100, batches: bool = True) -> Sequence[Line]:
        """A page of lines, the newest first."""
        return await self._looker.core(audit.tail, before, limit, batches)

    async def receipts(self: Handled, spans: Sequence[Span]) -> Mapping[int, Receipt | str]:
        """The receipts of the deliveries with these numbers."""
        return await self._looker.core(audit.receipts_in, spans)
