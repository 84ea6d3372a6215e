"""One HTTP call to Dropbox: its token, its turn, its time limits. Never sleeps, never repeats a call but for a token that ran out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import aiohttp
import msgspec

from archiver.destinations.dropbox.body import Body
from archiver.destinations.dropbox.errors import Reply, expired, network_error, pace_error, reply_error, token_error
from archiver.destinations.dropbox.progress import Progress
from archiver.destinations.dropbox.tokens import Credentials, KeptTokens, Tokens
from archiver.destinations.dropbox.wire import TokenResult, decode
from archiver.destinations.port import CallKind, Context
from archiver.errors import ConfigError, ReconnectNeededError

__all__ = ["Api", "Hosts", "Request"]

_T = TypeVar("_T")

_ERROR_BYTES = 64 * 1024  # of an error's body that are read: it may be an endless HTML page
_LIMITS = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=30.0, sock_read=None)  # see `Progress`
_TOKEN = msgspec.json.Decoder(TokenResult)


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
        self._tokens = Tokens(credentials, context.clock, self._new_token, kept)

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
            token = await self._tokens.get()
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

    async def _post(self, route: str, url: str, headers: Mapping[str, str], data: Body | Mapping[str, str]) -> Reply:
        try:
            async with (
                Progress() as progress,
                self._http.post(url, data=_watched(data, progress), headers=headers, timeout=_LIMITS, allow_redirects=False) as response,
            ):
                progress.receives(response.content)
                body = await response.read() if response.status == 200 else await _head(response)
                return Reply(
                    route=route,
                    status=response.status,
                    json=response.content_type == "application/json",
                    retry_after=response.headers.get("Retry-After", ""),
                    body=body,
                )
        except (aiohttp.ClientError, OSError) as error:
            raise network_error(error, route) from None  # its attributes hold the request's headers, and so the token

    async def _new_token(self, form: dict[str, str]) -> tuple[str, float]:
        async with self._pace.call(CallKind.LOOK):
            reply = await self._post("oauth2/token", f"{self._api}/oauth2/token", {}, form)
            if reply.status != 200:
                raise token_error(reply, self._clock.wall())
        result: TokenResult = decode(reply.body, _TOKEN)
        return result.access_token, result.expires_in


def _watched(data: Body | Mapping[str, str], progress: Progress) -> Body | Mapping[str, str]:
    """What is sent, with whoever watches over it."""
    if isinstance(data, Body):
        data.progress = progress
    return data


async def _head(response: aiohttp.ClientResponse) -> bytes:
    """The beginning of an error's body."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(_ERROR_BYTES):
        body += chunk
        if len(body) >= _ERROR_BYTES:
            response.close()  # the rest would have to be read before the connection could be used again
            break
    return bytes(body[:_ERROR_BYTES])
