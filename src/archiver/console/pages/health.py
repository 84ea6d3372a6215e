"""Health: what this process stands on, in words."""

from __future__ import annotations

import os
import socket

from starlette.responses import Response

from archiver.console.visit import Visit

__all__ = ["show"]


async def show(visit: Visit) -> Response:
    """The database, the workers, the process."""
    archiver = visit.archiver
    snapshot = await archiver.snapshot()
    return visit.page(
        "health.html",
        snapshot=snapshot,
        workers=() if snapshot.away else await archiver.workers(),
        database=archiver.settings.shown_database,
        host=socket.gethostname(),
        pid=os.getpid(),
        viewers=visit.console.hub.viewers,
    )
