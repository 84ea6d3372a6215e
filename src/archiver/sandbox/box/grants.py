"""Authorisations as Box has them: an access token lives for an hour, a refresh token for sixty days, and it works once.

https://developer.box.com/guides/authentication/tokens/refresh: the answer has another refresh token, and the old one is void.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import msgspec

from archiver.sandbox.box.refusals import oauth_refusal, unauthenticated

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "Grant", "Grants"]

CLIENT_ID = "sandboxboxclientid00000000000000"
CLIENT_SECRET = "sandboxboxclientsecret0000000000"  # noqa: S105  of an application that exists in the sandbox only
_ACCESS_SECONDS = 3600.0
_REFRESH_SECONDS = 60 * 86_400.0
_CODE_SECONDS = 30.0


class Grant(msgspec.Struct, kw_only=True):
    """One authorisation of one user.

    Attributes:
        user: Whose.
        revoked: For good.
        refresh: The refresh token that works.
        refresh_until: When it ends.
        access: Its access tokens, and when each of them ends.
    """

    user: str
    revoked: bool = False
    refresh: str = ""
    refresh_until: float = 0.0
    access: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"Grant(user={self.user!r}, revoked={self.revoked})"


class Grants:
    """All authorisations of the one application."""

    def __init__(self) -> None:
        self._grants: list[Grant] = []
        self._codes: dict[str, tuple[str, str, float]] = {}

    def of(self, user: str) -> list[Grant]:
        """A user's authorisations."""
        return [grant for grant in self._grants if grant.user == user]

    def authorise(self, user: str, now: float) -> Grant:
        """Makes one, as a person does who says yes."""
        grant = Grant(user=user)
        self._grants.append(grant)
        self._renew(grant, now)
        return grant

    def authenticate(self, header: str, now: float) -> tuple[str, Grant]:
        """The token and the authorisation behind an ``Authorization`` header.

        Raises:
            Refusal: The token does not hold.
        """
        scheme, _, token = header.partition(" ")
        if scheme.lower() == "bearer" and token:
            for grant in self._grants:
                if not grant.revoked and grant.access.get(token, 0.0) > now:
                    return token, grant
        raise unauthenticated()

    def expire(self, user: str) -> None:
        """A user's access tokens end now."""
        for grant in self.of(user):
            grant.access = dict.fromkeys(grant.access, 0.0)

    def code(self, query: Mapping[str, str], user: str, now: float) -> str:
        """The page's yes: a code.

        Raises:
            Refusal: The parameters are wrong.
        """
        if query.get("client_id") != CLIENT_ID or query.get("response_type") != "code":
            raise oauth_refusal("invalid_client", "The client credentials are invalid")
        code = secrets.token_urlsafe(24)
        self._codes[code] = user, query.get("redirect_uri", ""), now + _CODE_SECONDS
        return code

    def trade(self, form: Mapping[str, str], now: float) -> dict[str, object]:
        """What the token endpoint gives.

        Raises:
            Refusal: In the form of RFC 6749.
        """
        _check_client(form)
        match form.get("grant_type"):
            case "authorization_code":
                user, redirect_uri, until = self._codes.pop(form.get("code", ""), ("", "", 0.0))
                if until < now or redirect_uri not in {"", form.get("redirect_uri", "")}:
                    raise oauth_refusal("invalid_grant", "The authorization code has expired")
                grant = self.authorise(user, now)
                token = next(iter(grant.access))
            case "refresh_token":
                grant = self._refreshable(form.get("refresh_token", ""), now)
                token = self._renew(grant, now)
            case _:
                raise oauth_refusal("unsupported_grant_type", "Unsupported grant type")
        told = {"access_token": token, "expires_in": int(_ACCESS_SECONDS), "restricted_to": [], "token_type": "bearer"}
        return told | {"refresh_token": grant.refresh}

    def give_back(self, form: Mapping[str, str]) -> None:
        """What the revocation endpoint does: an access token or a refresh token takes the whole authorisation with it.

        Raises:
            Refusal: In the form of RFC 6749.
        """
        _check_client(form)
        token = form.get("token", "")
        found = [grant for grant in self._grants if not grant.revoked and token and (grant.refresh == token or token in grant.access)]
        if not found:
            raise oauth_refusal("invalid_token", "The token provided is invalid.")
        for grant in found:
            grant.revoked = True

    def _renew(self, grant: Grant, now: float) -> str:
        token = secrets.token_urlsafe(48)
        grant.access = {old: until for old, until in grant.access.items() if until > now} | {token: now + _ACCESS_SECONDS}
        grant.refresh, grant.refresh_until = secrets.token_urlsafe(48), now + _REFRESH_SECONDS
        return token

    def _refreshable(self, refresh_token: str, now: float) -> Grant:
        for grant in self._grants:
            if not grant.revoked and grant.refresh == refresh_token and grant.refresh_until > now:
                return grant
        raise oauth_refusal("invalid_grant", "Refresh token has expired")


def _check_client(form: Mapping[str, str]) -> None:
    if form.get("client_id") != CLIENT_ID or form.get("client_secret") != CLIENT_SECRET:
        raise oauth_refusal("invalid_client", "The client credentials are invalid", status=401)
