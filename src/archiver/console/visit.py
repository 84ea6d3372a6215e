"""A visit: one request, who makes it, and the ways to answer it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from archiver.app import Archiver
from archiver.console.console import Console
from archiver.errors import ConfigError
from archiver.people import Entered, Rank, Who
from archiver.proof.acting import Who as Actor

__all__ = ["Visit"]

_SECONDS = 12 * 3600
_TOLD = "archiver-told"


class Visit:
    """One request.

    Args:
        console: Which console.
        request: As it came.
        who: Who makes it; None if nobody has come in.

    Attributes:
        path: The parts of the path that have names.
        query: The query, the last of each name.
    """

    def __init__(self, console: Console, request: Request, who: Who | None) -> None:
        self.console = console
        self.request = request
        self._who = who
        self.path: Mapping[str, str] = request.path_params
        self.query: Mapping[str, str] = dict(request.query_params)

    @property
    def archiver(self) -> Archiver:
        """What all is about."""
        return self.console.archiver

    @property
    def who(self) -> Who:
        """Who has come in; only for routes that need somebody."""
        assert self._who is not None, "a route without a rank asked who it is"  # noqa: S101  a mistake of ours, not of a visitor
        return self._who

    @property
    def anybody(self) -> Who | None:
        """Who has come in, if anybody."""
        return self._who

    @property
    def origin(self) -> str:
        """The address it comes from; behind a proxy, what that says."""
        return self.request.client.host if self.request.client else ""

    def may(self, rank: Rank) -> bool:
        """Whether the visitor may do what this rank may."""
        return self._who is not None and self._who.rank.permits(rank)

    async def form(self) -> dict[str, str]:
        """The fields of a form, the last of each name."""
        body = (await self.request.body()).decode(errors="replace")
        return dict(parse_qsl(body, keep_blank_values=True, max_num_fields=100))

    async def form_lists(self) -> dict[str, list[str]]:
        """The fields of a form, all of each name."""
        body = (await self.request.body()).decode(errors="replace")
        fields: dict[str, list[str]] = {}
        for name, value in parse_qsl(body, keep_blank_values=True, max_num_fields=1000):
            fields.setdefault(name, []).append(value)
        return fields

    async def body(self, kind: type[Any]) -> Any:
        """The JSON of a program, as a value of this type.

        Raises:
            ConfigError: It is none.
        """
        try:
            return msgspec.json.decode(await self.request.body() or b"{}", type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ConfigError(f"the body does not fit: {error}") from error

    def number(self, name: str, default: int, most: int) -> int:
        """A number of the query.

        Raises:
            ConfigError: It is none, negative, or too large.
        """
        text = self.query.get(name, "")
        if not text:
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= 18 and int(text) <= most):
            raise ConfigError(f"{name} does not fit: expected a number from 0 to {most}")
        return int(text)

    async def note(self, action: str, subject: str = "", *, result: str = "done", detail: Mapping[str, Any] | None = None) -> None:
        """Writes down who did what, on what, from where, and how it ended."""
        await self.archiver.auditor.record(action, subject, result=result, detail=detail, by=self.actor(subject))

    def actor(self, name: str = "") -> Actor:
        """Who acts, for the audit log; ``name`` is who somebody says to be who has not come in."""
        return Actor(actor=self._who.name if self._who is not None else name[:64], origin=self.origin)

    # -- answers --------------------------------------------------------------------------------------------------------------------

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """A page."""
        told = self.console.tell(self.request.cookies.get(_TOLD, ""))
        here = self.request.url.path
        text = self.console.render(template, who=self._who, here=here, may=self.may, told=told, **values)
        response = HTMLResponse(text, status)
        if told:
            response.delete_cookie(_TOLD, path="/", secure=self._secure, httponly=True, samesite="lax")
        return response

    def seen(self, path: str, told: str = "") -> Response:
        """Go and see: the answer to whatever changed something. ``told`` is shown there once."""
        response = RedirectResponse(path, 303)
        if told:
            response.set_cookie(_TOLD, self.console.told(told), max_age=60, httponly=True, samesite="lax", secure=self._secure)
        return response

    def entered(self, entered: Entered, path: str = "/") -> Response:
        """The browser keeps the session from now on."""
        response = RedirectResponse(path, 303)
        name = self.console.listening.cookie
        response.set_cookie(name, entered.token, max_age=_SECONDS, path="/", secure=self._secure, httponly=True, samesite="lax")
        return response

    def left(self) -> Response:
        """The browser forgets the session."""
        response = RedirectResponse("/login", 303)
        response.delete_cookie(self.console.listening.cookie, path="/", secure=self._secure, httponly=True, samesite="lax")
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response

    def json(self, value: Any, status: int = 200) -> Response:
        """An answer for a program."""
        return Response(msgspec.json.encode(value), status, media_type="application/json")

    @property
    def _secure(self) -> bool:
        return self.console.listening.secure
