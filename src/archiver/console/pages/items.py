"""Items: one of them, the archive, and what failed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from starlette.responses import Response

from archiver.console.visit import Visit
from archiver.database.browsing import Query
from archiver.database.port import DeliveryRow
from archiver.errors import ConfigError
from archiver.lifecycle import DeliveryState
from archiver.model import Kind, Millis

__all__ = ["query_of", "retry_cause", "retry_one", "show_archive", "show_failures", "show_one"]

_PAGE = 50
_MOST = (1 << 62) - 1


async def show_one(visit: Visit) -> Response:
    """One delivery: what it is, what happened to it, and its receipt."""
    detail = await visit.archiver.looking.item(_number(visit.path["id"]))
    return visit.page("item.html", detail=detail, row=detail.row)


async def retry_one(visit: Visit) -> Response:
    """Tries one delivery again."""
    number = _number(visit.path["id"])
    moved = await visit.archiver.retry(ids=[number])
    told = "It waits again, and will be tried soon." if moved else "It did not need another try."
    return visit.seen(f"/items/{number}", told)


async def show_archive(visit: Visit) -> Response:
    """What fits the question, the newest first."""
    query = query_of(visit)
    found = await visit.archiver.looking.search(query, before=visit.number("before", 0, _MOST), limit=_PAGE)
    fields = {name: visit.query.get(name, "") for name in ("q", "customer", "kind", "since", "until")}
    asked = {name: value for name, value in fields.items() if value}
    return visit.page("archive.html", found=found, fields=fields, asked=asked, kinds=list(Kind), older=visit.query.get("before", ""))


async def show_failures(visit: Visit) -> Response:
    """Failures by their causes; of one cause or customer, one by one."""
    state = visit.query.get("state", "")
    rows: Sequence[DeliveryRow] = ()
    chosen = DeliveryState(state) if state in {DeliveryState.REJECTED, DeliveryState.GONE} else None
    after = visit.number("after", 0, _MOST)
    if chosen is not None:
        rows = await visit.archiver.looking.deliveries(state=chosen, after=after, limit=_PAGE)
    causes = await visit.archiver.looking.causes()
    return visit.page("failures.html", causes=causes, rows=rows, chosen=chosen, more=len(rows) == _PAGE)


async def retry_cause(visit: Visit) -> Response:
    """Tries again whatever has failed for one reason."""
    reason = (await visit.form()).get("reason", "")
    if not reason:
        raise ConfigError("there is no reason given")
    moved = await visit.archiver.retry(reason=reason)
    return visit.seen("/failures", f"{moved} {'waits' if moved == 1 else 'wait'} again, and will be tried soon.")


def query_of(visit: Visit) -> Query:
    """The question that the query's fields ask.

    Raises:
        ConfigError: A field cannot be.
    """
    fields = visit.query
    kind = fields.get("kind", "")
    if kind and kind not in set(Kind):
        raise ConfigError("kind does not fit", hint=f"There are: {', '.join(Kind)}.")
    return Query(
        text=fields.get("q", "").strip()[:200],
        customer=fields.get("customer", "").strip().lower()[:64],
        kind=Kind(kind) if kind else None,
        since=_day(fields.get("since", ""), "since"),
        until=_day(fields.get("until", ""), "until", days=1),
    )


def _day(text: str, name: str, days: int = 0) -> Millis | None:
    """The first moment of a day, UTC, or of the day so many later."""
    if not text:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise ConfigError(f"{name} does not fit: expected a day, such as 2026-11-24") from None
    return int((day.timestamp() + days * 86_400) * 1000)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ConfigError("there is no delivery of that number")
    return int(text)
