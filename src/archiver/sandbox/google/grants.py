"""Authorisations as Google's OAuth 2 has them.

An access token lives an hour. A refresh token does not rotate; it dies when it is revoked, and after seven days while the application's
consent screen is in testing. A person may say yes to some of the scopes only.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping

import msgspec

from archiver.sandbox.google.refusals import oauth_refusal, refusal, unauthenticated

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "SCOPE", "Grant", "Grants"]

CLIENT_ID = "1234567890-sandbox.apps.googleusercontent.com"
CLIENT_SECRET = "GOCSPX-sandbox-client-secret"  # noqa: S105  of an application that exists in the sandbox only
SCOPE = "https://www.googleapis.com/auth/drive.file"
_DRIVE_SCOPES = {SCOPE, "https://www.googleapis.com/auth/drive"}
ACCESS_SECONDS = 3599.0
TESTING_SECONDS = 7 * 86_400.0
_CODE_SECONDS = 600.0


class Grant(msgspec.Struct, kw_only=True):
    """One authorisation of one user.

    Attributes:
        user: Whose.
        scopes: What it permits.
        refresh_token: Its name, too; empty if none was asked for.
        ends_at: When the refresh token dies.
        revoked: For good.
        access: Its access tokens, and when each of them ends.
    """

    user: str
    scopes: frozenset[str]
    refresh_token: str = ""
    ends_at: float = float("inf")
    revoked: bool = False
    access: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"Grant(user={self.user!r}, revoked={self.revoked})"


class _Code(msgspec.Struct, frozen=True, kw_only=True):
    user: str
    scopes: frozenset[str]
    redirect_uri: str
    challenge: str
    offline: bool
    until: float


class Grants:
    """All authorisations of the one application.

    Args:
        testing: Its consent screen is in testing: refresh tokens live a week.
        access_seconds: How long an access token lives.
    """

    def __init__(self, *, testing: bool = False, access_seconds: float = ACCESS_SECONDS) -> None:
        self.testing = testing
        self.access_seconds = access_seconds
        self._grants: list[Grant] = []
        self._codes: dict[str, _Code] = {}

    def of(self, user: str) -> list[Grant]:
        """A user's authorisations."""
        return [grant for grant in self._grants if grant.user == user]

    def authorise(self, user: str, now: float, *, scopes: frozenset[str] = frozenset({SCOPE}), offline: bool = True) -> Grant:
        """Makes one, as a person does who says yes."""
        grant = Grant(user=user, scopes=scopes)
        if offline:
            grant.refresh_token = f"1//0{secrets.token_urlsafe(64)}"
            grant.ends_at = now + TESTING_SECONDS if self.testing else float("inf")
        self._grants.append(grant)
        return grant

    def issue(self, grant: Grant, now: float) -> str:
        """A new access token; older ones live on until they end."""
        token = f"ya29.a0{secrets.token_urlsafe(96)}"
        grant.access = {old: until for old, until in grant.access.items() if until > now} | {token: now + self.access_seconds}
        return token

    def authenticate(self, header: str, now: float) -> tuple[str, Grant]:
        """The token and the authorisation behind an ``Authorization`` header.

        Raises:
            Refusal: 401 if the token does not hold (ended or revoked, Google does not tell which), 403 without a scope for Drive.
        """
        scheme, _, token = header.partition(" ")
        if scheme.lower() == "bearer" and token:
            for grant in self._grants:
                if not grant.revoked and grant.access.get(token, 0.0) > now:
                    if not grant.scopes & _DRIVE_SCOPES:
                        raise refusal(403, "insufficientPermissions", "Request had insufficient authentication scopes.")
                    return token, grant
        raise unauthenticated()

    def code(self, query: Mapping[str, str], user: str, now: float) -> str:
        """The page's yes: a code. ``granted`` says which scopes the person left ticked.

        Raises:
            Refusal: The parameters are wrong.
        """
        if query.get("client_id") != CLIENT_ID or query.get("response_type") != "code":
            raise oauth_refusal("invalid_client", "The OAuth client was not found.", status=401)
        if query.get("code_challenge") and query.get("code_challenge_method") != "S256":
            raise oauth_refusal("invalid_request", "code_challenge_method must be S256")
        name = f"4/0A{secrets.token_urlsafe(48)}"
        self._codes[name] = _Code(
            user=user,
            scopes=frozenset(query.get("granted", query.get("scope", "")).split()),
            redirect_uri=query.get("redirect_uri", ""),
            challenge=query.get("code_challenge", ""),
            offline=query.get("access_type") == "offline",
            until=now + _CODE_SECONDS,
        )
        return name

    def trade(self, form: Mapping[str, str], now: float) -> dict[str, object]:
        """What the token endpoint gives.

        Raises:
            Refusal: In the form of RFC 6749.
        """
        if form.get("client_id") != CLIENT_ID:
            raise oauth_refusal("invalid_client", "The OAuth client was not found.", status=401)
        if form.get("client_secret") != CLIENT_SECRET:  # wanted with PKCE too
            raise oauth_refusal("invalid_client", "Unauthorized", status=401)
        match form.get("grant_type"):
            case "authorization_code":
                grant = self._exchange(form, now)
                first = {"refresh_token": grant.refresh_token} if grant.refresh_token else {}
            case "refresh_token":
                grant, first = self._refreshable(form.get("refresh_token", ""), now), {}
            case _:
                raise oauth_refusal("unsupported_grant_type", "Invalid grant_type")
        body = {"access_token": self.issue(grant, now), "expires_in": int(self.access_seconds), "token_type": "Bearer"}
        return body | first | {"scope": " ".join(sorted(grant.scopes))}

    def revoke(self, token: str) -> bool:
        """Ends the authorisation that a token of either kind belongs to; False if there is none."""
        for grant in self._grants:
            if not grant.revoked and (token == grant.refresh_token or token in grant.access):
                grant.revoked = True
                return True
        return False

    def expire(self, user: str) -> None:
        """A user's access tokens end now."""
        for grant in self.of(user):
            grant.access = dict.fromkeys(grant.access, 0.0)

    def _exchange(self, form: Mapping[str, str], now: float) -> Grant:
        code = self._codes.pop(form.get("code", ""), None)
        if code is None or code.until < now:
            raise oauth_refusal("invalid_grant", "Malformed auth code.")
        if code.redirect_uri != form.get("redirect_uri", ""):
            raise oauth_refusal("redirect_uri_mismatch", "Bad Request")
        hashed = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if code.challenge and not secrets.compare_digest(code.challenge, hashed):
            raise oauth_refusal("invalid_grant", "Invalid code verifier.")
        return self.authorise(code.user, now, scopes=code.scopes, offline=code.offline)

    def _refreshable(self, refresh_token: str, now: float) -> Grant:
        for grant in self._grants:
            if refresh_token and refresh_token == grant.refresh_token and not grant.revoked and grant.ends_at > now:
                return grant
        raise oauth_refusal("invalid_grant", "Token has been expired or revoked.")
