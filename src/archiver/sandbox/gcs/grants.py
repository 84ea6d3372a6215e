"""Service accounts, and the tokens that they get for a signed statement (https://developers.google.com/identity/protocols/oauth2/service-account)."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from archiver.sandbox.google.refusals import oauth_refusal, unauthenticated

__all__ = ["LIFE_SECONDS", "Accounts", "ServiceKey"]

LIFE_SECONDS = 3600.0

_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_SCOPES = {
    "https://www.googleapis.com/auth/devstorage.read_write",
    "https://www.googleapis.com/auth/devstorage.full_control",
    "https://www.googleapis.com/auth/cloud-platform",
}


class ServiceKey(msgspec.Struct, frozen=True):
    """A service account's key, as Google hands it out.

    Attributes:
        email: Its name.
        json: The file.
    """

    email: str
    json: str

    def __repr__(self) -> str:
        return f"ServiceKey({self.email!r})"


class Accounts:
    """Who may call."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str], RSAPublicKey] = {}
        self._tokens: dict[str, tuple[str, float]] = {}

    def add(self, name: str, token_url: str) -> ServiceKey:
        """Makes a service account with one key."""
        email, key_id = f"{name}@sandbox.iam.gserviceaccount.com", secrets.token_hex(20)
        key = generate_private_key(65537, 2048)
        self._keys[email, key_id] = key.public_key()
        file = {
            "type": "service_account",
            "project_id": "sandbox",
            "private_key_id": key_id,
            "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
            "client_email": email,
            "client_id": "100000000000000000000",
            "token_uri": token_url,
        }
        return ServiceKey(email, json.dumps(file))

    def remove(self, email: str) -> None:
        """Takes away an account's keys; its tokens live on until they end."""
        self._keys = {name: key for name, key in self._keys.items() if name[0] != email}

    def expire_tokens(self) -> None:
        """Lets every token end now."""
        self._tokens.clear()

    def trade(self, form: Mapping[str, str], audience: str, now: float) -> dict[str, Any]:
        """A token for a statement.

        Raises:
            Refusal: It is not signed, not by a known key, for somebody else, or too old.
        """
        if form.get("grant_type") != _JWT:
            raise oauth_refusal("unsupported_grant_type", "Invalid grant_type")
        claims = self._claims(form.get("assertion", ""))
        if claims.get("aud") != audience or not _SCOPES & set(str(claims.get("scope", "")).split()):
            raise oauth_refusal("invalid_scope", "Invalid OAuth scope or audience.")
        begins, ends = float(claims.get("iat", 0)), float(claims.get("exp", 0))
        if not begins - 60 <= now < ends or ends - begins > LIFE_SECONDS:
            raise oauth_refusal("invalid_grant", "Invalid JWT: Token must be a short-lived token and in a reasonable timeframe.")
        token = f"ya29.c.{secrets.token_urlsafe(48)}"
        self._tokens[token] = str(claims["iss"]), now + LIFE_SECONDS
        return {"access_token": token, "expires_in": int(LIFE_SECONDS) - 1, "token_type": "Bearer"}

    def authenticate(self, header: str, now: float) -> str:
        """Whose token it is.

        Raises:
            Refusal: It does not hold.
        """
        email, ends = self._tokens.get(header.removeprefix("Bearer "), ("", 0.0))
        if not email or now >= ends:
            raise unauthenticated()
        return email

    def _claims(self, assertion: str) -> dict[str, Any]:
        try:
            head, body, signature = assertion.split(".")
            claims: dict[str, Any] = json.loads(_decoded(body))
            key = self._keys[str(claims["iss"]), str(json.loads(_decoded(head))["kid"])]
            key.verify(_decoded(signature), f"{head}.{body}".encode(), PKCS1v15(), SHA256())
        except (ValueError, KeyError, binascii.Error, InvalidSignature):
            raise oauth_refusal("invalid_grant", "Invalid JWT Signature.") from None
        return claims


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
