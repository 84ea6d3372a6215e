"""The two ways on which people are told, against real servers on loopback."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import trustme
from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as Handler
from aiosmtpd.smtp import AuthResult, LoginPassword

from archiver.database.port import Notice
from archiver.errors import ConfigError, UnavailableError
from archiver.model import ConnectionState, Role
from archiver.upkeep import Mail, Webhook
from archiver.upkeep.notices import message_of
from genstage.clock import SystemClock

SECRET = "canary-signing-secret"
PASSWORD = "canary-p@ss/word"
MESSAGE = message_of(
    [
        Notice(
            connection_id=7,
            customer="acme",
            role=Role.DESTINATION,
            adapter="dropbox",
            account="anna@example.com",
            state=ConnectionState.RECONNECT_NEEDED,
            reason="the link was revoked · über Nacht",
            since=1_700_000_000_000,
        )
    ]
)


class Endpoint:
    """A web server that remembers what it was told, and answers what it is told to."""

    def __init__(self) -> None:
        self.told: list[tuple[bytes, str]] = []
        self.status = 204
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        """Hears."""
        self.told.append((await request.read(), request.headers["Archiver-Signature"]))
        return web.Response(status=self.status, headers={"Location": "http://127.0.0.1:9/"} if self.status == 302 else {})


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    """On loopback."""
    endpoint = Endpoint()
    app = web.Application()
    app.router.add_post("/hook", endpoint.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield endpoint
    await runner.cleanup()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """The process's session."""
    async with aiohttp.ClientSession() as session:
        yield session


async def test_a_call_is_signed(endpoint: Endpoint, http: aiohttp.ClientSession) -> None:
    """Whoever knows the secret can tell that it is ours and when it was made; the body says all for machines."""
    await Webhook(http, SystemClock(), url=endpoint.url, secret=SECRET).send(MESSAGE)
    ((body, header),) = endpoint.told
    fields = dict(part.split("=", 1) for part in header.split(","))
    wanted = hmac.new(SECRET.encode(), fields["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(fields["v1"], wanted)
    (notice,) = json.loads(body)["notices"]
    assert notice["id"] == "7-reconnect_needed-1700000000000"
    assert (notice["customer"], notice["state"], notice["account"]) == ("acme", "reconnect_needed", "anna@example.com")


@pytest.mark.parametrize("status", [302, 400, 503])
async def test_what_is_no_yes_is_a_no(endpoint: Endpoint, http: aiohttp.ClientSession, status: int) -> None:
    """A redirect is not followed: the message and its signature are for one address."""
    endpoint.status = status
    with pytest.raises(UnavailableError, match=str(status)):
        await Webhook(http, SystemClock(), url=endpoint.url, secret=SECRET).send(MESSAGE)
    assert len(endpoint.told) == 1


async def test_nobody_there_shows_no_address(http: aiohttp.ClientSession) -> None:
    """The address may hold a token."""
    hook = Webhook(http, SystemClock(), url="http://127.0.0.1:9/canary-in-the-path", secret=SECRET)
    with pytest.raises(UnavailableError, match="cannot be reached") as caught:
        await hook.send(MESSAGE)
    assert "canary" not in f"{caught.value!r} {hook!r}"


@pytest.mark.parametrize(("url", "secret"), [("http://example.com/hook", SECRET), ("nonsense", SECRET), ("https://example.com", "")])
async def test_a_webhook_that_cannot_be_is_refused(http: aiohttp.ClientSession, url: str, secret: str) -> None:
    """Without TLS, without a secret: said when the service starts."""
    with pytest.raises(ConfigError):
        Webhook(http, SystemClock(), url=url, secret=secret)


class Box(Handler):
    """A mail server's box."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[str] = []

    def handle_message(self, message: object) -> None:
        """Keeps it."""
        self.mails.append(str(message))


def authenticate(*arguments: object) -> AuthResult:
    """Lets in whoever knows the password."""
    (given,) = [argument for argument in arguments if isinstance(argument, LoginPassword)]
    return AuthResult(success=(given.login, given.password) == (b"anna", PASSWORD.encode()), handled=False)


def free_port() -> int:
    """One that nobody listens on just now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture
async def mailbox() -> AsyncIterator[tuple[Box, int]]:
    """A mail server on loopback that knows one user."""
    box = Box()
    port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port, authenticator=authenticate, auth_require_tls=False, ready_timeout=20)
    await asyncio.to_thread(controller.start)
    yield box, port
    await asyncio.to_thread(controller.stop)


async def test_a_mail_is_given_to_the_server(mailbox: tuple[Box, int]) -> None:
    """With a login, to everybody who is to get it, in any language."""
    box, port = mailbox
    server = f"smtp://anna:canary-p%40ss%2Fword@127.0.0.1:{port}"
    await Mail(server=server, sender="archiver@example.com", recipients="a@example.com, b@example.com").send(MESSAGE)
    (mail,) = box.mails
    assert "To: a@example.com, b@example.com" in mail
    assert "Auto-Submitted: auto-generated" in mail
    assert "Archiver: acme's dropbox must be connected again" in mail


async def test_a_server_that_refuses_shows_no_password(mailbox: tuple[Box, int]) -> None:
    """Nor what it was told."""
    _, port = mailbox
    mail = Mail(server=f"smtp://anna:canary-wrong@127.0.0.1:{port}", sender="a@example.com", recipients="b@example.com")
    with pytest.raises(UnavailableError, match="SMTPAuthenticationError, 535") as caught:
        await mail.send(MESSAGE)
    assert "canary" not in f"{caught.value!r} {mail!r}"


async def test_a_server_without_a_certificate_that_holds_is_told_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over TLS the server must be who it says; then the same message arrives."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    box, port = Box(), free_port()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))  # the controller looks whether its server answers
    controller = Controller(box, hostname="127.0.0.1", port=port, ssl_context=context, ready_timeout=20)
    await asyncio.to_thread(controller.start)
    mail = Mail(server=f"smtps://127.0.0.1:{port}", sender="a@example.com", recipients="b@example.com")
    try:
        await mail.send(MESSAGE)
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(UnavailableError, match="SSLCertVerificationError"):
            await mail.send(MESSAGE)
    finally:
        await asyncio.to_thread(controller.stop)
    assert len(box.mails) == 1


@pytest.mark.parametrize(
    ("server", "sender", "recipients"),
    [("https://x", "a", "b"), ("smtp://", "a", "b"), ("smtp://x:port", "a", "b"), ("smtp://x", "", "b"), ("smtp://x", "a", " , ")],
)
def test_mail_that_cannot_be_is_refused(server: str, sender: str, recipients: str) -> None:
    """Said when the service starts."""
    with pytest.raises(ConfigError):
        Mail(server=server, sender=sender, recipients=recipients)
