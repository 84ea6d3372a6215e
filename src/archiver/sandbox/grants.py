"""Authorisations: who may call for which account, as Dropbox's OAuth 2 has it.

An access token lives four hours; a refresh token neither expires nor rotates, but can be revoked, and takes its access tokens with it.
A team's authorisation calls for the member whom ``Dropbox-API-Select-User`` names.
"""

from __future__ import annotations

import base64
import hashlib
import secrets

import msgspec

from archiver.sandbox.refusals import auth_error, bad_input, oauth_error

__all__ = ["ACCESS_TOKEN_SECONDS", "App", "Code", "Grant", "Grants"]

ACCESS_TOKEN_SECONDS = 14_400
CODE_SECONDS = 600


class App(msgspec.Struct, frozen=True):
    """The application that is authorised."""

    key: str
    secret: str

    def __repr__(self) -> str:
        return f"App(key={self.key!r})"


class Grant(msgspec.Struct, kw_only=True, tag="grant"):
    """One authorisation.

    Attributes:
        refresh_token: Its name, too.
        account: Whose; empty for a team's.
        team: Whose members it may call for; empty for an account's.
        secret_needed: The token endpoint wants the application's secret (not for authorisations that were made with PKCE).
        revoked: For good.
        access_tokens: And when each of them ends, in seconds since the epoch.
    """

    refresh_token: str
    account: str = ""
    team: str = ""
    secret_needed: bool = False
    revoked: bool = False
    access_tokens: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"Grant(account={self.account!r}, team={self.team!r}, revoked={self.revoked})"


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """An authorisation code on its way to the token endpoint.

    Attributes:
        account: Who said yes.
        redirect_uri: Must be the same at the token endpoint.
        challenge: Of PKCE; empty without.
        challenge_method: ``S256`` or ``plain``.
        until: When it ends.
    """

    account: str
    redirect_uri: str
    challenge: str
    challenge_method: str
    until: float

    def fits(self, verifier: str) -> bool:
        """Whether the verifier is the one that the challenge was made from (RFC 7636)."""
        if not self.challenge:
            return True
        if self.challenge_method == "plain":
            return secrets.compare_digest(self.challenge, verifier)
        hashed = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        return secrets.compare_digest(self.challenge, hashed)


class Grants:
    """All authorisations.

    Args:
        app: The only application here.
        access_token_seconds: How long an access token lives.
    """

    def __init__(self, app: App, *, access_token_seconds: float = ACCESS_TOKEN_SECONDS) -> None:
        self.app = app
        self.access_token_seconds = access_token_seconds
        self._by_refresh: dict[str, Grant] = {}
        self._by_access: dict[str, Grant] = {}
        self._codes: dict[str, Code] = {}

    def add(self, grant: Grant) -> None:
        """Takes an authorisation, new or from a journal."""
        self._by_refresh[grant.refresh_token] = grant
        self._by_access.update(dict.fromkeys(grant.access_tokens, grant))

    def authorise(self, *, account: str = "", team: str = "", secret_needed: bool = False) -> Grant:
        """Makes a new one."""
        grant = Grant(refresh_token=secrets.token_urlsafe(48), account=account, team=team, secret_needed=secret_needed)
        self.add(grant)
        return grant

    def of(self, *, account: str = "", team: str = "") -> list[Grant]:
        """The authorisations of an account or of a team."""
        return [grant for grant in self._by_refresh.values() if (grant.account, grant.team) == (account, team)]

    def issue(self, grant: Grant, now: float) -> str:
        """A new access token; the older ones live on until they end."""
        token = f"sl.u.{secrets.token_urlsafe(96)}"
        grant.access_tokens = {old: until for old, until in grant.access_tokens.items() if until > now - self.access_token_seconds}
        grant.access_tokens[token] = now + self.access_token_seconds
        self._by_access[token] = grant
        return token

    def authenticate(self, header: str, route: str, now: float) -> tuple[str, Grant]:
        """The token and the authorisation behind an ``Authorization`` header.

        Raises:
            Refusal: 400 without a header of the right form, 401 if the token does not hold.
        """
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise bad_input(route, 'Must provide HTTP header "Authorization" or URL parameter "authorization".')
        grant = self._by_access.get(token)
        if grant is None or grant.revoked:
            raise auth_error("invalid_access_token")
        if grant.access_tokens.get(token, 0) <= now:
            raise auth_error("expired_access_token")
        return token, grant

    def expire(self, grant: Grant) -> None:
        """Its access tokens have ended; the refresh token lives."""
        grant.access_tokens = dict.fromkeys(grant.access_tokens, 0.0)

    def new_code(self, code: Code) -> str:
        """Keeps a code until it is exchanged."""
        name = secrets.token_urlsafe(32)
        self._codes[name] = code
        return name

    def exchange(self, name: str, *, verifier: str, redirect_uri: str, now: float) -> Grant:
        """Turns a code into an authorisation, once.

        Raises:
            Refusal: ``invalid_grant``.
        """
        code = self._codes.pop(name, None)
        if code is None or code.until < now:
            raise oauth_error("invalid_grant", "code doesn't exist or has expired")
        if code.redirect_uri != redirect_uri:
            raise oauth_error("invalid_grant", "redirect_uri mismatch")
        if not code.fits(verifier):
            raise oauth_error("invalid_grant", "invalid code verifier")
        return self.authorise(account=code.account, secret_needed=not code.challenge)

    def refreshable(self, refresh_token: str) -> Grant:
        """The authorisation of a refresh token.

        Raises:
            Refusal: ``invalid_grant``.
        """
        grant = self._by_refresh.get(refresh_token)
        if grant is None or grant.revoked:
            raise oauth_error("invalid_grant", "refresh token is invalid or revoked")
        return grant
