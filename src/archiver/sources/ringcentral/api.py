"""One HTTP call to RingCentral: its token, its turn, what a refusal means."""

from __future__ import annotations

import ipaddress
import weakref
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import msgspec
from yarl import URL

from archiver.errors import ConfigError, MisconfiguredError, SourceThrottledError, UnavailableError
from archiver.http.replies import ERROR_BYTES, NETWORK_ERRORS
from archiver.model import Millis
from archiver.oauth import Access, Answer, Credentials, Provider, Tokens, answer_of, request_of
from archiver.sources.port import Context
from archiver.sources.ringcentral.budget import Budget, Grant
from archiver.sources.ringcentral.errors import Reply, network_error, reply_error, retry_after, token_error, told
from archiver.sources.ringcentral.wire import decode

__all__ = ["GROUPS", "PROVIDER", "Api", "Budgets"]

GROUPS: Final[Mapping[str, str]] = {
    "call-log": "Heavy",
    "call-log-sync": "Heavy",
    "recording": "Heavy",
    "extension": "Medium",
    "attachment": "Medium",
    "message-store": "Light",
    "message-store-report": "Heavy",
    "message-sync": "Light",
    "subscription": "Medium",
    "token": "Auth",
}
"""The groups that the API's description names; the answers' headers correct them."""

_TOKEN_PATH = "/restapi/oauth/token"  # noqa: S105  an address
_AGENT = "CallArchiver/1"
_JSON_LIMITS = aiohttp.ClientTimeout(total=300.0, sock_connect=30.0, sock_read=60.0)
_CONTENT_LIMITS = aiohttp.ClientTimeout(total=None, sock_connect=30.0, sock_read=60.0)
_REFUSALS = 5  # 429s in a row, each waited out, after which a look gives up

PROVIDER = Provider(
    title="RingCentral",
    authorize_url="https://platform.ringcentral.com/restapi/oauth/authorize",
    token_url="https://platform.ringcentral.com/restapi/oauth/token",  # noqa: S106  an address
    revoke_url="https://platform.ringcentral.com/restapi/oauth/revoke",
    client_in="header",
    single_use=True,
    account="this RingCentral account",
)
"""A refresh token is used once; until the access token that came with its successor was used, it holds for an hour more."""


class Budgets:
    """The budgets of a process: one per user and application, however many sources spend it."""

    def __init__(self) -> None:
        self._budgets: weakref.WeakValueDictionary[tuple[str, str, str], Budget] = weakref.WeakValueDictionary()

    def of(self, base_url: str, client_id: str, user: str) -> Budget:
        """The budget of a user with an application; that of the application's token endpoint if ``user`` is empty."""
        budget = self._budgets.get((base_url, client_id, user))
        if budget is None:
            budget = self._budgets[base_url, client_id, user] = Budget(GROUPS)
        return budget


class Api:
    """Calls of one account.

    Args:
        context: Clock, HTTP session, where secrets are kept.
        base_url: Without a slash at the end.
        credentials: What the account was connected with.
        budgets: The process's.
    """

    def __init__(self, context: Context, base_url: str, credentials: Credentials, budgets: Budgets) -> None:
        if context.http is None:
            raise ConfigError("the source ringcentral needs an HTTP session")
        self._http = context.http
        self._clock = context.clock
        self._base = base_url
        self._credentials = credentials
        self._budgets = budgets
        self._tokens = Tokens(PROVIDER, credentials, context.clock, self._new_token, secrets=context.secrets)
        self._token_budget = budgets.of(base_url, credentials.client_id, "")
        self._budget: Budget | None = None
        self._user = ""

    def __repr__(self) -> str:
        return f"Api({self._base!r})"

    async def ask(  # noqa: PLR0913  the parts of one request
        self, route: str, address: str, shape: Any, query: Sequence[tuple[str, str]] = (), *, method: str = "GET", body: Any = None
    ) -> Any:
        """Looks, or says: waits for its turn, and for the end of a penalty.

        Args:
            route: One of `GROUPS`.
            address: A path, or a whole address that RingCentral gave.
            shape: Of the answer.
            query: More parameters.
            method: Of HTTP.
            body: What is said, as JSON; saying it twice must be harmless.

        Raises:
            ArchiverError: See `archiver.sources.ringcentral.errors`.
        """
        url = self._trusted(address)
        renewed = False
        for _ in range(_REFUSALS):
            budget, grant = await self._look_turn(route)
            access = await self._access(budget, grant)
            said = None if body is None else msgspec.json.encode(body)
            reply = await self._fetch(route, url, query, access, (budget, grant), method=method, said=said)
            if reply.status == 204:
                return None
            if reply.status in {200, 202}:
                return decode(reply.body, shape)
            if reply.status == 401 and (not renewed or await self._tokens.overtaken()):
                renewed = True
                self._tokens.ran_out(access.token)
            elif reply.status != 429:
                raise reply_error(reply, route, self._clock.wall())
        raise UnavailableError(f"RingCentral refuses {route} again and again, for its rate or since others renew the same link")

    @asynccontextmanager
    async def content(
        self, route: str, address: str, offset: int, *, only_head: bool = False, look: bool = False
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Reads bytes, if it is their turn.

        Args:
            route: One of `GROUPS`.
            address: A path, or a whole address that RingCentral gave.
            offset: Where to begin.
            only_head: Only the first byte is wanted, for what the headers say; that is a look, and waits.
            look: The bytes are part of a look, which waits for its turn.

        Raises:
            SourceThrottledError: Its turn comes later.
            ArchiverError: See `archiver.sources.ringcentral.errors`.
        """
        url = self._trusted(address)
        headers = {"Range": "bytes=0-0" if only_head else f"bytes={offset}-"} if only_head or offset else {}
        for last in (False, True):
            budget, grant = await (self._look_turn(route) if only_head or look else self._content_turn(route))
            access = await self._access(budget, grant)
            response = await self._send(route, url, (), access, (budget, grant), headers=headers, limits=_CONTENT_LIMITS)
            try:
                if response.status in {200, 206, 416}:
                    yield response
                    return
                reply = Reply(status=response.status, headers=response.headers, body=await _beginning(response, route))
            finally:
                response.close()
            if reply.status == 429:
                raise self._used_up(budget, route)
            if reply.status == 401 and last and await self._tokens.overtaken():
                self._tokens.ran_out(access.token)
                raise SourceThrottledError("another process has renewed the link meanwhile", retry_after=1.0)
            if reply.status != 401 or last:
                error = reply_error(reply, route, self._clock.wall())
                if isinstance(error, SourceThrottledError):
                    budget.rest(route, self._clock.time(), error.retry_after)
                raise error
            self._tokens.ran_out(access.token)

    def now(self) -> Millis:
        """The time."""
        return int(self._clock.wall() * 1000)

    def wait(self, route: str, *, calls: int = 1) -> float:
        """Seconds until a look may be taken that needs so many calls; 0 before the first call."""
        return 0.0 if self._budget is None else self._budget.wait(route, self._clock.time(), calls=calls)

    def room(self, route: str, *, wanted: bool) -> tuple[int, float]:
        """How many contents may be asked for now, and if none, after how many seconds; one before the first call."""
        return (1, 0.0) if self._budget is None else self._budget.room(route, self._clock.time(), wanted=wanted)

    # -- turns ----------------------------------------------------------------------------------------------------------------------

    async def _look_turn(self, route: str) -> tuple[Budget, Grant]:
        budget = await self._own_budget()
        while not isinstance(grant := budget.take(route, self._clock.time(), look=True), Grant):
            await self._clock.sleep(grant)
        return budget, grant

    async def _content_turn(self, route: str) -> tuple[Budget, Grant]:
        budget = await self._own_budget()
        grant = budget.take(route, self._clock.time(), look=False)
        if not isinstance(grant, Grant):
            raise self._used_up(budget, route)
        return budget, grant

    def _used_up(self, budget: Budget, route: str) -> SourceThrottledError:
        _, wait = budget.room(route, self._clock.time(), wanted=True)
        return SourceThrottledError(f"RingCentral's limit on {route} is used up", retry_after=wait)

    async def _own_budget(self) -> Budget:
        access = await self._tokens.get()
        if self._budget is None or access.user != self._user:
            self._budget, self._user = self._budgets.of(self._base, self._credentials.client_id, access.user or "-"), access.user
        return self._budget

    async def _access(self, budget: Budget, grant: Grant) -> Access:
        try:
            return await self._tokens.get()
        except BaseException:
            budget.lost(grant, self._clock.time())
            raise

    # -- sending --------------------------------------------------------------------------------------------------------------------

    async def _fetch(  # noqa: PLR0913  the parts of one request
        self,
        route: str,
        url: URL,
        query: Sequence[tuple[str, str]],
        access: Access,
        turn: tuple[Budget, Grant],
        *,
        method: str,
        said: bytes | None,
    ) -> Reply:
        headers = {} if said is None else {"Content-Type": "application/json"}
        response = await self._send(route, url, query, access, turn, headers=headers, limits=_JSON_LIMITS, method=method, said=said)
        async with response:
            if response.status not in {200, 202, 204}:
                return Reply(status=response.status, headers=response.headers, body=await _beginning(response, route))
            try:
                return Reply(status=response.status, headers=response.headers, body=await response.read())
            except NETWORK_ERRORS as error:
                raise network_error(error, route) from None

    async def _send(  # noqa: PLR0913  the parts of one request
        self,
        route: str,
        url: URL,
        query: Sequence[tuple[str, str]],
        access: Access,
        turn: tuple[Budget, Grant],
        *,
        headers: Mapping[str, str],
        limits: aiohttp.ClientTimeout,
        method: str = "GET",
        said: bytes | None = None,
    ) -> aiohttp.ClientResponse:
        """Sends, and tells the budget how it ended."""
        budget, grant = turn
        sent = {"Authorization": f"Bearer {access.token}", "User-Agent": _AGENT, **headers}
        try:
            response = await self._http.request(
                method,
                url,
                params=query or None,
                headers=sent,
                data=said,
                timeout=limits,
                max_redirects=3,
                middlewares=(self._counted(turn),),
            )
        except BaseException as error:
            budget.lost(grant, self._clock.time())
            if isinstance(error, NETWORK_ERRORS):
                raise network_error(error, route) from None
            raise
        now = self._clock.time()
        if response.status == 429:
            wait = retry_after(Reply(status=429, headers=response.headers, body=b""), self._clock.wall())
            budget.refused(grant, now, told(response.headers), wait)
        else:
            budget.answered(grant, route, now, told(response.headers))
        return response

    def _counted(self, turn: tuple[Budget, Grant]) -> aiohttp.ClientMiddlewareType:
        """Asks leave for a request that aiohttp repeats since its connection broke before the answer: RingCentral counts both."""
        budget, grant = turn
        asked: set[URL] = set()

        async def send(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
            if request.url in asked and not budget.again(grant, self._clock.time()):
                raise aiohttp.ServerDisconnectedError
            asked.add(request.url)
            return await handler(request)

        return send

    async def _new_token(self, form: Mapping[str, str]) -> Answer:
        known, budget = self._credentials, self._token_budget
        while not isinstance(grant := budget.take("token", self._clock.time(), look=True), Grant):
            await self._clock.sleep(grant)
        fields, headers = request_of(PROVIDER, known.client_id, known.client_secret, form)
        headers["User-Agent"] = _AGENT
        try:
            async with self._http.post(
                self._base + _TOKEN_PATH, data=fields, headers=headers, timeout=_JSON_LIMITS, allow_redirects=False
            ) as response:
                reply = Reply(status=response.status, headers=response.headers, body=await response.content.read(ERROR_BYTES))
        except BaseException as error:
            budget.lost(grant, self._clock.time())
            if isinstance(error, NETWORK_ERRORS):
                raise network_error(error, "oauth/token") from None
            raise
        now = self._clock.time()
        if reply.status == 429:
            budget.refused(grant, now, told(reply.headers), retry_after(reply, self._clock.wall()))
        else:
            budget.answered(grant, "token", now, told(reply.headers))
        refusal = token_error(reply, self._clock.wall())
        if refusal is not None:
            raise refusal
        return answer_of(PROVIDER, reply.status, reply.body)

    def _trusted(self, address: str) -> URL:
        """An address that may see the token: the platform itself, or a host of the same domain over TLS (recordings have their own)."""
        if address.startswith("/"):
            return URL(self._base + address, encoded=True)
        base, parts = urlsplit(self._base), urlsplit(address)
        same = (parts.scheme, parts.netloc) == (base.scheme, base.netloc)
        if not same and not (parts.scheme == "https" and _domain(parts.hostname) == _domain(base.hostname) != ""):
            raise MisconfiguredError("RingCentral named an address elsewhere; the access token is not sent there")
        return URL(address, encoded=True)


def _domain(host: str | None) -> str:
    """The last two words of a host's name; empty for an address in numbers."""
    try:
        ipaddress.ip_address(host or "")
    except ValueError:
        words = (host or "").lower().split(".")
        return ".".join(words[-2:]) if len(words) >= 2 else ""
    return ""


async def _beginning(response: aiohttp.ClientResponse, route: str) -> bytes:
    try:
        return await response.content.read(ERROR_BYTES)
    except NETWORK_ERRORS as error:
        raise network_error(error, route) from None
