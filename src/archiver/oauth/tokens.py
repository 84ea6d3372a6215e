"""The access token of one account: refreshed early, once however many wait for it, and never shown.

Some providers let a refresh token be used once. Its successor is stored before the access token that came with it is used, so that a
process which is killed in between has lost nothing: until then such providers take the old one too.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import msgspec

from archiver.adapter import Claiming, Secrets
from archiver.errors import DatabaseUnavailableError, ReconnectNeededError, TransientError, UnavailableError
from archiver.failpoints import failpoint
from archiver.oauth.endpoint import Answer
from archiver.oauth.provider import Provider
from genstage.clock import Clock

__all__ = ["Access", "Credentials", "KeptTokens", "Tokens"]

_EARLY_SECONDS = 300.0
_KEPT_MOST = 10_000
_NAME = "refresh_token"
_CLAIMS = 120  # tries to be the one that renews
_CLAIM_SECONDS = 0.25
_ASSERTION = "urn:ietf:params:oauth:grant-type:jwt-bearer"

Ask = Callable[[Mapping[str, str]], Awaitable[Answer]]
"""Asks the token endpoint, given the fields of its form without those of the application."""


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What an account was connected with.

    Attributes:
        client_id: Of the registered application; empty if there is only an access token.
        client_secret: Of the application; empty if it has none.
        refresh_token: To begin with; empty with one of the following.
        access_token: Instead: works until it ends.
        assertion: Instead: a JWT that is exchanged for access tokens (RFC 7523).
    """

    client_id: str = ""
    client_secret: str = ""
    refresh_token: str = ""
    access_token: str = ""
    assertion: str = ""

    def __repr__(self) -> str:
        return "Credentials(…)"


class Access(msgspec.Struct, frozen=True):
    """Leave to call.

    Attributes:
        token: The access token.
        user: Whose it is, where the provider tells.
    """

    token: str
    user: str = ""

    def __repr__(self) -> str:
        return f"Access(user={self.user!r})"


class KeptTokens:
    """Access tokens of the process, by what they were got with: a lane that slept and wakes need not ask for another one.

    They are kept in memory only, and only the newest: losing one costs a call.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[Credentials, tuple[Access, float]] = OrderedDict()

    def __repr__(self) -> str:
        return f"KeptTokens({len(self._kept)})"

    def keep(self, credentials: Credentials, access: Access, ends_at: float) -> None:
        """Keeps a token that ends at a moment of the clock's time."""
        self._kept[credentials] = access, ends_at
        self._kept.move_to_end(credentials)
        if len(self._kept) > _KEPT_MOST:
            self._kept.popitem(last=False)

    def recall(self, credentials: Credentials) -> tuple[Access, float]:
        """The token and when it ends; one that has ended if there is none."""
        return self._kept.get(credentials, (Access(""), 0.0))

    def forget(self, credentials: Credentials, token: str) -> None:
        """It is no good any more."""
        if self.recall(credentials)[0].token == token:
            self._kept.pop(credentials, None)


class Tokens:
    """Gives the access token that is valid now.

    Args:
        provider: Whose they are.
        credentials: What the account was connected with.
        clock: Time.
        ask: Asks the token endpoint.
        secrets: Where refresh tokens are stored; None keeps them in memory only.
        kept: What the process knows already; None keeps nothing for others.
    """

    def __init__(  # noqa: PLR0913  two of the six are optional keywords
        self,
        provider: Provider,
        credentials: Credentials,
        clock: Clock,
        ask: Ask,
        *,
        secrets: Secrets | None = None,
        kept: KeptTokens | None = None,
    ) -> None:
        self._provider = provider
        self._credentials = credentials
        self._clock = clock
        self._ask = ask
        self._secrets = secrets
        self._kept = KeptTokens() if kept is None else kept
        given = credentials.access_token
        self._access, self._ends_at = (Access(given), float("inf")) if given else self._kept.recall(credentials)
        self._one = asyncio.Lock()
        self._refusals = 0

    def __repr__(self) -> str:
        return "Tokens(…)"

    async def get(self) -> Access:
        """The access token, a new one if it ends soon.

        Raises:
            ReconnectNeededError: It has run out and cannot be renewed: the link to the account no longer works.
            ArchiverError: The token endpoint refused or could not be reached, and the old token has run out.
        """
        if self._clock.time() < self._ends_at - _EARLY_SECONDS:
            return self._access
        refusals = self._refusals
        async with self._one:
            if self._clock.time() >= self._ends_at - _EARLY_SECONDS:  # not renewed by whoever had the lock before
                if self._refusals != refusals:  # whoever had it was refused for good: asking again would tell the same
                    raise ReconnectNeededError("the link to this account no longer works", hint=self._provider.reconnect)
                try:
                    await self._renew()
                except ReconnectNeededError:
                    self._refusals += 1
                    raise
            return self._access

    def ran_out(self, token: str) -> None:
        """The provider says that a token no longer holds; unless it was replaced meanwhile, the next `get` renews it."""
        if token == self._access.token:
            self._ends_at = 0.0
            self._kept.forget(self._credentials, token)

    async def overtaken(self) -> bool:
        """Whether another process has renewed the link since this one did: then a refusal of our token says nothing of the link.

        Raises:
            UnavailableError: Another process is renewing it, and does not end.
        """
        secrets = self._secrets
        if secrets is None or not self._provider.single_use or not self._credentials.refresh_token:
            return False
        if not isinstance(secrets, Claiming):
            return False
        async with self._one:
            await self._claimed(secrets)  # who renews has killed our token before it has stored its own
            try:
                return await self._taken_over(self._credentials.refresh_token)
            finally:
                with suppress(DatabaseUnavailableError):
                    await secrets.release()

    async def _renew(self) -> None:
        try:
            answer = await self._new()
        except (TransientError, UnavailableError):
            if self._clock.time() < self._ends_at:
                return  # the old one is good for some minutes yet; the next call tries again
            raise
        life = self._provider.life if answer.expires_in is None else answer.expires_in
        # A life shorter than the early renewal would ask for a new token at each call.
        self._access, self._ends_at = Access(answer.access_token, answer.owner_id), self._clock.time() + max(life, 2 * _EARLY_SECONDS)
        self._kept.keep(self._credentials, self._access, self._ends_at)

    async def _new(self) -> Answer:
        known = self._credentials
        if known.refresh_token:
            return await self._refreshed()
        if known.assertion:
            return await self._asked({"grant_type": _ASSERTION, "assertion": known.assertion})
        raise ReconnectNeededError("the access token has run out and there is no refresh token", hint=self._provider.reconnect)

    async def _refreshed(self) -> Answer:
        secrets = self._secrets
        if secrets is None or not self._provider.single_use:
            return await self._traded()
        if not isinstance(secrets, Claiming):
            return await self._traded()
        await self._claimed(secrets)
        try:
            return await self._traded()
        finally:
            with suppress(DatabaseUnavailableError):  # the claim ends by itself
                await secrets.release()

    async def _claimed(self, secrets: Claiming) -> None:
        for _ in range(_CLAIMS):
            try:
                if await secrets.claim():
                    return
            except DatabaseUnavailableError as error:
                raise UnavailableError(f"the account's link cannot be renewed now: {error.message}") from None
            await self._clock.sleep(_CLAIM_SECONDS)
        raise UnavailableError("another process renews this account's link at the same time")

    async def _traded(self) -> Answer:
        await self._taken_over(self._credentials.refresh_token)  # what this side knows may be older than what is stored
        for last in (False, True):
            old = self._credentials.refresh_token
            try:
                answer = await self._asked({"grant_type": "refresh_token", _NAME: old})
            except ReconnectNeededError:
                if last or not await self._taken_over(old):
                    raise
                continue
            if not answer.refresh_token or answer.refresh_token == old or await self._store(old, answer.refresh_token):
                return answer
            # Another process was faster: what it stored is what counts, and what was given to us is dropped unused.
            if last or not await self._taken_over(old):
                break
        raise UnavailableError("another process renews this account's link at the same time")

    async def _asked(self, form: dict[str, str]) -> Answer:
        answer = await self._ask(form)
        failpoint("token.refreshed")
        return answer

    async def _store(self, old: str, new: str) -> bool:
        if self._secrets is not None:
            try:
                if not await self._secrets.replace(_NAME, old, new):
                    return False
            except DatabaseUnavailableError as error:
                # Nothing is lost: the old refresh token holds as long as the new access token was not used.
                raise UnavailableError(f"the account's new link cannot be kept now: {error.message}") from None
        self._follow(new)
        return True

    async def _taken_over(self, old: str) -> bool:
        """Whether somebody else has replaced the refresh token; then theirs is ours."""
        if self._secrets is None:
            return False
        try:
            stored = (await self._secrets.read()).get(_NAME, "")
        except DatabaseUnavailableError:
            return False  # what is known here may still hold
        if not stored or stored == old:
            return False
        self._follow(stored)
        return True

    def _follow(self, refresh_token: str) -> None:
        self._credentials = msgspec.structs.replace(self._credentials, refresh_token=refresh_token)
