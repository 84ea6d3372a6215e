"""The audit log, page by page, and a check of its chain."""

from __future__ import annotations

from starlette.responses import Response

from archiver.console.visit import Visit

__all__ = ["check", "show"]

_PAGE = 100
_MOST = (1 << 62) - 1


async def show(visit: Visit) -> Response:
    """The newest lines; those of batches if they are asked for."""
    before = visit.number("before", 0, _MOST)
    batches = bool(visit.number("batches", 0, 1))
    lines = await visit.archiver.auditor.newest(before=before or None, limit=_PAGE, batches=batches)
    return visit.page("audit.html", lines=lines, more=len(lines) == _PAGE, before=before, batches=batches, chain=None)


async def check(visit: Visit) -> Response:
    """Goes through the whole chain."""
    chain = await visit.archiver.auditor.check()
    lines = await visit.archiver.auditor.newest(limit=_PAGE)
    return visit.page("audit.html", lines=lines, more=len(lines) == _PAGE, before=0, batches=False, chain=chain)
