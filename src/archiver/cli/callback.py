"""The answer of a provider's page: caught on this machine, or pasted by a person."""

from __future__ import annotations

import asyncio
import webbrowser
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

import msgspec
from aiohttp import web

from archiver.errors import ConfigError, InvitationError

__all__ = ["Answer", "Callback", "answer_in", "open_browser"]

_PATIENCE_SECONDS = 600.0
_PAGE = "<!doctype html><meta charset=utf-8><title>Archiver</title><p>You can close this page and go back to the terminal.</p>"
_SAFE = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'", "Referrer-Policy": "no-referrer"}


class Answer(msgspec.Struct, frozen=True):
    """What a page answered; never shown.

    Attributes:
        state: Which attempt it answers.
        code: Empty if the customer said no.
        error: The provider's word for why not.
    """

    state: str
    code: str
    error: str

    def __repr__(self) -> str:
        return f"Answer(error={self.error!r})"


class Callback:
    """Listens on this machine for one answer, for as long as it is open.

    Args:
        port: Of this machine.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._runner: web.AppRunner | None = None
        self._answer: asyncio.Future[Answer] | None = None

    async def __aenter__(self) -> Self:
        self._answer = asyncio.get_running_loop().create_future()
        app = web.Application()
        app.router.add_get("/", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            hint = "Give another --port that is registered with the application, or --no-browser."
            raise ConfigError(f"port {self._port} of this machine cannot be listened on: {error.strerror}", hint=hint) from None
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def answer(self) -> Answer:
        """The answer, when it comes.

        Raises:
            InvitationError: It does not come in ten minutes.
        """
        assert self._answer is not None, "the callback is not open"  # noqa: S101  a wiring mistake
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await self._answer
        except TimeoutError:
            raise InvitationError("the page was not answered in ten minutes", hint="Begin again.") from None

    async def _take(self, request: web.Request) -> web.Response:
        given = request.query
        if self._answer is not None and not self._answer.done() and ("code" in given or "error" in given):
            self._answer.set_result(Answer(given.get("state", ""), given.get("code", ""), _word(given.get("error", ""))))
        return web.Response(text=_PAGE, content_type="text/html", headers=_SAFE)


def answer_in(pasted: str, page: str) -> Answer:
    """The answer in an address that was pasted, or in a code alone.

    Args:
        pasted: What a person pasted.
        page: The address that was opened; a code alone answers that one.

    Raises:
        InvitationError: There is neither a code nor an error in it.
    """
    pasted = pasted.strip()
    state = parse_qs(urlsplit(page).query).get("state", [""])[0]
    if "?" not in pasted:
        if not pasted or not pasted.isprintable() or " " in pasted:
            raise InvitationError("that is neither an address nor a code", hint="Paste the whole address at which the page ended.")
        return Answer(state, pasted, "")
    given = {name: values[0] for name, values in parse_qs(urlsplit(pasted).query).items()}
    if "code" not in given and "error" not in given:
        raise InvitationError("the address has no code in it", hint="Paste the whole address at which the page ended.")
    return Answer(given.get("state", ""), given.get("code", ""), _word(given.get("error", "")))


async def open_browser(page: str) -> None:
    """Opens the person's browser; harmless where there is none. One that works in the terminal comes back when it is left."""
    await asyncio.to_thread(webbrowser.open, page)


def _word(text: str) -> str:
    """An error as RFC 6749 has them; whatever else stands there is not repeated."""
    return text if text.replace("_", "").isalpha() and text.isascii() and len(text) < 64 else ("an error" if text else "")
