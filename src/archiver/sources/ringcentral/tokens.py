"""The access token of one account: refreshed early, once however many wait for it, and never shown.

A refresh token is used once. Its successor is kept before the access token that came with it is used: until then RingCentral takes the old
refresh token too (for an hour; for ten seconds after the first use), so a process that is killed in between has lost nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from archiver.errors import DatabaseUnavailableError, ReconnectNeededError, TransientError, UnavailableError
from archiver.sources.port import Secrets
from archiver.sources.ringcentral.settings import Credentials
from archiver.sources.ringcentral.wire import TokenAnswer
from genstage.clock import Clock

__all__ = ["Access", "Tokens"]

_EARLY_SECONDS = 300.0
_NAME = "refresh_token"
_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"

Ask = Callable[[Mapping[str, str]], Awaitable[TokenAnswer]]
"""Asks the token endpoint, given the fields of its form."""


class Access(msgspec.Struct, frozen=True):
    """Leave to call.

    Attributes:
        token: The access token.
        user: Whose limits count: the id of the user's extension.
    """

    token: str
    user: str

    def __repr__(self) -> str:
        return f"Access(user={self.user!r})"


class Tokens:
    """Gives the access token that is valid now.

    Args:
        credentials: What the account was connected with.
        secrets: Where refresh tokens are kept; None keeps them in memory only.
        clock: Time.
        ask: Asks the token endpoint.
    """

    def __init__(self, credentials: Credentials, secrets: Secrets | None, clock: Clock, ask: Ask) -> None:
        self._jwt = credentials.jwt
        self._refresh_token = credentials.refresh_token
        self._secrets = secrets
        self._clock = clock
        self._ask = ask
        self._access = Access("", "")
        self._ends_at = 0.0
        self._one = asyncio.Lock()
        self._refusals = 0

    def __repr__(self) -> str:
        return "Tokens(…)"

    async def get(self) -> Access:
        """The access token, a new one if it ends soon.

        Raises:
            ReconnectNeededError: The link to the account no longer works.
            ArchiverError: The token endpoint refused or could not be reached, and the old token has run out.
        """
        if self._clock.time() < self._ends_at - _EARLY_SECONDS:
            return self._access
        refusals = self._refusals
        async with self._one:
            if self._clock.time() >= self._ends_at - _EARLY_SECONDS:  # not renewed by whoever had the lock before
                if self._refusals != refusals:  # whoever had it was refused for good: asking again would tell the same
                    raise ReconnectNeededError("the link to this account no longer works", hint="Connect this RingCentral account again.")
                try:
                    await self._renew()
                except ReconnectNeededError:
                    self._refusals += 1
                    raise
            return self._access

    def ran_out(self, access: Access) -> None:
        """RingCentral says that a token no longer holds; unless it was replaced meanwhile, the next `get` renews it."""
        if access == self._access:
            self._ends_at = 0.0

    async def _renew(self) -> None:
        try:
            answer = await (self._refreshed() if self._refresh_token else self._ask({"grant_type": _JWT, "assertion": self._jwt}))
        except (TransientError, UnavailableError):
            if self._clock.time() < self._ends_at:
                return  # the old one is good for some minutes yet; the next call tries again
            raise
        self._access = Access(answer.access_token, answer.owner_id)
        # A life shorter than the early renewal would ask for a new token at each call.
        self._ends_at = self._clock.time() + max(answer.expires_in, 2 * _EARLY_SECONDS)

    async def _refreshed(self) -> TokenAnswer:
        for last in (False, True):
            old = self._refresh_token
            try:
                answer = await self._ask({"grant_type": "refresh_token", _NAME: old})
            except ReconnectNeededError:
                if last or not await self._taken_over(old):
                    raise
                continue
            if not answer.refresh_token or answer.refresh_token == old:
                return answer
            if await self._keep(old, answer.refresh_token):
                return answer
            # Another process was faster: what it keeps is what counts, and what was given to us is dropped unused.
            if last or not await self._taken_over(old):
                break
        raise UnavailableError("another process renews this account's link at the same time")

    async def _keep(self, old: str, new: str) -> bool:
        if self._secrets is not None:
            try:
                if not await self._secrets.replace(_NAME, old, new):
                    return False
            except DatabaseUnavailableError as error:
                # Nothing is lost: the old refresh token holds as long as the new access token was not used.
                raise UnavailableError(f"the account's new link cannot be kept now: {error.message}") from None
        self._refresh_token = new
        return True

    async def _taken_over(self, old: str) -> bool:
        """Whether somebody else has replaced the refresh token; then theirs is ours."""
        if self._secrets is None:
            return False
        kept = (await self._secrets.read()).get(_NAME, "")
        if not kept or kept == old:
            return False
        self._refresh_token = kept
        return True
