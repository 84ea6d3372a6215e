"""How an account is linked: the address of the page where a customer says yes, and the form that turns its code into tokens.

PKCE (RFC 7636) is used always: a code that somebody else catches is worth nothing without the verifier, which never leaves this side.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from urllib.parse import urlencode

import msgspec

from archiver.oauth.provider import Provider

__all__ = ["Pkce", "authorize_url", "code_form", "new_pkce", "new_state"]


class Pkce(msgspec.Struct, frozen=True):
    """A proof for one linking.

    Attributes:
        verifier: The secret of this side, until the code is exchanged.
        challenge: Its hash, which the page is given.
    """

    verifier: str
    challenge: str

    def __repr__(self) -> str:
        return "Pkce(…)"


def new_pkce() -> Pkce:
    """A fresh one, of 256 random bits."""
    verifier = secrets.token_urlsafe(32)
    return Pkce(verifier, base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode())


def new_state() -> str:
    """What binds the answer of the page to the browser that asked (RFC 6749, 10.12)."""
    return secrets.token_urlsafe(32)


def authorize_url(provider: Provider, *, client_id: str, redirect_uri: str, state: str, challenge: str) -> str:
    """The address of the page where a customer says yes."""
    fields = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **({"scope": provider.scope_separator.join(provider.scopes)} if provider.scopes else {}),
        **provider.parameters,
    }
    return f"{provider.authorize_url}?{urlencode(fields)}"


def code_form(code: str, *, redirect_uri: str, verifier: str) -> dict[str, str]:
    """The fields that turn the page's code into tokens; see `archiver.oauth.endpoint.Endpoint`."""
    return {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
