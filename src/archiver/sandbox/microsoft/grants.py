"""Authorisations as the Microsoft identity platform has them.

An access token lives for about an hour. Each use of a refresh token gives another one; the old one is not revoked, and both live for 90
days (https://learn.microsoft.com/entra/identity-platform/refresh-tokens).
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping

import msgspec

from archiver.sandbox.microsoft.refusals import oauth_refusal, unauthenticated

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "SCOPES", "Grant", "Grants"]

CLIENT_ID = "5a4db0c5-0000-4000-8000-00000000cafe"
CLIENT_SECRET = "sbx8Q~sandbox-client-secret"  # noqa: S105  of an application that exists in the sandbox only
SCOPES = frozenset({"Files.ReadWrite", "User.Read", "offline_access"})
ACCESS_SECONDS = 3600.0
REFRESH_SECONDS = 90 * 86_400.0
_CODE_SECONDS = 600.0


class Grant(msgspec.Struct, kw_only=True):
    """One authorisation of one user.

    Attributes:
        user: Whose.
        scopes: What it permits.
        revoked: For good.
        refresh: Its refresh tokens, and when each of them ends.
        access: Its access tokens, as above.
    """

    user: str
    scopes: frozenset[str]
    revoked: bool = False
    refresh: dict[str, float] = {}
    access: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"Grant(user={self.user!r}, revoked={self.revoked})"


class _Code(msgspec.Struct, frozen=True, kw_only=True):
    user: str
    scopes: frozenset[str]
    redirect_uri: str
    challenge: str
    until: float


class Grants:
    """All authorisations of the one application.

    Args:
        public: It is a desktop application, which has no secret.
    """

    def __init__(self, *, public: bool = False) -> None:
        self.public = public
        self._grants: list[Grant] = []
        self._codes: dict[str, _Code] = {}

    def of(self, user: str) -> list[Grant]:
        """A user's authorisations."""
        return [grant for grant in self._grants if grant.user == user]

    def authorise(self, user: str, scopes: frozenset[str] = SCOPES) -> Grant:
        """Makes one, as a person does who says yes."""
        grant = Grant(user=user, scopes=scopes)
        self._grants.append(grant)
        return grant

    def issue(self, grant: Grant, now: float) -> str:
        """A new access token; older ones live on until they end."""
        token = f"eyJ0eXAiOiJKV1Qi.{secrets.token_urlsafe(96)}"
        grant.access = {old: until for old, until in grant.access.items() if until > now} | {token: now + ACCESS_SECONDS}
        return token

    def renew(self, grant: Grant, now: float) -> str:
        """A new refresh token; older ones live on as well. Empty without the scope for it."""
        if "offline_access" not in grant.scopes:
            return ""
        token = f"0.AX{secrets.token_urlsafe(96)}"
        grant.refresh = {**grant.refresh, token: now + REFRESH_SECONDS}
        return token

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
            raise oauth_refusal("unauthorized_client", "AADSTS700016: Application was not found in the directory.")
        if query.get("code_challenge") and query.get("code_challenge_method") != "S256":
            raise oauth_refusal("invalid_request", "AADSTS501481: code_challenge_method must be S256.")
        name = f"0.AX{secrets.token_urlsafe(64)}"
        self._codes[name] = _Code(
            user=user,
            scopes=frozenset(query.get("scope", "").split()),
            redirect_uri=query.get("redirect_uri", ""),
            challenge=query.get("code_challenge", ""),
            until=now + _CODE_SECONDS,
        )
        return name

    def trade(self, form: Mapping[str, str], now: float) -> dict[str, object]:
        """What the token endpoint gives.

        Raises:
            Refusal: In the form of RFC 6749.
        """
        if form.get("client_id") != CLIENT_ID:
            raise oauth_refusal("unauthorized_client", "AADSTS700016: Application was not found in the directory.", status=401)
        if not self.public and form.get("client_secret") != CLIENT_SECRET:
            raise oauth_refusal("invalid_client", "AADSTS7000215: Invalid client secret provided.", status=401)
        match form.get("grant_type"):
            case "authorization_code":
                grant = self._exchange(form, now)
            case "refresh_token":
                grant = self._refreshable(form.get("refresh_token", ""), now)
            case _:
                raise oauth_refusal("unsupported_grant_type", "AADSTS70003: The grant type is not supported.")
        body: dict[str, object] = {"token_type": "Bearer", "expires_in": int(ACCESS_SECONDS), "ext_expires_in": int(ACCESS_SECONDS)}
        body |= {"scope": " ".join(sorted(grant.scopes - {"offline_access"})), "access_token": self.issue(grant, now)}
        refresh_token = self.renew(grant, now)
        return body | ({"refresh_token": refresh_token} if refresh_token else {})

    def _exchange(self, form: Mapping[str, str], now: float) -> Grant:
        code = self._codes.pop(form.get("code", ""), None)
        if code is None or code.until < now or code.redirect_uri != form.get("redirect_uri", ""):
            raise oauth_refusal("invalid_grant", "AADSTS70008: The provided authorization code is expired or wrong.")
        hashed = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if code.challenge and not secrets.compare_digest(code.challenge, hashed):
            raise oauth_refusal("invalid_grant", "AADSTS501481: The Code_Verifier does not match the code_challenge.")
        return self.authorise(code.user, code.scopes)

    def _refreshable(self, refresh_token: str, now: float) -> Grant:
        for grant in self._grants:
            if not grant.revoked and grant.refresh.get(refresh_token, 0.0) > now:
                return grant
        raise oauth_refusal("invalid_grant", "AADSTS50173: The provided grant has expired due to it being revoked.")
