"""One HTTP call to Dropbox: its token, its turn, its time limits. Never sleeps, never repeats a call but for a token that ran out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import aiohttp
import msgspec

from archiver.destinations.dropbox.errors import Reply, expired, pace_error, reply_error
from archiver.destinations.port import CallKind, Context
from archiver.errors import ConfigError, ReconnectNeededError
from archiver.http.body import Body
from archiver.http.progress import Progress
from archiver.http.replies import NETWORK_ERRORS, beginning, network_error
from archiver.oauth import Answer, Credentials, Endpoint, KeptTokens, Provider, Tokens

__all__ = ["PROVIDER", "Api", "Hosts", "Request"]

_T = TypeVar("_T")

_LIMITS = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=30.0, sock_read=None)  # see `Progress`

PROVIDER = Provider(
    title="Dropbox",
    authorize_url="https://www.dropbox.com/oauth2/authorize",
    token_url="https://api.dropboxapi.com/oauth2/token",  # noqa: S106  an address
    revoke_url="https://api.dropboxapi.com/2/auth/token/revoke",
    revoke_by="bearer",
    scopes=("account_info.read", "files.content.write", "files.content.read", "files.metadata.read"),
    parameters={"token_access_type": "offline"},
    client_options="app_key and app_secret",
    account="this Dropbox",
    life=14_400.0,
)
"""Refresh tokens neither expire nor rotate, but can be revoked."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One call.

    Attributes:
        route: Such as ``files/upload_session/append_batch``.
        kind: What the pacer takes it for.
        items: How many items it carries.
        body: Makes the body once the call has its turn, and again if the call is repeated; what gathers meanwhile travels along.
        arg: The argument in the header, for routes whose body is content; None for those whose body is the argument.
    """

    route: str
    kind: CallKind
    items: int = 1
    body: Callable[[], bytes | Body]
    arg: str | None = None


class Hosts(msgspec.Struct, frozen=True, kw_only=True):
    """Where Dropbox is, and what every call carries.

    Attributes:
        api_url: Of the routes that take JSON, without a slash at the end.
        content_url: Of the routes that take content.
        headers: Member of a team, path root.
    """

    api_url: str
    content_url: str
    headers: Mapping[str, str] = {}


class Api:
    """Calls of one account.

    Args:
        context: Pace, clock and the HTTP session.
        credentials: What the account was connected with.
        hosts: Where Dropbox is.
        kept: The access tokens that the process has.
    """

    def __init__(self, context: Context, credentials: Credentials, hosts: Hosts, kept: KeptTokens | None = None) -> None:
        if context.http is None:
            raise ConfigError("the destination dropbox needs an HTTP session")
        self._http = context.http
        self._pace = context.pace
        self._clock = context.clock
        self._api = hosts.api_url
        self._content = hosts.content_url
        self._headers = dict(hosts.headers)
        provider = msgspec.structs.replace(PROVIDER, token_url=f"{hosts.api_url}/oauth2/token")
        known = {"client_id": credentials.client_id, "client_secret": credentials.client_secret}
        self._endpoint = Endpoint(context.http, context.clock, provider, **known)
        self._tokens = Tokens(provider, credentials, context.clock, self._new_token, secrets=context.secrets, kept=kept)

    async def call(self, request: Request, receive: Callable[[bytes], _T]) -> _T:
        """Makes a call when it is its turn.

        Args:
            request: The call.
            receive: Makes the result of the answer's body; what it raises counts as the end of the call.

        Raises:
            ArchiverError: See `archiver.destinations.dropbox.errors`.
        """
        token = ""
        for _ in range(2):
            token = (await self._tokens.get()).token
            async with self._pace.call(request.kind, request.items):
                reply = await self._send(request, token)
                if reply.status == 200:
                    return receive(reply.body)
                error = pace_error(reply, self._clock.wall())
                if error is not None:
                    raise error
            if not expired(reply):
                raise reply_error(reply)
            self._tokens.ran_out(token)
        raise ReconnectNeededError("Dropbox calls a fresh access token expired", hint="Check this machine's clock; connect Dropbox again.")

    async def _send(self, request: Request, token: str) -> Reply:
        headers = {"Authorization": f"Bearer {token}", **self._headers}
        if request.arg is None:
            url = f"{self._api}/2/{request.route}"
            headers["Content-Type"] = "application/json"
        else:
            url = f"{self._content}/2/{request.route}"
            headers["Content-Type"] = "application/octet-stream"
            headers["Dropbox-API-Arg"] = request.arg
        body = request.body()
        # aiohttp warns of large bytes; a Body goes out slice by slice.
        return await self._post(request.route, url, headers, Body([body]) if isinstance(body, bytes) else body)

    async def _post(self, route: str, url: str, headers: Mapping[str, str], data: Body) -> Reply:
        try:
            async with Progress() as progress:
                data.progress = progress
                async with self._http.post(url, data=data, headers=headers, timeout=_LIMITS, allow_redirects=False) as response:
                    progress.receives(response.content)
                    body = await response.read() if response.status == 200 else await beginning(response)
                    return Reply(
                        route=route,
                        status=response.status,
                        json=response.content_type == "application/json",
                        retry_after=response.headers.get("Retry-After", ""),
                        body=body,
                    )
        except NETWORK_ERRORS as error:
            # Its attributes hold the request's headers, and so the token.
            raise network_error(error, "Dropbox", route, "the options api_url and content_url") from None

    async def _new_token(self, form: Mapping[str, str]) -> Answer:
        async with self._pace.call(CallKind.LOOK):
            return await self._endpoint.ask(form)
