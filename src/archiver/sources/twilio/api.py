"""One call to Twilio: its authorisation, its turn, what a refusal means. A look waits for its turn; contents never do."""

from __future__ import annotations

import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
from yarl import URL

from archiver.errors import (
    ArchiverError,
    ConfigError,
    MisconfiguredError,
    ReconnectNeededError,
    SourceThrottledError,
    TransientError,
    UnavailableError,
)
from archiver.http.addresses import is_loopback
from archiver.http.replies import NETWORK_ERRORS, UNREADABLE, beginning, network_error, retry_after
from archiver.model import Millis
from archiver.sources.port import Context, Room
from archiver.sources.replies import decode, refusal
from archiver.sources.twilio.budget import Budget, Grant

__all__ = ["VERSION", "Api", "Budgets", "Row", "StalePageError", "rows_of"]

VERSION = "/2010-04-01"

Row = Mapping[str, Any]

_AGENT = "CallArchiver/1"
_CHUNK_BYTES = 1024 * 1024
_LIMITS = aiohttp.ClientTimeout(total=None, sock_connect=30.0, sock_read=60.0)
_REFUSALS = 8  # 429s in a row, each waited out, after which a look gives up
_TOO_MANY = 20429
_REDIRECTS = 3


class StalePageError(TransientError):
    """Twilio does not take a question as it was asked (400): a page's token that it no longer knows."""


class Budgets:
    """The budgets of a process: one per account, however many sources spend it."""

    def __init__(self) -> None:
        self._budgets: weakref.WeakValueDictionary[tuple[str, str], Budget] = weakref.WeakValueDictionary()

    def of(self, base_url: str, account: str) -> Budget:
        """The budget of an account."""
        budget = self._budgets.get((base_url, account))
        if budget is None:
            budget = self._budgets[base_url, account] = Budget()
        return budget


class Api:
    """Calls of one account.

    Args:
        context: Clock and HTTP session.
        base_url: Without a slash at the end.
        login: The header that authorises.
        budget: The account's.
    """

    def __init__(self, context: Context, base_url: str, login: str, budget: Budget) -> None:
        if context.http is None:
            raise ConfigError("the source twilio needs an HTTP session")
        self._http = context.http
        self._clock = context.clock
        self._base = base_url
        self._login = login
        self._budget = budget

    def __repr__(self) -> str:
        return f"Api({self._base!r})"

    def now(self) -> Millis:
        """The time."""
        return int(self._clock.wall() * 1000)

    def room(self) -> Room:
        """How many contents may be asked for now."""
        return self._budget.room(self._clock.time())

    async def ask(self, address: str, query: Mapping[str, str] | None = None) -> Row:
        """Looks at a list or a row; waits for its turn, and waits out refusals for the rate.

        Args:
            address: A path, or what Twilio named as the next page.
            query: Parameters.

        Raises:
            StalePageError: Twilio does not take the question.
            ArchiverError: See `archiver.sources.replies.refusal`.
        """
        url = self._trusted(address).update_query(query or {})
        for _ in range(_REFUSALS):
            while not isinstance(grant := self._budget.take(self._clock.time(), look=True), Grant):
                await self._clock.sleep(grant)
            try:
                async with self._get(url, {}, grant, follow=False) as response:
                    answer: dict[str, Any] = decode("Twilio", await response.read(), dict[str, Any])
                    return answer
            except SourceThrottledError:
                continue
            except NETWORK_ERRORS as error:
                raise network_error(error, "Twilio", "a look", "the option base_url") from None
        raise UnavailableError("Twilio refuses a look for its rate, again and again")

    async def read(self, address: str, offset: int) -> AsyncGenerator[bytes, None]:
        """The bytes of a recording or of an attachment from an offset on.

        Raises:
            SourceThrottledError: Its turn comes later.
            SourceGoneError: It was deleted.
            ArchiverError: See `archiver.sources.replies.refusal`.
        """
        grant = self._budget.take(self._clock.time(), look=False)
        if not isinstance(grant, Grant):
            raise SourceThrottledError("as much of Twilio is read as it permits", retry_after=grant)
        try:
            headers = {"Range": f"bytes={offset}-"} if offset else {}
            async with self._get(self._trusted(address), headers, grant, follow=True) as response:
                skip = offset if response.status == 200 else 0  # whoever ignores the range sends everything
                while response.status != 416 and (chunk := await response.content.read(_CHUNK_BYTES)):
                    if skip < len(chunk):
                        yield chunk[skip:] if skip else chunk
                    skip = max(0, skip - len(chunk))
        except NETWORK_ERRORS as error:
            # Its attributes hold the request's headers, and so the secret.
            raise network_error(error, "Twilio", "a content", "the option base_url") from None

    @asynccontextmanager
    async def _get(self, url: URL, headers: Mapping[str, str], grant: Grant, *, follow: bool) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer, after redirects if they are followed; its place is free when all of it was read."""
        try:
            for _ in range(_REDIRECTS + 1):
                own = url.origin() == URL(self._base).origin()
                sent = {"User-Agent": _AGENT, **headers} | ({"Authorization": self._login} if own else {})
                async with self._http.get(url, headers=sent, timeout=_LIMITS, allow_redirects=False) as response:
                    if follow and response.status in {301, 302, 303, 307, 308}:
                        url = self._elsewhere(url, response.headers.get("Location", ""))
                        continue
                    if response.status not in {200, 206, 416}:
                        raise self._refused(response, await beginning(response), grant, own=own)
                    self._budget.answered()
                    yield response
                    return
            raise TransientError("Twilio sends from one address to another without end")
        finally:
            self._budget.ended()

    def _refused(self, response: aiohttp.ClientResponse, body: bytes, grant: Grant, *, own: bool) -> ArchiverError:
        """By status; Twilio's code is shown, its text is not, since it may name people."""
        status, code = response.status, _code_of(body)
        if status == 429 or code == _TOO_MANY:
            told = retry_after(response.headers.get("Retry-After", ""), self._clock.wall())
            wait = self._budget.refused(grant, self._clock.time(), told)
            return SourceThrottledError(f"Twilio has too many calls of this account under way ({code or status})", retry_after=wait)
        self._budget.answered()
        match status:
            case 400:
                return StalePageError(f"Twilio does not take the question ({code or status})")
            case 401 | 403 if not own:
                return TransientError(f"what Twilio keeps its attachments in does not let us in ({status})")
            case 401:
                hint = "Give the API key and its secret anew, or the auth token; a key of one account does not open another."
                return ReconnectNeededError(f"Twilio does not take the key ({code or status})", hint=hint)
            case _:
                return refusal("Twilio", status, response.headers, self._clock.wall(), str(code or ""))

    def _trusted(self, address: str) -> URL:
        """An address that may see the key: the API itself, and nobody else."""
        if address.startswith("/") and not address.startswith("//"):
            return URL(self._base + address, encoded=True)
        base, parts = urlsplit(self._base), urlsplit(address)
        if (parts.scheme, parts.netloc) != (base.scheme, base.netloc):
            raise MisconfiguredError("Twilio named an address elsewhere; the key is not sent there")
        return URL(address, encoded=True)

    def _elsewhere(self, url: URL, location: str) -> URL:
        """Where Twilio sends us for the bytes of an attachment; over TLS, or on this machine if the API is there too."""
        try:
            target = url.join(URL(location, encoded=True))
        except ValueError:
            target = URL()
        local = is_loopback(target.host or "") and is_loopback(URL(self._base).host or "")
        if not location or not target.host or not (target.scheme == "https" or (target.scheme == "http" and local)):
            raise TransientError("Twilio names an address for the bytes that is none")
        return target


def rows_of(answer: Row, name: str) -> Sequence[Row]:
    """The rows of a list.

    Raises:
        TransientError: It is no such list.
    """
    rows = answer.get(name)
    if not isinstance(rows, list):
        raise TransientError(f"Twilio's list of {name} is none")
    return [row for row in rows if isinstance(row, Mapping)]


def _code_of(body: bytes) -> int:
    try:
        return msgspec.json.decode(body, type=_Refused).code
    except UNREADABLE:
        return 0


class _Refused(msgspec.Struct):
    code: int = 0
