"""The Overview, and the stream that keeps it live."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from starlette.responses import Response, StreamingResponse

from archiver.console.live import overview_values
from archiver.console.visit import Visit

__all__ = ["events", "show"]

_LOOK_AGAIN = 30  # frames after which it is looked whether the visitor may still be here


async def show(visit: Visit) -> Response:
    """The page as it is now; all of it is there without JavaScript."""
    values = await overview_values(visit.archiver)
    moments = msgspec.json.encode(visit.archiver.moments()).decode()
    return visit.page("overview.html", moments=moments, **values)


async def events(visit: Visit) -> Response:
    """What is live, once a second, until the visitor leaves or logs out."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_frames(visit), media_type="text/event-stream", headers=headers)


async def _frames(visit: Visit) -> AsyncIterator[bytes]:
    hub, door = visit.console.hub, visit.archiver.door
    token = visit.request.cookies.get(visit.console.listening.cookie, "")
    seen, left = 0, _LOOK_AGAIN
    with hub.looking():
        while (frame := await hub.next(seen)) is not None:
            if news := frame.since(seen):
                yield news
            seen, left = frame.number, left - 1
            if not left:
                if token and await door.whose_session(token, touch=False) is None:
                    return
                left = _LOOK_AGAIN
