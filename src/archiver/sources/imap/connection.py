"""One connection to a mail server: commands one after the other, and listening for news without anybody who waits.

Nothing is ever changed there: folders are opened with EXAMINE, and bytes are asked for with BODY.PEEK, which marks nothing as read.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Final

import msgspec

from archiver.errors import ArchiverError, MisconfiguredError, UnavailableError
from archiver.sources.imap.login import Login
from archiver.sources.imap.wire import announced, folder_name, numbers_of, quoted
from archiver.sources.imap.words import NETWORK_ERRORS, broken, login_refusal, refusal, unopened

__all__ = ["Connection", "Folder", "TooLongError"]

_CONNECT_SECONDS = 30.0
_ANSWER_SECONDS = 60.0  # without a byte from the server
_BUFFER_BYTES = 256 * 1024
_MOST_BYTES: Final = 16 * 1024 * 1024
"""Of one answer: a million numbers of mails, or the structure of a mail that nobody has written by hand."""
_LONGEST_NEWS = 64  # of what is heard: longer than what tells of mails
_NUMBER = re.compile(rb"\[(UIDVALIDITY|UIDNEXT) (\d+)\]", re.IGNORECASE)
_COUNT = re.compile(rb"\* (\d+) (EXISTS|EXPUNGE)\Z", re.IGNORECASE)


class TooLongError(Exception):
    """An answer was longer than any that is to be expected; the connection cannot be used any more."""


class Folder(msgspec.Struct, frozen=True):
    """A folder that was opened.

    Attributes:
        validity: As long as it is the same, a number means the same mail.
        following: The number that the next mail will have at least; 0 if the server does not tell.
    """

    validity: int
    following: int


class _Ears(asyncio.StreamReader):
    """Tells at once when something comes, so that nobody needs to wait for it."""

    def __init__(self) -> None:
        super().__init__(limit=_BUFFER_BYTES, loop=asyncio.get_running_loop())
        self.on_data: Callable[[bytes], None] | None = None
        self.over = False
        self.pending = 0  # bytes that came and were not asked for yet

    def feed_data(self, data: bytes) -> None:  # type: ignore[override]  # transports give nothing but bytes
        super().feed_data(data)
        self.pending += len(data)
        if self.on_data is not None:
            self.on_data(data)

    def feed_eof(self) -> None:
        super().feed_eof()
        self.over = True

    def set_exception(self, exc: Exception) -> None:
        super().set_exception(exc)
        self.over = True


class Connection:
    """A connection that is logged in. Used by one at a time; whoever is cancelled within a command has broken it.

    Args:
        reader: What the server says.
        writer: What it is told.
        host: As people call it.

    Attributes:
        folder: The name of the folder that is open; empty if none is.
    """

    def __init__(self, reader: _Ears, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader = reader
        self._writer = writer
        self._host = host
        self._number = 0
        self._listening = b""
        self._capabilities: frozenset[bytes] = frozenset()
        self._opened = Folder(0, 0)
        self._mails = 0  # in the open folder
        self._gone = False
        self._read = 0
        self.folder = ""

    def __repr__(self) -> str:
        return f"Connection({self._host!r})"

    @property
    def sound(self) -> bool:
        """Whether it can be used still."""
        return not self._gone and not self._reader.over

    @classmethod
    async def open(cls, login: Login) -> Connection:
        """Connects and logs in.

        Raises:
            ReconnectNeededError: What was given does not open the mailbox.
            ArchiverError: See `archiver.sources.imap.words`.
        """
        connection = None
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                loop = asyncio.get_running_loop()
                reader = _Ears()
                protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
                tls = login.tls() if login.security == "tls" else None
                transport, _ = await loop.create_connection(lambda: protocol, login.host, login.port, ssl=tls)
                connection = cls(reader, asyncio.StreamWriter(transport, protocol, reader, loop), login.host)
                await connection._begin(login)
        except NETWORK_ERRORS as error:
            raise broken(error, login.host) from None
        finally:
            if connection is not None and not connection._capabilities:
                connection.abort()
        return connection

    # -- what is asked ----------------------------------------------------------------------------------------------------------------

    async def examine(self, name: str, *, anew: bool = True) -> Folder:
        """Opens a folder, only to read.

        Args:
            name: As the options have it.
            anew: False does nothing if it is open already.

        Raises:
            MisconfiguredError: There is none, or it may not be opened.
        """
        if self.folder == name and not anew:
            return self._opened
        self.folder = ""
        known = {b"UIDVALIDITY": 0, b"UIDNEXT": 0}
        self._mails = 0
        for fragments in await self._ask(f"EXAMINE {quoted(folder_name(name))}", unopened):
            self._is_news(fragments[0])
            found = _NUMBER.search(fragments[0])
            if found:
                known[found[1].upper()] = int(found[2])
        self.folder, self._opened = name, Folder(known[b"UIDVALIDITY"], known[b"UIDNEXT"])
        return self._opened

    async def search(self, what: str) -> list[int]:
        """The numbers of the mails that fit, sorted."""
        numbers: set[int] = set()
        for fragments in await self._ask(f"UID SEARCH {what}", lambda text: refusal("a search", text)):
            if fragments[0][:9].upper() == b"* SEARCH ":
                numbers.update(numbers_of(fragments[0][9:]))
        return sorted(numbers)

    async def fetch(self, mails: str, what: str) -> list[list[bytes]]:
        """What the server says of some mails: the fragments of each answer, without what is before the list.

        Args:
            mails: A set of numbers.
            what: The names of the fields.

        Raises:
            TooLongError: It is more than can be held; the connection is lost.
        """
        shown = []
        for fragments in await self._ask(f"UID FETCH {mails} {what}", lambda text: refusal("to show mails", text)):
            words = fragments[0].split(b" ", 3)
            if len(words) == 4 and words[2].upper() == b"FETCH":
                shown.append([words[3], *fragments[1:]])
        return shown

    # -- listening --------------------------------------------------------------------------------------------------------------------

    async def listen(self, on_news: Callable[[], None]) -> bool:
        """Asks the server to tell of news in the open folder until the next command (RFC 2177); returns at once.

        Returns:
            False if the server cannot do that.
        """
        if b"IDLE" not in self._capabilities:
            return False
        rest = b""

        def hear(data: bytes) -> None:
            nonlocal rest
            *lines, rest = (rest + data).split(b"\n")
            rest = rest[-_LONGEST_NEWS:]
            if sum(self._is_news(line) for line in lines):  # each of them is counted
                on_news()

        self._reader.on_data = hear  # from here on: it may tell of news in the same breath in which it agrees
        tag = self._tag()
        try:
            await self._send(tag + b" IDLE")
            while True:
                line = (await self._answer())[0]
                if line.startswith(b"+"):
                    self._listening = tag
                    return True
                if line.startswith(tag + b" "):
                    self._deafen()
                    return False
        except NETWORK_ERRORS as error:
            raise broken(error, self._host) from None
        finally:
            if not self._listening and self._reader.on_data is not None:
                self.abort()

    def _is_news(self, line: bytes) -> bool:
        """Whether there are more mails than before; some servers tell how many there are whenever somebody begins to listen."""
        found = _COUNT.match(line.rstrip(b"\r"))
        if found is None:
            return False
        before = self._mails
        self._mails = int(found[1]) if found[2].upper() == b"EXISTS" else before - 1
        return self._mails > before

    async def _stop_listening(self) -> None:
        tag, self._listening = self._listening, b""
        self._deafen()
        await self._send(b"DONE")
        while not (await self._answer())[0].startswith(tag + b" "):
            pass

    def _deafen(self) -> None:
        self._reader.on_data = None

    # -- the end ----------------------------------------------------------------------------------------------------------------------

    def abort(self) -> None:
        """Lets go of it at once; harmless when called twice."""
        self._gone = True
        self._deafen()
        self._writer.transport.abort()

    # -- the beginning ----------------------------------------------------------------------------------------------------------------

    async def _begin(self, login: Login) -> None:
        greeting = (await self._answer())[0]
        if greeting[:5].upper() == b"* BYE":
            raise refusal("the connection", greeting[5:])
        if greeting[:4].upper() != b"* OK":
            raise UnavailableError(f"{self._host} does not speak IMAP", hint="Is the port right, and the option security?")
        capabilities = await self._able()
        if login.security == "starttls":
            if b"STARTTLS" not in capabilities:
                raise MisconfiguredError(f"{self._host} does not offer STARTTLS", hint="Set the option security to tls.")
            self._reader.pending = 0
            await self._ask("STARTTLS", lambda text: refusal("STARTTLS", text))
            if self._reader.pending > self._read:  # what was said before TLS must not count within it
                raise UnavailableError(f"{self._host} spoke before TLS began: somebody may be in between")
            await self._writer.start_tls(login.tls(), server_hostname=login.host)
            capabilities = await self._able()
        mechanism, answer = await login.answer()
        if f"AUTH={mechanism}".encode() in capabilities:
            await self._authenticate(mechanism, answer)
        elif mechanism == "PLAIN" and b"LOGINDISABLED" not in capabilities:
            await self._log_in(login)
        else:
            raise MisconfiguredError(f"{self._host} does not take {mechanism}", hint="docs/imap.md tells which server wants what.")
        self._capabilities = await self._able()

    async def _authenticate(self, mechanism: str, answer: bytes) -> None:
        tag = self._tag()
        await self._send(tag + b" AUTHENTICATE " + mechanism.encode())
        told = False
        while True:
            line = (await self._answer())[0]
            if line.startswith(b"+"):
                # The second question is XOAUTH2's way to tell why not; it wants an empty answer.
                await self._send(b"" if told else answer)
                told = True
            elif line.startswith(tag + b" "):
                _expect(line[len(tag) + 1 :], login_refusal)
                return

    async def _log_in(self, login: Login) -> None:
        """For servers that know nothing newer: as literals, which may have any sign."""
        tag = self._tag()
        username, password = login.username.encode(), login.password.encode()
        pieces = [tag + b" LOGIN {%d}" % len(username), username + b" {%d}" % len(password), password]
        for piece in pieces:
            await self._send(piece)
            while True:
                line = (await self._answer())[0]
                if line.startswith(b"+"):
                    break
                if line.startswith(tag + b" "):
                    _expect(line[len(tag) + 1 :], login_refusal)
                    return

    async def _able(self) -> frozenset[bytes]:
        able: frozenset[bytes] = frozenset()
        for fragments in await self._ask("CAPABILITY", lambda text: refusal("to say what it can", text)):
            if fragments[0][:13].upper() == b"* CAPABILITY ":
                able |= frozenset(fragments[0][13:].upper().split())
        return able

    # -- lines ------------------------------------------------------------------------------------------------------------------------

    async def _ask(self, command: str, refused: Callable[[bytes], ArchiverError]) -> list[list[bytes]]:
        """Sends a command; the untagged answers up to its end. If that is not reached, the connection is broken."""
        ended = False
        answers: list[list[bytes]] = []
        try:
            if self._listening:
                await self._stop_listening()
            tag = self._tag()
            await self._send(tag + b" " + command.encode())
            while True:
                fragments = await self._answer()
                line = fragments[0]
                if line.startswith(tag + b" "):
                    ended = True
                    _expect(line[len(tag) + 1 :], refused)
                    return answers
                answers.append(fragments)
        except NETWORK_ERRORS as error:
            raise broken(error, self._host) from None
        finally:
            if not ended:
                self.abort()

    async def _send(self, line: bytes) -> None:
        self._read = 0
        self._writer.write(line + b"\r\n")
        async with asyncio.timeout(_ANSWER_SECONDS):
            await self._writer.drain()

    async def _answer(self) -> list[bytes]:
        """A line, and after it a literal and a line as often as one is announced."""
        fragments = [await self._line()]
        while (length := announced(fragments[-1])) is not None:
            if self._read + length > _MOST_BYTES:
                raise TooLongError
            literal = bytearray()
            while len(literal) < length:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    piece = await self._reader.read(min(_BUFFER_BYTES, length - len(literal)))
                if not piece:
                    raise EOFError
                literal += piece
            self._read += length
            fragments += [bytes(literal), await self._line()]
        return fragments

    async def _line(self) -> bytes:
        line = bytearray()
        while not line.endswith(b"\n"):
            async with asyncio.timeout(_ANSWER_SECONDS):
                try:
                    piece = await self._reader.readuntil(b"\n")
                except asyncio.LimitOverrunError as error:
                    piece = await self._reader.readexactly(error.consumed)
            self._read += len(piece)
            if self._read > _MOST_BYTES:
                raise TooLongError
            line += piece
        return bytes(line).rstrip(b"\r\n")

    def _tag(self) -> bytes:
        self._number += 1
        return b"a%d" % self._number


def _expect(answer: bytes, refused: Callable[[bytes], ArchiverError]) -> None:
    """What ends a command: OK, or why not."""
    word, _, text = answer.partition(b" ")
    if word.upper() != b"OK":
        raise refused(text)
