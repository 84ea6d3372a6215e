"""The sandbox as a server on one loopback port: the platform's host, the media host, and the hands behind the scenes."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from archiver.sandbox.faults import Fault
from archiver.sandbox.ringcentral.admin import administer
from archiver.sandbox.ringcentral.ledger import Request
from archiver.sandbox.ringcentral.reading import ROUTES, Asked, Route
from archiver.sandbox.ringcentral.refusals import Answer, Refusal, not_found, oauth_refusal, throttled
from archiver.sandbox.ringcentral.state import Phones

__all__ = ["RingCentral"]

HOST = "127.0.0.1"
SUBSCRIPTIONS = "/restapi/v1.0/subscription"
TOKEN_ROUTE = "oauth/token"  # noqa: S105  the name of a route


class RingCentral(Phones):
    """RingCentral on loopback: ``async with RingCentral() as phones`` serves at ``phones.url`` until the block ends.

    Args:
        port: Where; 0 takes a free one.
        latency: Seconds before a request is answered.
        state: See `Phones`.
    """

    def __init__(self, *, port: int = 0, latency: float = 0.0, **state: Any) -> None:
        super().__init__(**state)
        self.url = ""
        self.latency = latency
        self._port = port
        self._closing = asyncio.Event()
        self._runner: web.ServerRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def start(self) -> None:
        """Begins to listen; again at the same address after `close`."""
        self._closing.clear()
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self._port).start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://{HOST}:{self._port}"

    async def close(self) -> None:
        """Ends every connection; harmless when called twice."""
        self._closing.set()
        await asyncio.to_thread(self.bells.close)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.latency:
            await asyncio.sleep(self.latency)
        path = request.path
        if path.startswith("/sandbox/"):
            return _sent(administer(self, request.method, path.removeprefix("/sandbox/"), await request.read()))
        self.office.keep_retention()
        if path == "/restapi/oauth/authorize":
            return _sent(self._authorise(request))
        if path == "/restapi/oauth/token":
            return await self._serve(request, (TOKEN_ROUTE, "Auth"), lambda: self._token(request))
        if path.startswith(SUBSCRIPTIONS) or self.exports.owns(path):
            exporting = self.exports.owns(path)
            route = ("message-store-report", "Heavy") if exporting else ("subscription", "Medium")
            return await self._serve(request, route, lambda: self._export(request) if exporting else self._subscription(request))
        for listed in ROUTES:
            found = listed[2].fullmatch(path)
            if found is not None and request.method == "GET":
                words = found.groupdict()

                async def answer(route: Route = listed, words: dict[str, str] = words) -> Answer:
                    return self._read(request, route, words)

                return await self._serve(request, listed[:2], answer, next(iter(words.values()), ""))
        return _sent(not_found("uri").answer)

    async def _serve(
        self, request: web.BaseRequest, route: tuple[str, str], answer: Callable[[], Awaitable[Answer]], subject: str = ""
    ) -> web.StreamResponse:
        name, group = route
        hits = self.faults.hit(name, "")
        now = self.clock.now()
        for fault in hits:
            await self._meet(fault)
        replied = next((fault for fault in hits if fault.action == "reply"), None)
        meter = self.meter(request.headers.get("Authorization", ""), group)
        limit = self.limits.get(group)
        try:
            if limit is not None and meter is not None and not meter.admit(now, limit):
                raise throttled(announced=limit.announced)
            result = await answer() if replied is None else _scripted(replied)
        except Refusal as refusal:
            result = refusal.answer
        if limit is not None and meter is not None:
            result.headers = {**meter.headers(group, now, limit), **result.headers}
        self.ledger.add(Request(now, name, group, result.status, subject))
        for fault in hits:
            if fault.action == "lose_answer":
                return _aborted(request)
            if fault.action == "cut_response":
                return _cut(request, result, fault.after_bytes)
        return _sent(result)

    async def _meet(self, fault: Fault) -> None:
        match fault.action:
            case "delay":
                await asyncio.sleep(fault.seconds)
            case "stall":
                await self._closing.wait()
            case "expire_token":
                self.grants.expire()
            case "revoke":
                self.grants.revoke()
            case _:
                pass  # met where the answer is made

    def _read(self, request: web.BaseRequest, route: Route, words: dict[str, str]) -> Answer:
        token = self.grants.authenticate(request.headers.get("Authorization", ""), self.clock.now())
        asked = Asked(
            office=self.office,
            user=token.user,
            root=self.url,
            path=request.path,
            query=request.query,
            words=words,
            range=request.headers.get("Range", ""),
        )
        return route[3](asked)

    async def _subscription(self, request: web.BaseRequest) -> Answer:
        self.grants.authenticate(request.headers.get("Authorization", ""), self.clock.now())
        said = await self.bells.answer(request.method, request.path.removeprefix(SUBSCRIPTIONS), await request.read())
        return Answer(status=204) if said is None else Answer(body=msgspec.json.encode(said))

    async def _export(self, request: web.BaseRequest) -> Answer:
        self.grants.authenticate(request.headers.get("Authorization", ""), self.clock.now())
        return self.exports.answer(request.method, request.path, await request.read(), self.url)

    def _authorise(self, request: web.BaseRequest) -> Answer:
        """Nobody sits at the sandbox: the page says yes at once, for the extension that ``user`` names, else for the first."""
        query = request.query
        if query.get("client_id") != self.grants.client_id or query.get("response_type") != "code":
            return oauth_refusal("unauthorized_client", "unknown client_id or response_type", "OAU-152").answer
        if query.get("code_challenge") and query.get("code_challenge_method") != "S256":
            return oauth_refusal("invalid_request", "code_challenge_method must be S256", "OAU-109").answer
        user = int(query.get("user", 0)) or next(iter(self.office.extensions), 0)
        redirect = query.get("redirect_uri", "")
        code = self.grants.authorise(user, redirect_uri=redirect, challenge=query.get("code_challenge", ""), now=self.clock.now())
        back = urlencode({"code": code, "state": query.get("state", "")})
        return Answer(status=302, headers={"Location": f"{redirect}?{back}"})

    async def _token(self, request: web.BaseRequest) -> Answer:
        form = {name: str(value) for name, value in (await request.post()).items()}
        client_id, client_secret = _client(form, request.headers.get("Authorization", ""))
        return Answer(body=msgspec.json.encode(self.grants.trade(form, client_id, client_secret, self.clock.now())))


def _client(form: dict[str, str], authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise oauth_refusal("invalid_client", "malformed Authorization header", "OAU-153", 401) from None
    return client_id, secret


def _scripted(fault: Fault) -> Answer:
    return Answer(status=fault.status, body=fault.body.encode(), content_type=fault.content_type, headers=fault.headers)


def _sent(answer: Answer) -> web.StreamResponse:
    headers = {"Content-Type": answer.content_type, "Server": "nginx", **answer.headers}
    return web.Response(status=answer.status, body=answer.body, headers=headers)


def _aborted(request: web.BaseRequest) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _cut(request: web.BaseRequest, answer: Answer, size: int) -> web.StreamResponse:
    """Sends the head and the first bytes of the body, then cuts the connection."""
    head = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", f"Content-Type: {answer.content_type}"]
    head += [f"Content-Length: {len(answer.body)}", "", ""]
    if request.transport is not None:
        request.transport.write("\r\n".join(head).encode() + answer.body[:size])
        request.transport.close()
    return web.Response()
