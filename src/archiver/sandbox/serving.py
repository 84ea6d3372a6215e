"""What every cloud of the sandbox does as a server: listens on loopback, meets its faults, sends its answers whole or not."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from archiver.sandbox.faults import Fault

__all__ = ["HOST", "READ_BUFFER_BYTES", "CutOffError", "Listener", "abort", "meet", "read_some", "send"]

HOST = "127.0.0.1"
READ_BUFFER_BYTES = 1024 * 1024

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class CutOffError(Exception):
    """The connection must be cut now, without an answer."""


class Listener:
    """Serves on one loopback port, and on a second one with TLS if there is a context.

    Args:
        handle: Answers requests.
        port: Where; 0 takes a free one.
        tls: Of the second port; None serves none.
        body_bytes: Longer bodies are not read into memory.

    Attributes:
        url: The address, once it listens.
        tls_url: The other one.
        closing: Set when it ends; calls that were stalled end with it.
    """

    def __init__(self, handle: Handler, *, port: int = 0, tls: ssl.SSLContext | None = None, body_bytes: int = READ_BUFFER_BYTES) -> None:
        self.url = ""
        self.tls_url = ""
        self.closing = asyncio.Event()
        self._handle = handle
        self._port = port
        self._tls = tls
        self._body_bytes = body_bytes
        self._runner: web.ServerRunner | None = None

    async def start(self) -> None:
        """Begins to listen; again at the same address after `close`."""
        self.closing.clear()
        server = web.Server(
            self._handle,
            request_factory=self._request,
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
        self._port = ports[0]
        self.url = f"http://{HOST}:{ports[0]}"
        self.tls_url = f"https://{HOST}:{ports[1]}" if self._tls is not None else ""

    async def close(self) -> None:
        """Ends every connection; harmless when called twice."""
        self.closing.set()
        if self._runner is None:
            return
        transports = [handler.transport for handler in self._runner.server.connections] if self._runner.server is not None else []
        await self._runner.cleanup()
        self._runner = None
        for transport in transports:
            if transport is not None:
                transport.abort()  # a TLS connection would wait for its peer's goodbye
        await asyncio.sleep(0)  # what was told to close does so in the loop's next turn

    def _request(
        self, message: RawRequestMessage, payload: StreamReader, protocol: RequestHandler, writer: Any, task: asyncio.Task[None]
    ) -> web.BaseRequest:
        loop = asyncio.get_running_loop()
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=self._body_bytes)


async def meet(faults: Sequence[Fault], request: web.BaseRequest, closing: asyncio.Event) -> Fault | None:
    """Lets happen what goes wrong before anything is done.

    Returns:
        The fault whose answer is given instead of doing anything, if one is; what else it means, the caller knows.

    Raises:
        CutOffError: The connection must be cut.
    """
    for fault in faults:
        match fault.action:
            case "delay":
                await asyncio.sleep(fault.seconds)
            case "stall":
                await closing.wait()
                raise CutOffError
            case "cut_request":
                await read_some(request, fault.after_bytes)
                raise CutOffError
            case "reply" | "expire_token" | "revoke":
                return fault
            case _:
                pass  # what goes wrong later, or with the answer
    return None


async def read_some(request: web.BaseRequest, size: int) -> None:
    """Reads at least so many bytes of the body, or all of it."""
    seen = 0
    while seen < size and not request.content.at_eof():
        seen += len(await request.content.readany())


def abort(request: web.BaseRequest) -> web.StreamResponse:
    """Cuts the connection, without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def send(
    request: web.BaseRequest, status: int, body: bytes, headers: Mapping[str, str], faults: Sequence[Fault] = ()
) -> web.StreamResponse:
    """Sends an answer, as far as the faults let it.

    Raises:
        CutOffError: The connection must be cut before it.
    """
    for fault in faults:
        match fault.action:
            case "lose_answer":
                raise CutOffError
            case "cut_response":
                return _send_part(request, status, body[: fault.after_bytes], {**headers, "Content-Length": str(len(body))})
            case "slow":
                return await _send_slowly(request, web.StreamResponse(status=status, headers=headers), body, fault.seconds)
            case _:
                pass  # met before
    return web.Response(status=status, body=body, headers=headers)


def _send_part(request: web.BaseRequest, status: int, body: bytes, headers: Mapping[str, str]) -> web.StreamResponse:
    """Sends the head and the first bytes of the body, then cuts the connection."""
    head = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    if request.transport is not None:
        request.transport.write("\r\n".join([*head, "", ""]).encode("latin-1") + body)
        request.transport.close()  # lets what was written leave first, other than abort
    return web.Response()


async def _send_slowly(request: web.BaseRequest, response: web.StreamResponse, body: bytes, seconds: float) -> web.StreamResponse:
    response.content_length = len(body)
    await response.prepare(request)
    pieces: Sequence[bytes] = [body[start : start + 64] for start in range(0, len(body), 64)]
    for piece in pieces:
        await response.write(piece)
        await asyncio.sleep(seconds / len(pieces))
    await response.write_eof()
    return response
