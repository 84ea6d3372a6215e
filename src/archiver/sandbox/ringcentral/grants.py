"""OAuth as RingCentral has it: JWT, authorisation codes with PKCE, and refresh tokens that are used once.

A refresh token lives seven days. Used, it makes the access token before it invalid at once, and dies itself: ten seconds after the new
access token is first used, or after an hour if that never is. So whoever loses the answer of a refresh may ask again.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any

import msgspec

from archiver.sandbox.ringcentral.refusals import oauth_refusal, token_refused

__all__ = ["ACCESS_SECONDS", "Grants", "Login", "Token"]

ACCESS_SECONDS = 3600.0
REFRESH_SECONDS = 604_799.0
GRACE_SECONDS = 10.0
UNUSED_SECONDS = 3600.0
CODE_SECONDS = 60.0
MOST_SESSIONS = 5
SCOPE = "ReadAccounts ReadCallLog ReadCallRecording ReadMessages"


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """What a client needs to connect.

    Attributes:
        client_id: The application's.
        client_secret: The application's; empty for one that uses PKCE.
        jwt: The user's credential; does not expire here.
        refresh_token: Another session's, to begin with.
        owner_id: The user's extension.
    """

    client_id: str
    client_secret: str
    jwt: str
    refresh_token: str
    owner_id: str

    def __repr__(self) -> str:
        return f"Login(client_id={self.client_id!r}, owner_id={self.owner_id!r})"


class Token(msgspec.Struct, kw_only=True):
    """One access token with its refresh token.

    Attributes:
        access: Text.
        refresh: Text.
        user: The extension's id.
        client_id: The application.
        ends_at: Of the access token.
        refresh_ends_at: Of the refresh token.
        issued_at: When.
        first_used_at: When the access token was first used.
        successor: What its refresh token was traded for.
        dead: It was revoked, or fell out of the user's sessions.
    """

    access: str
    refresh: str
    user: int
    client_id: str
    ends_at: float
    refresh_ends_at: float
    issued_at: float
    first_used_at: float | None = None
    successor: Token | None = None
    dead: bool = False

    def __repr__(self) -> str:
        return f"Token(user={self.user})"

    def refreshable(self, now: float) -> bool:
        """Whether its refresh token may be used now."""
        if self.dead or now >= self.refresh_ends_at:
            return False
        if self.successor is None:
            return True
        used = self.successor.first_used_at
        return now < (self.successor.issued_at + UNUSED_SECONDS if used is None else used + GRACE_SECONDS)


class _Code(msgspec.Struct, frozen=True, kw_only=True):
    user: int
    redirect_uri: str
    challenge: str
    until: float


class Grants:
    """Users' JWTs, codes and tokens for one application.

    Args:
        access_seconds: How long an access token lives.
    """

    def __init__(self, access_seconds: float = ACCESS_SECONDS) -> None:
        self.client_id = secrets.token_urlsafe(16)
        self.client_secret = secrets.token_urlsafe(24)
        self.access_seconds = access_seconds
        self.refreshes = 0
        self._jwts: dict[str, int] = {}
        self._revoked: dict[str, int] = {}
        self._codes: dict[str, _Code] = {}
        self._by_access: dict[str, Token] = {}
        self._by_refresh: dict[str, Token] = {}

    def login(self, user: int, now: float) -> Login:
        """Credentials of a user, of either sort."""
        claims = {"sub": str(user), "iss": "https://platform.ringcentral.com", "jti": secrets.token_hex(8)}
        parts = [{"alg": "RS256", "typ": "JWT"}, claims]
        jwt = ".".join([*(_text(msgspec.json.encode(part)) for part in parts), secrets.token_urlsafe(32)])
        self._jwts[jwt] = user
        refresh = self._issue(user, now).refresh
        return Login(client_id=self.client_id, client_secret=self.client_secret, jwt=jwt, refresh_token=refresh, owner_id=str(user))

    def authorise(self, user: int, *, redirect_uri: str, challenge: str, now: float) -> str:
        """A code, once the user has said yes."""
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Code(user=user, redirect_uri=redirect_uri, challenge=challenge, until=now + CODE_SECONDS)
        return code

    def trade(self, form: dict[str, str], client_id: str, client_secret: str, now: float) -> dict[str, Any]:
        """The answer of the token endpoint.

        Raises:
            Refusal: In the form of RFC 6749.
        """
        if client_id != self.client_id or client_secret not in {"", self.client_secret}:
            raise oauth_refusal("invalid_client", "Invalid client credentials", "OAU-153", 401)
        match form.get("grant_type", ""):
            case "refresh_token":
                token = self._refresh(form.get("refresh_token", ""), now)
            case "urn:ietf:params:oauth:grant-type:jwt-bearer":
                if not client_secret:
                    raise oauth_refusal("invalid_client", "Client secret is missing", "OAU-153", 401)
                user = self._jwts.get(form.get("assertion", ""))
                if user is None:
                    raise oauth_refusal("invalid_grant", "Invalid JWT", "OAU-251")
                token = self._issue(user, now)
            case "authorization_code":
                token = self._exchange(form, client_secret, now)
            case _:
                raise oauth_refusal("unsupported_grant_type", "Unsupported grant type", "OAU-250")
        return {
            "access_token": token.access,
            "token_type": "bearer",
            "expires_in": int(self.access_seconds),
            "refresh_token": token.refresh,
            "refresh_token_expires_in": int(REFRESH_SECONDS),
            "scope": SCOPE,
            "owner_id": str(token.user),
            "endpoint_id": secrets.token_urlsafe(16),
        }

    def authenticate(self, header: str, now: float) -> Token:
        """The token behind an ``Authorization`` header.

        Raises:
            Refusal: 401.
        """
        scheme, _, text = header.partition(" ")
        token = self._by_access.get(text) if scheme.lower() == "bearer" else None
        if token is None or token.dead or token.successor is not None:
            raise token_refused("OAU-213", "Token not found")
        if now >= token.ends_at:
            raise token_refused("OAU-232", "Token is expired")
        if token.first_used_at is None:
            token.first_used_at = now
        return token

    def secrets(self) -> list[str]:
        """Everything that was given out and may be seen by nobody: for those who look for leaks."""
        return [self.client_secret, *self._jwts, *self._by_access, *self._by_refresh]

    def expire(self) -> None:
        """Every access token ends now; refresh tokens live."""
        for token in self._by_access.values():
            token.ends_at = 0.0

    def revoke(self) -> None:
        """Everything ends for good: the password was changed, or an administrator said so."""
        self._revoked |= self._jwts
        self._jwts.clear()
        for token in self._by_access.values():
            token.dead = True

    def restore(self) -> None:
        """JWTs that were revoked hold again: somebody has permitted the application anew."""
        self._jwts |= self._revoked
        self._revoked.clear()

    def _refresh(self, text: str, now: float) -> Token:
        token = self._by_refresh.get(text)
        if token is None or not token.refreshable(now):
            raise oauth_refusal("invalid_grant", "Token not found", "OAU-210")
        if token.successor is not None:
            token.successor.dead = True
        self.refreshes += 1
        token.successor = self._issue(token.user, now)
        return token.successor

    def _exchange(self, form: dict[str, str], client_secret: str, now: float) -> Token:
        code = self._codes.pop(form.get("code", ""), None)
        if code is None or now >= code.until or code.redirect_uri != form.get("redirect_uri", ""):
            raise oauth_refusal("invalid_grant", "Invalid authorization code", "OAU-211")
        hashed = _text(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if code.challenge != hashed if code.challenge else not client_secret:
            raise oauth_refusal("invalid_grant", "Code verifier or client secret does not fit", "OAU-211")
        return self._issue(code.user, now)

    def _issue(self, user: int, now: float) -> Token:
        token = Token(
            access=secrets.token_urlsafe(48),
            refresh=secrets.token_urlsafe(48),
            user=user,
            client_id=self.client_id,
            ends_at=now + self.access_seconds,
            refresh_ends_at=now + REFRESH_SECONDS,
            issued_at=now,
        )
        self._by_access[token.access] = self._by_refresh[token.refresh] = token
        alive = [old for old in self._by_access.values() if old.user == user and not old.dead and old.successor is None]
        for old in alive[:-MOST_SESSIONS]:
            old.dead = True
        return token


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
