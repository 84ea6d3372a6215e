"""The listener for providers that call us: one small server, and an address for each source that wants to be called.

In: HTTP requests of phone systems. Out: calls of the handlers that sources opened (see `archiver.sources.port.Hooks`). An address has a
long random word in it, is good for as long as the process runs, and says nothing of whose it is.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from aiohttp import web

from archiver.errors import ConfigError
from archiver.sources.port import Ring

__all__ = ["Listener", "checked_url", "listening"]

_PATH = "/hooks/"
_MOST_BYTES = 256 * 1024


class Listener:
    """The addresses.

    Args:
        url: How the providers reach this process, without a slash at the end.
    """

    def __init__(self, url: str) -> None:
        self.prefix = url + _PATH
        self._rings: dict[str, Ring] = {}

    def open(self, ring: Ring) -> str:
        """A new address; see `archiver.sources.port.Hooks.open`."""
        word = secrets.token_urlsafe(24)
        self._rings[word] = ring
        return self.prefix + word

    def close(self, address: str) -> None:
        """Nobody listens at the address any more; harmless when called twice."""
        self._rings.pop(address.removeprefix(self.prefix), None)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers one request."""
        ring = self._rings.get(request.path.removeprefix(_PATH)) if request.path.startswith(_PATH) else None
        if ring is None or request.method != "POST":
            return web.Response(status=404)
        body = await request.content.read(_MOST_BYTES)
        status, headers = ring(request.headers, body)
        return web.Response(status=status, headers=headers, content_type="application/json")


@asynccontextmanager
async def listening(url: str, address: tuple[str, int] | None) -> AsyncIterator[Listener | None]:
    """Serves at ``address`` what providers reach under ``url``; without an address it serves nothing.

    An empty ``url`` is the address itself: for providers that run on this machine.

    Raises:
        ConfigError: The address is not free.
    """
    if address is None:
        yield None
        return
    host, port = address
    listener = Listener(checked_url(url))
    runner = web.ServerRunner(web.Server(listener.answer, access_log=None), shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ConfigError(f"webhooks cannot be served at {host}:{port}: {error.strerror}") from None
        if not url:
            listener.prefix = f"http://{host}:{runner.addresses[0][1]}{_PATH}"
        yield listener
    finally:
        await runner.cleanup()


def checked_url(url: str) -> str:
    """The address as providers use it, without a slash at the end.

    Raises:
        ConfigError: It is none.
    """
    parts = urlsplit(url)
    if url and (parts.scheme not in {"https", "http"} or not parts.hostname or parts.query):
        raise ConfigError("webhooks_url is not an address", hint="Such as https://archive.example.com.")
    return url.rstrip("/")
