"""Customers: the list, one of them, and what may be done to it."""

from __future__ import annotations

from typing import Literal, cast

from starlette.responses import Response

from archiver.console.visit import Visit
from archiver.database.browsing import Query
from archiver.model import Role

__all__ = ["pause", "resume", "show", "show_one"]

_PAGE = 50
_NEWEST = 12


async def show(visit: Visit) -> Response:
    """A page of the list."""
    query = visit.query
    state = query.get("state", "")
    which = cast("Literal['all', 'needing', 'paused']", state if state in {"needing", "paused"} else "all")
    text = query.get("q", "").strip()[:64]
    rows = await visit.archiver.looking.customers(text=text, which=which, after=query.get("after", ""), limit=_PAGE + 1)
    return visit.page("customers.html", rows=rows[:_PAGE], more=len(rows) > _PAGE, text=text, which=which, after=query.get("after", ""))


async def show_one(visit: Visit) -> Response:
    """One customer: lanes and their pace, sources, the newest items."""
    name = visit.path["name"]
    row, connections = await visit.archiver.looking.customer(name)
    lanes = await visit.archiver.lanes_of(row)
    newest = await visit.archiver.looking.search(Query(customer=name), limit=_NEWEST)
    return visit.page(
        "customer.html",
        customer=row.customer,
        lanes=lanes,
        row=row,
        sources=[connection for connection in connections if connection.role is Role.SOURCE],
        destinations={connection.id: connection for connection in connections if connection.role is Role.DESTINATION},
        newest=newest.items,
    )


async def pause(visit: Visit) -> Response:
    """Serves the customer no more; what is under way ends."""
    customer = await visit.archiver.pause(visit.path["name"])
    return visit.seen(f"/customers/{customer.name}", f"{customer.name} is paused. What is under way ends; nothing new begins.")


async def resume(visit: Visit) -> Response:
    """Serves the customer again, and lets parked lanes try."""
    customer = await visit.archiver.resume(visit.path["name"])
    return visit.seen(f"/customers/{customer.name}", f"{customer.name} is served again.")
