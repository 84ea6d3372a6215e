"""The sandbox as a server: one loopback port that is Dropbox's API host, content host and web host, and the hands behind the scenes."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import tempfile
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from archiver.sandbox.account import DEFAULT_QUOTA_BYTES, Account
from archiver.sandbox.admin import administer
from archiver.sandbox.faults import Fault
from archiver.sandbox.grants import ACCESS_TOKEN_SECONDS
from archiver.sandbox.ledger import Ledger, encode_ledger
from archiver.sandbox.limits import Limits
from archiver.sandbox.oauth import authorise, issue_token
from archiver.sandbox.reception import Answer, CutOffError, Reception
from archiver.sandbox.refusals import Refusal, Reply
from archiver.sandbox.uploading import MAX_BODY_BYTES
from archiver.sandbox.world import World

__all__ = ["HEADER_BYTES", "Sandbox"]

HEADER_BYTES = 60 * 1024
"""The default header limit of envoy, which the real edge answers as; the real limit is not documented."""
HOST = "127.0.0.1"
READ_BUFFER_BYTES = 1024 * 1024


class Sandbox:
    """A Dropbox on loopback.

    ``async with Sandbox() as sandbox`` serves at ``sandbox.url`` until the block ends.

    Args:
        port: Where; 0 takes a free one.
        state: A directory that outlives this sandbox: another one goes on where this one ended. None keeps nothing.
        keep_content: False keeps hashes only; downloads and byte-by-byte audits are impossible then.
        tls: Serves HTTPS beside HTTP, at ``sandbox.tls_url``; the official SDK speaks nothing else.
        header_bytes: Longer arguments in headers are answered 431.
        access_token_seconds: How long an access token lives.
    """

    def __init__(  # noqa: PLR0913 - six, all of them keywords with defaults
        self,
        *,
        port: int = 0,
        state: Path | None = None,
        keep_content: bool = True,
        tls: ssl.SSLContext | None = None,
        header_bytes: int = HEADER_BYTES,
        access_token_seconds: float = ACCESS_TOKEN_SECONDS,
    ) -> None:
        self.url = ""
        self.tls_url = ""
        self._port = port
        self._tls = tls
        self._temporary = None if state is not None else tempfile.TemporaryDirectory(prefix="archiver-sandbox-")
        self.directory = state if state is not None else Path(self._temporary.name if self._temporary else "")
        self.directory.mkdir(parents=True, exist_ok=True)
        self.world = World(self.directory, keep_content=keep_content, journal=state is not None, access_token_seconds=access_token_seconds)
        self._closing = asyncio.Event()
        self._reception = Reception(self.world, header_bytes=header_bytes, closing=self._closing)
        self._runner: web.ServerRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def start(self) -> None:
        """Begins to listen."""
        server = web.Server(
            self._handle,
            request_factory=_request,
            access_log=None,
            max_field_size=READ_BUFFER_BYTES,
            max_line_size=READ_BUFFER_BYTES,
            read_bufsize=READ_BUFFER_BYTES,
            lingering_time=30,
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self._port, backlog=1024).start()
        if self._tls is not None:
            await web.TCPSite(self._runner, HOST, 0, ssl_context=self._tls, backlog=1024).start()
        ports = [address[1] for address in self._runner.addresses]
        self.url = f"http://{HOST}:{ports[0]}"
        self.tls_url = f"https://{HOST}:{ports[1]}" if self._tls is not None else ""

    async def close(self) -> None:
        """Ends every connection and writes the rest; harmless when called twice."""
        self._closing.set()
        if self._runner is not None:
            transports = [handler.transport for handler in self._runner.server.connections] if self._runner.server is not None else []
            await self._runner.cleanup()
            self._runner = None
            for transport in transports:
                if transport is not None:
                    transport.abort()  # a TLS connection would wait for its peer's goodbye
            await asyncio.sleep(0)  # what was told to close does so in the loop's next turn
        self.world.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def add_account(self, name: str, limits: Limits | None = None, *, quota_bytes: int = DEFAULT_QUOTA_BYTES, team: str = "") -> Account:
        """Adds an account with an authorisation; see `archiver.sandbox.world.World.add_account`."""
        return self.world.add_account(name, limits, quota_bytes=quota_bytes, team=team)

    def set_limits(self, name: str, **changes: Any) -> Limits:
        """Changes some of an account's limits, at once: ``sandbox.set_limits("airline", calls_per_second=1.2)``."""
        return self.world.change_account(name, limits=changes).limits

    def add_fault(self, *faults: Fault) -> None:
        """Sets what goes wrong from now on."""
        for fault in faults:
            self.world.faults.add(fault)

    def ledger(self) -> Ledger:
        """What was stored and asked so far: a copy."""
        return self.world.ledger()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        received_at = self.world.clock.now()
        path = request.path
        try:
            if path.startswith("/2/"):
                answer = await self._reception.take(request, path[3:], received_at)
            elif path == "/sandbox/ledger":
                return await self._stream_ledger(request)
            else:
                answer = await self._answer_page(request, path)
            return await self._send(request, answer)
        except (CutOffError, ConnectionError, web.RequestPayloadError):  # cut by a fault, or by the client in the middle of its request
            if request.transport is not None:
                request.transport.abort()
            return web.Response()

    async def _answer_page(self, request: web.BaseRequest, path: str) -> Answer:
        try:
            if path.startswith("/sandbox/"):
                return Answer(administer(self.world, request.method, path.removeprefix("/sandbox/"), await request.read()))
            match request.method, path:
                case "GET", "/oauth2/authorize":
                    return Answer(authorise(self.world, request.query))
                case "POST", "/oauth2/token":
                    return await self._issue_token(request)
        except Refusal as refusal:
            return Answer(refusal.reply)
        return Answer(Reply(status=404, body=b"<html><body>Not found</body></html>", content_type="text/html"))

    async def _issue_token(self, request: web.BaseRequest) -> Answer:
        faults = self.world.faults.hit("oauth2/token", "")
        await self._reception.meet(faults, None, request)
        form = {name: str(value) for name, value in (await request.post()).items()}
        reply, _ = issue_token(self.world, form, request.headers.get("Authorization", ""))
        return Answer(reply, faults)

    async def _send(self, request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
        reply = answer.reply
        headers = {"Content-Type": reply.content_type, "Server": "envoy", "X-Dropbox-Request-Id": secrets.token_hex(16), **reply.headers}
        for fault in answer.faults:
            match fault.action:
                case "lose_answer":
                    raise CutOffError
                case "cut_response":
                    return _send_part(request, reply, headers, fault.after_bytes)
                case "slow":
                    return await _send_slowly(request, reply, headers, fault.seconds)
                case _:
                    pass  # met before
        return web.Response(status=reply.status, body=reply.body, headers=headers)

    async def _stream_ledger(self, request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        for piece in encode_ledger(self.world.ledger_parts()):
            await response.write(piece)
        await response.write_eof()
        return response


def _request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: RequestHandler,
    writer: Any,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY_BYTES + READ_BUFFER_BYTES)


def _send_part(request: web.BaseRequest, reply: Reply, headers: dict[str, str], size: int) -> web.StreamResponse:
    """Sends the head and the first bytes of the body, then cuts the connection."""
    head = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    head.append(f"Content-Length: {len(reply.body)}")
    if request.transport is not None:
        request.transport.write("\r\n".join([*head, "", ""]).encode("latin-1") + reply.body[:size])
        request.transport.close()  # lets what was written leave first, other than abort
    return web.Response()


async def _send_slowly(request: web.BaseRequest, reply: Reply, headers: dict[str, str], seconds: float) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=headers)
    response.content_length = len(reply.body)
    await response.prepare(request)
    pieces: Sequence[bytes] = [reply.body[start : start + 64] for start in range(0, len(reply.body), 64)]
    for piece in pieces:
        await response.write(piece)
        await asyncio.sleep(seconds / len(pieces))
    await response.write_eof()
    return response
