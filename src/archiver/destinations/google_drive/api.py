"""One HTTP call to Google Drive: its token, its turn, its time limits. Never sleeps, never repeats a call but for a token that ran out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from archiver.destinations.google_drive.errors import Reply, pace_error, reply_error
from archiver.destinations.google_drive.wire import decode
from archiver.destinations.port import CallKind, Context
from archiver.errors import ConfigError, ReconnectNeededError
from archiver.http.body import Body
from archiver.http.progress import Progress
from archiver.http.repeats import never_repeated
from archiver.http.replies import NETWORK_ERRORS, beginning, network_error
from archiver.oauth import Answer, Credentials, Endpoint, KeptTokens, Provider, Tokens

__all__ = ["PROVIDER", "Api", "Request"]

PROVIDER = Provider(
    title="Google",
    authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
    token_url="https://oauth2.googleapis.com/token",  # noqa: S106  an address
    revoke_url="https://oauth2.googleapis.com/revoke",
    scopes=("https://www.googleapis.com/auth/drive.file",),
    parameters={"access_type": "offline", "prompt": "consent"},  # without the second one a repeated yes gives no refresh token
    account="this Google Drive",
)
"""Refresh tokens do not rotate. They die when revoked, unused for six months, or after a week while the project is in testing."""

_LIMITS = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=30.0, sock_read=None)  # see `Progress`
_JSON = "application/json; charset=UTF-8"
_DONE = frozenset({200, 201, 204})


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One call.

    Attributes:
        route: For messages: ``files.create``.
        method: Of HTTP.
        path: Below the API's address.
        query: The parameters.
        kind: What the pacer takes it for.
        items: How many items it carries.
        headers: Further ones.
        body: Makes the body once the call has its turn, and again if the call is repeated; None for calls without one.
        also: Statuses that are answers, besides the usual ones.
    """

    route: str
    method: str
    path: str
    query: Mapping[str, str] = {}
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
        base: The API's address; that of the token endpoint too, if it is not Google's.
        kept: The access tokens that the process has.
    """

    def __init__(self, context: Context, credentials: Credentials, provider: Provider, base: str, kept: KeptTokens | None = None) -> None:
        if context.http is None:
            raise ConfigError("the destination google_drive needs an HTTP session")
        self._http = context.http
        self._pace = context.pace
        self._clock = context.clock
        self._base = base
        known = {"client_id": credentials.client_id, "client_secret": credentials.client_secret}
        self._endpoint = Endpoint(context.http, context.clock, provider, **known)
        self._tokens = Tokens(provider, credentials, context.clock, self._new_token, secrets=context.secrets, kept=kept)

    async def call(self, request: Request) -> Reply:
        """Makes a call when it is its turn.

        Raises:
            ArchiverError: See `archiver.destinations.google_drive.errors`.
        """
        answers = _DONE | request.also
        for _ in range(2):
            token = (await self._tokens.get()).token
            async with self._pace.call(request.kind, request.items):
                reply = await self._send(request, token)
                if reply.status in answers:
                    return reply
                error = pace_error(reply, self._clock.wall())
                if error is not None:
                    raise error
            if reply.status != 401:
                raise reply_error(reply)
            self._tokens.ran_out(token)  # Google does not tell whether it has expired or was revoked: a fresh one will show
        raise ReconnectNeededError("Google Drive does not accept a fresh access token", hint=PROVIDER.reconnect)

    async def ask(self, request: Request, shape: type[Any]) -> Any:
        """Makes a call whose answer has a shape."""
        return decode((await self.call(request)).body, shape)

    async def _send(self, request: Request, token: str) -> Reply:
        headers = {"Authorization": f"Bearer {token}", **request.headers}
        if request.body is not None:
            headers.setdefault("Content-Type", _JSON)
        url = URL(self._base + request.path).update_query(request.query)
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
                    middlewares=(never_repeated(),) if request.method == "PUT" else None,  # a chunk: how far it came is asked first
                ) as response:
                    progress.receives(response.content)
                    return Reply(
                        route=request.route,
                        status=response.status,
                        retry_after=response.headers.get("Retry-After", ""),
                        location=response.headers.get("Location", ""),
                        has=response.headers.get("Range", ""),
                        body=await response.read() if response.status in _DONE else await beginning(response),
                    )
        except NETWORK_ERRORS as error:
            # Its attributes hold the request's headers, and so the token.
            raise network_error(error, "Google Drive", request.route, "the option api_url") from None

    async def _new_token(self, form: Mapping[str, str]) -> Answer:
        async with self._pace.call(CallKind.LOOK):
            return await self._endpoint.ask(form)
