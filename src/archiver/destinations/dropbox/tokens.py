"""The access token of one account: refreshed early, once however many wait for it, and never shown."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import msgspec

from archiver.errors import ReconnectNeededError, TransientError, UnavailableError
from archiver.failpoints import failpoint
from genstage.clock import Clock

__all__ = ["Credentials", "KeptTokens", "Tokens"]

_EARLY_SECONDS = 300.0  # the official SDK refreshes five minutes early as well
_KEPT_MOST = 10_000


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What the account was connected with.

    Attributes:
        app_key: Of the registered app; empty if there is only an access token.
        app_secret: Of the app; empty for one that was linked with PKCE.
        refresh_token: Does not expire, but can be revoked; empty if there is only an access token.
        access_token: To begin with; empty if there is a refresh token.
    """

    app_key: str = ""
    app_secret: str = ""
    refresh_token: str = ""
    access_token: str = ""

    def __repr__(self) -> str:
        return "Credentials(…)"


class KeptTokens:
    """Access tokens of the process, by what they were got with: a lane that slept and wakes need not ask for another one.

    They are kept in memory only, and only the newest: losing one costs a call.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[Credentials, tuple[str, float]] = OrderedDict()

    def __repr__(self) -> str:
        return f"KeptTokens({len(self._kept)})"

    def keep(self, credentials: Credentials, token: str, ends_at: float) -> None:
        """Keeps a token that ends at a moment of the clock's time."""
        self._kept[credentials] = token, ends_at
        self._kept.move_to_end(credentials)
        if len(self._kept) > _KEPT_MOST:
            self._kept.popitem(last=False)

    def recall(self, credentials: Credentials) -> tuple[str, float]:
        """The token and when it ends; one that has ended if there is none."""
        return self._kept.get(credentials, ("", 0.0))

    def forget(self, credentials: Credentials, token: str) -> None:
        """It is no good any more."""
        if self._kept.get(credentials, ("", 0.0))[0] == token:
            del self._kept[credentials]


class Tokens:
    """Gives the access token that is valid now.

    Args:
        credentials: What the account was connected with.
        clock: Time.
        refresh: Asks Dropbox for a new access token, given the fields of the form; returns it and its life in seconds.
        kept: What the process knows already; None keeps nothing for others.
    """

    def __init__(
        self,
        credentials: Credentials,
        clock: Clock,
        refresh: Callable[[dict[str, str]], Awaitable[tuple[str, float]]],
        kept: KeptTokens | None = None,
    ) -> None:
        self._credentials = credentials
        self._clock = clock
        self._refresh = refresh
        self._kept = KeptTokens() if kept is None else kept
        given = credentials.access_token
        self._token, self._ends_at = (given, float("inf")) if given else self._kept.recall(credentials)
        self._one = asyncio.Lock()
        self._refusals = 0

    async def get(self) -> str:
        """The token, refreshed if it ends soon.

        Raises:
            ReconnectNeededError: It has run out and cannot be refreshed, or the link was revoked.
            ArchiverError: The token endpoint refused or could not be reached, and the old token has run out.
        """
        if self._clock.time() < self._ends_at - _EARLY_SECONDS:
            return self._token
        refusals = self._refusals
        async with self._one:
            if self._clock.time() >= self._ends_at - _EARLY_SECONDS:  # not refreshed by whoever had the lock before
                if self._refusals != refusals:  # whoever had it was refused for good: asking again would tell the same
                    raise ReconnectNeededError("the link to this account no longer works", hint="Connect this Dropbox again.")
                try:
                    await self._renew()
                except ReconnectNeededError:
                    self._refusals += 1
                    raise
            return self._token

    def ran_out(self, token: str) -> None:
        """Dropbox says that a token has run out; unless it was replaced meanwhile, the next `get` refreshes."""
        if token == self._token:
            self._ends_at = 0.0
            self._kept.forget(self._credentials, token)

    async def _renew(self) -> None:
        known = self._credentials
        if not known.refresh_token:
            raise ReconnectNeededError("the access token has run out and there is no refresh token", hint="Connect this Dropbox again.")
        form = {"grant_type": "refresh_token", "refresh_token": known.refresh_token, "client_id": known.app_key}
        if known.app_secret:
            form["client_secret"] = known.app_secret
        try:
            token, life = await self._refresh(form)
        except (TransientError, UnavailableError):
            if self._clock.time() < self._ends_at:
                return  # the old one is good for some minutes yet; the next call tries again
            raise
        failpoint("token.refreshed")
        # A life shorter than the early refresh would ask for a new token at each call.
        self._token, self._ends_at = token, self._clock.time() + max(life, 2 * _EARLY_SECONDS)
        self._kept.keep(known, self._token, self._ends_at)
