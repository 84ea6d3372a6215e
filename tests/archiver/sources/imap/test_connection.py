"""What a server may say that no real one says on request: refusals, other mechanisms, answers that are too long, silence."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from archiver.adapter import check_options
from archiver.errors import (
    ArchiverError,
    MisconfiguredError,
    ReconnectNeededError,
    SourceThrottledError,
    TransientError,
    UnavailableError,
)
from archiver.sources.conformance import find, item_of
from archiver.sources.imap import ADAPTER
from archiver.sources.port import Context, Source, Told

Answer = Callable[[str], Sequence[bytes]]
"""Of a command without its tag: the untagged lines, and the tagged one without its tag; a line that begins with + asks for more."""

HEADER = b"Date: Tue, 24 Nov 2026 10:30:00 +0100\r\nMessage-ID: <%d@x>\r\nSubject: Fax\r\n\r\n"
PDF = b'("application" "pdf" ("name" "a.pdf") NIL NIL "base64" 8 NIL NIL NIL NIL)'


def usual(command: str) -> Sequence[bytes]:
    """A server with two mails, without IDLE."""
    match command.split(maxsplit=1)[0]:
        case "CAPABILITY":
            return [b"* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2", b"OK"]
        case "EXAMINE":
            return [b"* 2 EXISTS", b"* OK [UIDVALIDITY 7] x", b"* OK [UIDNEXT 3] x", b"OK [READ-ONLY]"]
        case "AUTHENTICATE":
            return [b"+ ", b"OK"]
    if command.startswith("UID SEARCH"):
        return [b"* SEARCH 1 2", b"OK"]
    if command.startswith("UID FETCH"):
        return [*(shown(number, PDF if "BODYSTRUCTURE" in command else None) for number in (1, 2)), b"OK"]
    return [b"BAD"]


def shown(number: int, structure: bytes | None) -> bytes:
    """A mail in an answer to FETCH."""
    header = HEADER % number
    said = b"" if structure is None else b" BODYSTRUCTURE " + structure
    return b"* %d FETCH (UID %d BODY[HEADER.FIELDS (DATE)]<0> {%d}\r\n%s%s)" % (number, number, len(header), header, said)


class Scripted:
    """A server that says what it is told to say.

    Attributes:
        port: Where.
        heard: Every line that it was told, without tags.
    """

    def __init__(self, answer: Answer, greeting: bytes) -> None:
        self._answer = answer
        self._greeting = greeting
        self.port = 0
        self.heard: list[str] = []
        self.talking: dict[asyncio.StreamWriter, asyncio.Event] = {}

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.talking[writer] = asyncio.Event()
        with contextlib.suppress(ConnectionError):
            writer.write(self._greeting + b"\r\n")
            while line := await reader.readline():
                tag, _, command = line.decode().strip().partition(" ")
                self.heard.append(command)
                for said in self._answer(command):
                    if said.startswith((b"*", b"+")):
                        writer.write(said + b"\r\n")
                    else:
                        writer.write(tag.encode() + b" " + said + b"\r\n")
                    if said.startswith(b"+"):
                        self.heard.append((await reader.readline()).decode().strip())
                await writer.drain()
        writer.close()
        self.talking.pop(writer).set()

    async def hang_up(self) -> None:
        """Ends every connection."""
        for writer, over in list(self.talking.items()):
            writer.transport.abort()
            await over.wait()

    def source(self, http: aiohttp.ClientSession | None = None, **options: Any) -> Source:
        """A source of it."""
        given = {"host": "127.0.0.1", "port": self.port, "security": "none", "username": "acme", "watch": False}
        given |= {} if "refresh_token" in options else {"password": "canary-password"}
        return ADAPTER.open(check_options("imap", ADAPTER.options, {**given, **options}), Context(http=http))


@asynccontextmanager
async def scripted(answer: Answer = usual, greeting: bytes = b"* OK here") -> AsyncIterator[Scripted]:
    """A server until the end of the block."""
    script = Scripted(answer, greeting)
    server = await asyncio.start_server(script.talk, "127.0.0.1", 0)
    script.port = server.sockets[0].getsockname()[1]
    async with server:
        yield script
        server.close()
        await script.hang_up()


def instead(word: str, *lines: bytes) -> Answer:
    """The usual server, but for commands that begin with a word."""
    return lambda command: lines if command.startswith(word) else usual(command)


async def found(source: Source) -> list[str]:
    """The ids that a pass finds."""
    return [each.external_id for page in await find(source) for each in page.discoveries]


async def test_a_server_without_idle_is_asked() -> None:
    """It is looked at again when the time is over; nothing is asked of it that it cannot do."""
    async with scripted() as server:
        source = server.source(watch=True, poll_interval=0.05)
        async with asyncio.timeout(20), aclosing(source.discover("")) as pages:
            looks = 0
            async for page in pages:
                looks += page.complete
                if looks == 3:
                    break
        assert "IDLE" not in server.heard
        assert sum(line.startswith("UID SEARCH") for line in server.heard) == 1, "without a new number nothing is searched for"


async def test_what_is_no_news_wakes_nobody() -> None:
    """A server that tells how many mails there are whenever somebody listens, or that one went, is not looked at for that; one more is."""

    def talkative(command: str) -> Sequence[bytes]:
        if command == "CAPABILITY":
            return [b"* CAPABILITY IMAP4rev1 AUTH=PLAIN IDLE", b"OK"]
        if command == "IDLE":
            return [b"* 2 EXISTS", b"+ listening", b"OK"]
        return usual(command)

    async with scripted(talkative) as server, asyncio.timeout(20):
        source = server.source(watch=True, poll_interval=3600)
        assert isinstance(source, Told)
        news = asyncio.Event()
        source.on_news = news.set
        async with aclosing(source.discover("")) as pages:
            async for page in pages:
                if page.rest is not None:
                    break
            assert (page.rest, news.is_set()) == (3600, False)
            (writer,) = server.talking
            writer.write(b"* 1 EXPUNGE\r\n* 1 EXI")
            writer.write(b"STS\r\n* OK still here\r\n* 2 EXISTS\r\n")
            await news.wait()
        await source.close()


@pytest.mark.parametrize(
    ("answer", "greeting", "error"),
    [
        (instead("AUTHENTICATE", b"NO [AUTHENTICATIONFAILED] Mr. Smith"), b"* OK", ReconnectNeededError),
        (instead("AUTHENTICATE", b"NO Mr. Smith"), b"* OK", ReconnectNeededError),
        (instead("AUTHENTICATE", b"NO [UNAVAILABLE] Mr. Smith"), b"* OK", UnavailableError),
        (instead("AUTHENTICATE", b"NO [LIMIT] Mr. Smith"), b"* OK", SourceThrottledError),
        (instead("CAPABILITY", b"* CAPABILITY IMAP4rev1 LOGINDISABLED", b"OK"), b"* OK", MisconfiguredError),
        (usual, b"* BYE [UNAVAILABLE] Mr. Smith", UnavailableError),
        (usual, b"SSH-2.0-Mr-Smith", UnavailableError),
        (instead("EXAMINE", b"NO [NONEXISTENT] Mr. Smith"), b"* OK", MisconfiguredError),
        (instead("UID SEARCH", b"NO [THROTTLED] Mr. Smith"), b"* OK", SourceThrottledError),
        (instead("UID FETCH", b"BAD Mr. Smith"), b"* OK", TransientError),
    ],
)
async def test_what_refusals_mean(answer: Answer, greeting: bytes, error: type[ArchiverError]) -> None:
    """By their code, never by their text, which is not repeated."""
    async with scripted(answer, greeting) as server:
        with pytest.raises(error) as caught:
            await found(server.source())
        shown = f"{caught.value!r} {caught.value.hint}"
        assert "Smith" not in shown
        assert "canary" not in shown


async def test_an_old_server_is_logged_in_to_as_it_knows() -> None:
    """LOGIN with literals, where there is no AUTHENTICATE."""

    def old(command: str) -> Sequence[bytes]:
        if command == "CAPABILITY":
            return [b"* CAPABILITY IMAP4rev1", b"OK"]
        return [b"+ go on", b"+ go on", b"OK"] if command.startswith("LOGIN") else usual(command)

    async with scripted(old) as server:
        assert await found(server.source()) == ["1@x", "2@x"]
        assert server.heard[1:4] == ["LOGIN {4}", "acme {15}", "canary-password"]


async def test_a_token_in_place_of_a_password() -> None:
    """A refresh token becomes an access token, which opens the mailbox; one that does not is asked why, and told to nobody."""
    async with scripted() as server, aiohttp.ClientSession() as http:
        forms: list[dict[str, str]] = []

        async def tokens(request: web.Request) -> web.Response:
            forms.append({name: str(value) for name, value in (await request.post()).items()})
            return web.json_response({"access_token": "canary-access", "expires_in": 3600})

        app = web.Application()
        app.router.add_post("/token", tokens)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        options = {"refresh_token": "canary-refresh", "client_id": "app", "token_url": f"http://127.0.0.1:{runner.addresses[0][1]}/token"}
        assert await found(server.source(http, **options)) == ["1@x", "2@x"]
        assert forms == [{"grant_type": "refresh_token", "refresh_token": "canary-refresh", "client_id": "app"}]
        said = server.heard[server.heard.index("AUTHENTICATE XOAUTH2") + 1]
        assert base64.b64decode(said) == b"user=acme\1auth=Bearer canary-access\1\1"
        server._answer = instead("AUTHENTICATE", b"+ eyJzdGF0dXMiOiI0MDEifQ==", b"+ ", b"NO [AUTHENTICATIONFAILED]")
        with pytest.raises(ReconnectNeededError) as caught:
            await found(server.source(http, **options))
        assert "canary" not in f"{caught.value!r} {caught.value.hint}"
        await runner.cleanup()


async def test_a_structure_that_is_too_long_hides_no_other_mail() -> None:
    """The mail whose structure nobody can hold is archived whole; its neighbour is found as always."""

    def long(command: str) -> Sequence[bytes]:
        if "BODYSTRUCTURE" not in command:
            return usual(command)
        first, last = (int(number) for number in (command.split()[2] + ":" + command.split()[2]).split(":")[:2])
        return [*(shown(number, b"(" * 20_000_000 if number == 1 else PDF) for number in range(first, last + 1)), b"OK"]

    async with scripted(long) as server:
        pages = await find(server.source())
    assert {each.external_id: (each.part[:-8], "note" in each.metadata) for page in pages for each in page.discoveries} == {
        "1@x": ("mail-", True),
        "2@x": ("1-", False),
    }


async def test_nonsense_of_one_mail_hides_no_other() -> None:
    """The same for an answer that cannot be understood."""

    def broken(command: str) -> Sequence[bytes]:
        if "BODYSTRUCTURE" not in command:
            return usual(command)
        return [b'* 1 FETCH (UID 1 BODYSTRUCTURE ("open', shown(2, PDF), b"OK"]

    async with scripted(broken) as server:
        assert sorted(await found(server.source())) == ["1@x", "2@x"]


async def test_whoever_is_cancelled_leaves_no_answer_for_the_next() -> None:
    """A read that is cut off ends its connection; the next one gets its own bytes."""
    asked = asyncio.Event()

    def slow(command: str) -> Sequence[bytes]:
        if "BODY.PEEK[1]" not in command:
            return usual(command)
        if not asked.is_set():
            asked.set()
            return [b"* 1 FETCH (UID 1 BODY[1]<0> {8}\r\nQUJDRA=="]
        return [b"* 2 FETCH (UID 2 BODY[1]<0> {8}\r\nRUZHSA==)", b"OK"]

    async with scripted(slow) as server:
        source = server.source()
        one, two = [item_of(each) for page in await find(source) for each in page.discoveries]
        reading = asyncio.ensure_future(source.read_many([one]))
        await asked.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert await source.read_many([two]) == [b"EFGH"]
        await source.close()
