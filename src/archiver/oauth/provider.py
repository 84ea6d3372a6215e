"""In what the providers' OAuth 2 differs, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

__all__ = ["Provider"]


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One provider.

    Attributes:
        title: As people call it, for messages.
        authorize_url: The page where a customer says yes.
        token_url: The endpoint where codes and refresh tokens become access tokens.
        revoke_url: Where a token is given back (RFC 7009); empty if there is no such thing.
        single_use: A refresh token is used once, so only one process at a time may use it.
        revoke_by: ``form``: the refresh token in a form; ``bearer``: an access token in the header, which takes all others with it.
        scopes: What is asked for.
        scope_separator: Between them.
        parameters: What the page wants besides, so that it gives a refresh token.
        client_in: Where the application's name and secret travel.
        client_options: The options of the adapter that name the application, for hints.
        account: What a person connects again: ``this Dropbox``.
        life: Seconds for which an access token holds, if the answer does not tell.
    """

    title: str
    authorize_url: str = ""
    token_url: str
    revoke_url: str = ""
    single_use: bool = False
    revoke_by: Literal["form", "bearer"] = "form"
    scopes: tuple[str, ...] = ()
    scope_separator: str = " "
    parameters: Mapping[str, str] = {}
    client_in: Literal["form", "header"] = "form"
    client_options: str = "client_id and client_secret"
    account: str = "this account"
    life: float = 3600.0

    @property
    def reconnect(self) -> str:
        """What a person can do when a link no longer works."""
        return f"Connect {self.account} again."
