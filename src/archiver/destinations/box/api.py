"""One HTTP call to Box: its token, its turn, its time limits. Never sleeps, never repeats a call but for a token that ran out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import aiohttp
import msgspec
from yarl import URL

from archiver.destinations.box.errors import Reply, pace_error, reply_error
from archiver.destinations.box.wire import decode
from archiver.destinations.port import CallKind, Context
from archiver.errors import ConfigError, ReconnectNeededError
from archiver.http.body import Body
from archiver.http.progress import Progress
from archiver.http.repeats import never_repeated
from archiver.http.replies import NETWORK_ERRORS, beginning, network_error
from archiver.oauth import Answer, Credentials, Endpoint, KeptTokens, Provider, Tokens

__all__ = ["Api", "Hosts", "Request"]

_LIMITS = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=30.0, sock_read=None)  # see `Progress`
_DONE = frozenset({200, 201, 204})


class Hosts(NamedTuple):
    """Where calls go."""

    api: str
    upload: str


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One call.

    Attributes:
        route: For messages: ``files.upload``.
        method: Of HTTP.
        path: Below ``/2.0``, escaped, with its query.
        uploads: It goes to the host that takes content.
        kind: What the pacer takes it for.
        items: How many items it carries.
        headers: Of its own.
        body: Its pieces; None for calls without one.
        also: Statuses that are answers, besides the usual ones.
    """

    route: str
    method: str
    path: str
    uploads: bool = False
    kind: CallKind = CallKind.LOOK
    items: int = 0
    headers: Mapping[str, str] = {}
    body: Callable[[], list[bytes]] | None = None
    also: frozenset[int] = frozenset()


class Api:
    """Calls of one account.

    Args:
        context: Pace, clock and the HTTP session.
        credentials: What the account was connected with.
        provider: Where tokens come from.
        hosts: Where calls go.
        kept: The access tokens that the process has.
    """

    def __init__(
        self, context: Context, credentials: Credentials, provider: Provider, hosts: Hosts, kept: KeptTokens | None = None
    ) -> None:
        if context.http is None:
            raise ConfigError("the destination box needs an HTTP session")
        self._http = context.http
        self._pace = context.pace
        self._clock = context.clock
        self._provider = provider
        self._hosts = hosts
        known = {"client_id": credentials.client_id, "client_secret": credentials.client_secret}
        self._endpoint = Endpoint(context.http, context.clock, provider, **known)
        self._tokens = Tokens(provider, credentials, context.clock, self._new_token, secrets=context.secrets, kept=kept)

    async def call(self, request: Request) -> Reply:
        """Makes a call when it is its turn.

        Raises:
            ArchiverError: See `archiver.destinations.box.errors`.
        """
        answers = _DONE | request.also
        for _ in range(2):
            token = (await self._tokens.get()).token
            async with self._pace.call(request.kind, request.items):
                reply = await self._send(request, token, answers)
                if reply.status in answers:
                    return reply
                error = pace_error(reply, self._clock.wall())
                if error is not None:
                    raise error
            if reply.status != 401:
                raise reply_error(reply)
            self._tokens.ran_out(token)  # whether it has expired or was revoked a fresh one will show
        raise ReconnectNeededError("Box does not accept a fresh access token", hint=self._provider.reconnect)

    async def ask(self, request: Request, shape: type[Any]) -> Any:
        """Makes a call whose answer has a shape."""
        return decode((await self.call(request)).body, shape)

    async def _send(self, request: Request, token: str, answers: frozenset[int]) -> Reply:
        headers = {**request.headers, "Authorization": f"Bearer {token}"}
        if request.body is not None:
            headers.setdefault("Content-Type", "application/json")
        base = self._hosts.upload if request.uploads else self._hosts.api
        try:
            async with Progress() as progress:
                data = None if request.body is None else Body(request.body())
                if data is not None:
                    data.progress = progress
                async with self._http.request(
                    request.method,
                    URL(f"{base}/2.0{request.path}", encoded=True),
                    data=data,
                    headers=headers,
                    timeout=_LIMITS,
                    allow_redirects=False,
                    middlewares=(never_repeated(),),
                ) as response:
                    progress.receives(response.content)
                    return Reply(
                        route=request.route,
                        status=response.status,
                        retry_after=response.headers.get("Retry-After", ""),
                        body=await response.read() if response.status in answers else await beginning(response),
                    )
        except NETWORK_ERRORS as error:
            # Its attributes hold the request's headers, and so the token.
            raise network_error(error, "Box", request.route, "the option api_url") from None

    async def _new_token(self, form: Mapping[str, str]) -> Answer:
        async with self._pace.call(CallKind.LOOK, 0):
            return await self._endpoint.ask(form)
