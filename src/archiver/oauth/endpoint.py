"""One call to a token endpoint (RFC 6749, 5), and what its refusals mean. Never sleeps, never repeats a call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from archiver.errors import ArchiverError, MisconfiguredError, ReconnectNeededError, ThrottledError, TransientError
from archiver.http.replies import NETWORK_ERRORS, UNREADABLE, beginning, network_error, retry_after
from archiver.oauth.provider import Provider
from genstage.clock import Clock

__all__ = ["Answer", "Endpoint", "answer_of", "request_of"]

_LIMITS = aiohttp.ClientTimeout(total=120.0, sock_connect=30.0, sock_read=60.0)
_REASON = re.compile(r"[a-z0-9_]{1,64}")
_CONNECT_AGAIN = ("invalid_grant", "interaction_required", "login_required", "consent_required")
"""The first is RFC 6749's; the others are OpenID Connect's, which Microsoft gives where only the person can go on."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the token endpoint gives; never shown.

    Attributes:
        access_token: Leave to call.
        expires_in: Seconds for which it holds; None if the provider did not tell.
        refresh_token: The next one, or the first; empty if the old one stays.
        owner_id: Whose it is, where the provider tells (RingCentral).
        scope: What the customer said yes to; empty if the provider does not tell.
    """

    access_token: str
    expires_in: float | None = None
    refresh_token: str = ""
    owner_id: str = ""
    scope: str = ""

    def __repr__(self) -> str:
        return "Answer(…)"


_ANSWER = msgspec.json.Decoder(Answer, strict=False)  # some write the life in quotes


class Endpoint:
    """A provider's token endpoint, as one application uses it.

    Args:
        http: The process's HTTP session.
        clock: Time.
        provider: Whose.
        client_id: Of the application.
        client_secret: Of the application; empty if it has none.
    """

    def __init__(self, http: aiohttp.ClientSession, clock: Clock, provider: Provider, *, client_id: str, client_secret: str) -> None:
        self._http = http
        self._clock = clock
        self._provider = provider
        self._client_id = client_id
        self._client_secret = client_secret

    def __repr__(self) -> str:
        return f"Endpoint({self._provider.title!r})"

    async def ask(self, form: Mapping[str, str]) -> Answer:
        """Asks once.

        Args:
            form: The fields, without those of the application.

        Raises:
            ReconnectNeededError: The code or the refresh token no longer works.
            MisconfiguredError: The application is not known, or may not do this.
            ThrottledError, TransientError, UnavailableError: Not now.
        """
        fields, headers = request_of(self._provider, self._client_id, self._client_secret, form)
        try:
            async with self._http.post(
                self._provider.token_url, data=fields, headers=headers, timeout=_LIMITS, allow_redirects=False
            ) as response:
                status, header, body = response.status, response.headers.get("Retry-After", ""), await beginning(response)
        except NETWORK_ERRORS as error:
            # Its attributes hold the request's headers, and so the secret.
            raise network_error(error, self._provider.title, "the token endpoint", "the addresses among its options") from None
        return answer_of(self._provider, status, body, retry_after(header, self._clock.wall()))


def request_of(provider: Provider, client_id: str, client_secret: str, form: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The fields and the headers of a request, with the application's name and secret where the provider wants them."""
    fields, headers = dict(form), {"Accept": "application/json"}
    if client_secret and provider.client_in == "header":
        headers["Authorization"] = aiohttp.encode_basic_auth(client_id, client_secret)
        return fields, headers
    fields["client_id"] = client_id
    if client_secret:
        fields["client_secret"] = client_secret
    return fields, headers


def answer_of(provider: Provider, status: int, body: bytes, wait: float | None = None) -> Answer:
    """What an answer means.

    Args:
        provider: Whose.
        status: Of HTTP.
        body: Whole, or the beginning of an error's.
        wait: What a Retry-After asks for.

    Raises:
        ArchiverError: It was refused; see `Endpoint.ask`.
    """
    if status != 200:
        raise _refusal(provider, status, body, wait)
    try:
        answer = _ANSWER.decode(body)
    except UNREADABLE:
        raise TransientError(f"the token endpoint of {provider.title} answered something that is not a token") from None
    if not answer.access_token.isascii() or not answer.access_token.isprintable() or not answer.access_token:
        raise TransientError(f"the token endpoint of {provider.title} gave an access token that cannot be one")
    return answer


def _refusal(provider: Provider, status: int, body: bytes, wait: float | None) -> ArchiverError:
    """Only the code of RFC 6749, 5.2 is believed and shown, never the free text beside it."""
    if status == 429:
        return ThrottledError(f"{provider.title} refused the token endpoint for its rate", retry_after=wait)
    if status >= 500:
        return TransientError(f"the token endpoint of {provider.title} failed with status {status}")
    try:
        fields: Any = msgspec.json.decode(body)
    except UNREADABLE:
        fields = None
    reason = fields.get("error") if isinstance(fields, Mapping) else None
    if reason in _CONNECT_AGAIN:
        return ReconnectNeededError(f"{provider.title}: the link to this account no longer works", hint=provider.reconnect)
    shown = reason if isinstance(reason, str) and _REASON.fullmatch(reason) else f"status {status}"
    return MisconfiguredError(f"{provider.title} gave no access token: {shown}", hint=f"Check the options {provider.client_options}.")
