"""One HTTP call to Graph: its token, its turn, its time limits. Never sleeps, never repeats a call but for a token that ran out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from archiver.destinations.onedrive.allowance import Allowance
from archiver.destinations.onedrive.errors import NotThereError, Reply, pace_error, reply_error
from archiver.destinations.onedrive.wire import decode
from archiver.destinations.port import CallKind, Context
from archiver.errors import ConfigError, ReconnectNeededError, ThrottledError
from archiver.http.body import Body
from archiver.http.progress import Progress
from archiver.http.repeats import never_repeated
from archiver.http.replies import NETWORK_ERRORS, beginning, network_error
from archiver.oauth import Answer, Credentials, Endpoint, KeptTokens, Provider, Tokens

__all__ = ["READ_COST", "WRITE_COST", "Api", "Request"]

READ_COST = 1
"""Resource units of a look at one item …"""
WRITE_COST = 2
"""… and of all else that is done here, as the guide on throttling has them."""

_LIMITS = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=30.0, sock_read=None)  # see `Progress`
_DONE = frozenset({200, 201, 204})


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One call.

    Attributes:
        route: For messages: ``upload.content``.
        method: Of HTTP.
        path: Below the API's address, escaped, with its query.
        url: Instead of it: an address that is leave enough by itself.
        kind: What the pacer takes it for.
        items: How many items it carries.
        cost: In resource units.
        headers: Of its own.
        body: Its pieces; None for calls without one.
        also: Statuses that are answers, besides the usual ones.
    """

    route: str
    method: str
    path: str = ""
    url: str = ""
    kind: CallKind = CallKind.LOOK
    items: int = 0
    cost: int = READ_COST
    headers: Mapping[str, str] = {}
    body: Callable[[], list[bytes]] | None = None
    also: frozenset[int] = frozenset()


class Api:
    """Calls of one account.

    Args:
        context: Pace, clock and the HTTP session.
        credentials: What the account was connected with.
        provider: Where tokens come from.
        base: The API's address.
        kept: The access tokens that the process has.
    """

    def __init__(self, context: Context, credentials: Credentials, provider: Provider, base: str, kept: KeptTokens | None = None) -> None:
        if context.http is None:
            raise ConfigError("the destination onedrive needs an HTTP session")
        self._http = context.http
        self._pace = context.pace
        self._clock = context.clock
        self._provider = provider
        self._base = f"{base}/v1.0"
        self._allowance = Allowance()
        known = {"client_id": credentials.client_id, "client_secret": credentials.client_secret}
        self._endpoint = Endpoint(context.http, context.clock, provider, **known)
        self._tokens = Tokens(provider, credentials, context.clock, self._new_token, secrets=context.secrets, kept=kept)

    async def call(self, request: Request) -> Reply:
        """Makes a call when it is its turn.

        Raises:
            ArchiverError: See `archiver.destinations.onedrive.errors`.
        """
        answers = _DONE | request.also
        for _ in range(2):
            token = "" if request.url else (await self._tokens.get()).token
            async with self._pace.call(request.kind, request.items):
                wait = self._allowance.take(request.cost, self._clock.time())
                if wait is not None:
                    raise ThrottledError("Microsoft Graph says that nothing is left of this minute", retry_after=wait)
                reply = await self._send(request, token)
                if reply.status in answers:
                    return reply
                error = pace_error(reply, self._clock.wall())
                if error is not None:
                    raise error
            if reply.status != 401:
                raise reply_error(reply)
            if request.url:
                raise NotThereError("the address of an upload has ended")  # which says nothing of the account
            self._tokens.ran_out(token)  # whether it has expired or was revoked a fresh one will show
        raise ReconnectNeededError("Microsoft Graph does not accept a fresh access token", hint=self._provider.reconnect)

    async def ask(self, request: Request, shape: type[Any]) -> Any:
        """Makes a call whose answer has a shape."""
        return decode((await self.call(request)).body, shape)

    async def _send(self, request: Request, token: str) -> Reply:
        headers = dict(request.headers)
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if request.body is not None:
            headers.setdefault("Content-Type", "application/octet-stream")
        url = URL(request.url or self._base + request.path, encoded=True)  # exactly as it was given, or escaped by us
        try:
            async with Progress() as progress:
                data = None if request.body is None else Body(request.body())
                if data is not None:
                    data.progress = progress
                async with self._http.request(
                    request.method,
                    url,
                    data=data,
                    headers=headers,
                    timeout=_LIMITS,
                    allow_redirects=False,
                    middlewares=(never_repeated(),),
                ) as response:
                    progress.receives(response.content)
                    self._allowance.told(response.headers, self._clock.time())
                    return Reply(
                        route=request.route,
                        status=response.status,
                        retry_after=response.headers.get("Retry-After", ""),
                        body=await response.read() if response.status in _DONE | request.also else await beginning(response),
                    )
        except NETWORK_ERRORS as error:
            # Its attributes hold the request's headers, and so the token.
            raise network_error(error, "Microsoft Graph", request.route, "the option api_url") from None

    async def _new_token(self, form: Mapping[str, str]) -> Answer:
        async with self._pace.call(CallKind.LOOK):
            return await self._endpoint.ask(form)
