"""The application: finds the route of a request, lets in whoever may use it, and turns errors into answers that say what to do."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp

from archiver.console.console import Console
from archiver.console.guard import Guard
from archiver.console.routes import ROUTES, Route
from archiver.console.visit import Visit
from archiver.errors import (
    ArchiverError,
    ConfigError,
    DatabaseUnavailableError,
    DestinationError,
    InvitationError,
    RefusedError,
    TooOftenError,
    UnavailableError,
)
from archiver.people import Who
from archiver.proof.acting import acting

__all__ = ["application"]

_log = logging.getLogger(__name__)

_STATUS: tuple[tuple[type[ArchiverError], int], ...] = (
    (TooOftenError, 429),
    (RefusedError, 403),
    (InvitationError, 410),
    (ConfigError, 422),
    (DatabaseUnavailableError, 503),
    (DestinationError, 502),
    (UnavailableError, 502),
)


def application(console: Console) -> ASGIApp:
    """Everything behind the guard."""
    console.has(frozenset(route.path for route in ROUTES if route.method == "GET"))
    routes = [StarletteRoute(route.path, _endpoint(console, route), methods=[route.method]) for route in ROUTES]
    app = Starlette(routes=routes, exception_handlers={404: _unknown(console), 405: _unknown(console)})
    app.router.redirect_slashes = False
    return Guard(app, console.listening)


def _endpoint(console: Console, route: Route) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        visit = Visit(console, request, None)
        try:
            who = await _who(console, request, touch=not route.live)
            visit = Visit(console, request, who)
            if route.rank is not None and who is None:
                return _stranger(visit, route)
            if route.rank is not None and not visit.may(route.rank):
                return _failed(visit, route.api, 403, f"this needs the rank {route.rank}", "An admin can give it to you.")
            with acting(visit.actor()):
                return await route.answer(visit)
        except ArchiverError as error:
            status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
            return _failed(visit, route.api, status, error.message, error.hint)
        except Exception:  # noqa: BLE001  told in the log; one page that fails must not end the process that uploads
            # Without the values of variables: they may be what somebody typed.
            _log.error("the console could not answer %s %s\n%s", route.method, route.path, traceback.format_exc())
            return _failed(visit, route.api, 500, "this could not be shown", "The log tells more.")

    return answer


async def _who(console: Console, request: Request, *, touch: bool) -> Who | None:
    """Who comes: with a key, or with a session's cookie."""
    door = console.archiver.door
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return await door.whose_key(key.strip())
    token = request.cookies.get(console.listening.cookie, "")
    return await door.whose_session(token, touch=touch) if token else None


def _stranger(visit: Visit, route: Route) -> Response:
    if route.api or route.live:
        response = _failed(visit, True, 401, "this needs a key or a session", "Authorization: Bearer arc_…")  # noqa: FBT003  it is for programs
        response.headers["WWW-Authenticate"] = "Bearer"
        return response
    back = visit.request.url.path
    if route.method != "GET" or back == "/":
        return RedirectResponse("/login", 303)
    return RedirectResponse(f"/login?next={back}", 303)


def _failed(visit: Visit, api: bool, status: int, message: str, hint: str) -> Response:
    if api:
        # RFC 9457.
        response = visit.json({"status": status, "title": message, "detail": hint}, status)
        response.headers["Content-Type"] = "application/problem+json"
        return response
    return visit.page("failed.html", status=status, title="This did not work", message=message, hint=hint)


def _unknown(console: Console) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        status = int(getattr(error, "status_code", 404))
        api = request.url.path.startswith("/api/")
        visit = Visit(console, request, None if api else await _who(console, request, touch=False))
        message = "there is no such page" if status == 404 else "this cannot be done here"
        return _failed(visit, api, status, message, "")

    return answer
