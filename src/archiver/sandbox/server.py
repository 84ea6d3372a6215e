"""The sandbox as a server: one loopback port that is Dropbox's API host, content host and web host, and the hands behind the scenes."""

from __future__ import annotations

import secrets
import ssl
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from archiver.sandbox.account import DEFAULT_QUOTA_BYTES, Account
from archiver.sandbox.admin import administer
from archiver.sandbox.faults import Fault
from archiver.sandbox.grants import ACCESS_TOKEN_SECONDS
from archiver.sandbox.ledger import Ledger, encode_ledger
from archiver.sandbox.limits import Limits
from archiver.sandbox.oauth import authorise, issue_token
from archiver.sandbox.reception import Answer, Reception
from archiver.sandbox.refusals import Refusal, Reply
from archiver.sandbox.serving import READ_BUFFER_BYTES, CutOffError, Listener, abort, send
from archiver.sandbox.uploading import MAX_BODY_BYTES
from archiver.sandbox.world import World

__all__ = ["HEADER_BYTES", "Sandbox"]

HEADER_BYTES = 60 * 1024
"""The default header limit of envoy, which the real edge answers as; the real limit is not documented."""


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
        self._temporary = None if state is not None else tempfile.TemporaryDirectory(prefix="archiver-sandbox-")
        self.directory = state if state is not None else Path(self._temporary.name if self._temporary else "")
        self.directory.mkdir(parents=True, exist_ok=True)
        self.world = World(self.directory, keep_content=keep_content, journal=state is not None, access_token_seconds=access_token_seconds)
        self._listener = Listener(self._handle, port=port, tls=tls, body_bytes=MAX_BODY_BYTES + READ_BUFFER_BYTES)
        self._reception = Reception(self.world, header_bytes=header_bytes, closing=self._listener.closing)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def start(self) -> None:
        """Begins to listen."""
        await self._listener.start()
        self.url, self.tls_url = self._listener.url, self._listener.tls_url

    async def close(self) -> None:
        """Ends every connection and writes the rest; harmless when called twice."""
        await self._listener.close()
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
            return abort(request)

    async def _answer_page(self, request: web.BaseRequest, path: str) -> Answer:
        try:
            if path.startswith("/sandbox/"):
                return Answer(administer(self.world, request.method, path.removeprefix("/sandbox/"), await request.read()))
            match request.method, path:
                case "GET", "/oauth2/authorize":
                    people = "text/html" in request.headers.get("Accept", "")
                    return Answer(authorise(self.world, request.query, people=people))
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
        return await send(request, reply.status, reply.body, headers, answer.faults)

    async def _stream_ledger(self, request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        for piece in encode_ledger(self.world.ledger_parts()):
            await response.write(piece)
        await response.write_eof()
        return response
