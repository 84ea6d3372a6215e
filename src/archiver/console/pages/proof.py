"""Completeness: whether everything that a customer's sources have is archived, and if not, what is missing and why."""

from __future__ import annotations

from starlette.responses import Response

from archiver.console.visit import Visit

__all__ = ["show", "show_one"]

_PAGE = 50


async def show(visit: Visit) -> Response:
    """Customers, with what waits and what is missing of each."""
    text, after = visit.query.get("q", "").strip()[:64], visit.query.get("after", "")
    rows = await visit.archiver.looking.customers(text=text, after=after, limit=_PAGE + 1)
    return visit.page("completeness.html", rows=rows[:_PAGE], more=len(rows) > _PAGE, text=text)


async def show_one(visit: Visit) -> Response:
    """One customer's report."""
    return visit.page("report.html", report=await visit.archiver.prover.report(visit.path["name"]))
