"""Stands between an adapter and a real HTTP server: hands everything through, or refuses as the provider would, or loses an answer."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Self

import aiohttp
from aiohttp import web
from yarl import URL

__all__ = ["Refusal", "Refusing"]

Refusal = Callable[[web.Request], web.Response | None]
"""The answer of a request instead of the server's; None hands it through."""

_OWN = {"transfer-encoding", "connection"}  # of one connection, not of the answer


class Refusing:
    """``async with Refusing(url) as between``.

    Attributes:
        url: Where it listens.
        refuse: What it does to each request.
        lose: How many of the next answers to requests that change something are lost: they are carried out, and the connection is cut.
        seen: Every request that was handed through: its method and its path with the query.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self.url = ""
        self.refuse: Refusal | None = None
        self.lose = 0
        self.seen: list[tuple[str, str]] = []
        self.headers: list[Mapping[str, str]] = []

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(auto_decompress=False)
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        assert self._session is not None
        body = await request.read()
        if self.refuse is not None:
            refused = self.refuse(request)
            if refused is not None:
                return refused
        self.seen.append((request.method, request.raw_path))
        self.headers.append(request.headers)
        # The host stays, since it is signed; without a body no length is told, as it was.
        headers = {name: value for name, value in request.headers.items() if name.lower() not in {*_OWN, "content-encoding"}}
        url = URL(self._target + request.raw_path, encoded=True)
        async with self._session.request(
            request.method, url, data=io.BytesIO(body) if body else None, headers=headers, allow_redirects=False
        ) as answer:
            content = await answer.read()
            if self.lose and request.method in {"PUT", "POST"}:
                self.lose -= 1
                assert request.transport is not None
                request.transport.close()
            told = {name: value for name, value in answer.headers.items() if name.lower() not in _OWN}
            return web.Response(status=answer.status, body=content or None, headers=told)
