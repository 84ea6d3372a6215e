"""Service accounts, and the access tokens that they get: a signed statement (RFC 7523) is exchanged for each."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import aiohttp
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from archiver.destinations.port import CallKind, Context
from archiver.errors import ConfigError
from archiver.http.addresses import option_url
from archiver.http.replies import NETWORK_ERRORS, beginning, network_error, retry_after
from archiver.oauth import Answer, Credentials, KeptTokens, Provider, Tokens, answer_of

__all__ = ["ServiceAccount", "tokens_of"]

_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
_LIFE_SECONDS = 3600
_LIMITS = aiohttp.ClientTimeout(total=120.0, sock_connect=30.0, sock_read=60.0)
_HINT = "It is the whole JSON file that Google made, and begins with a brace."


class _KeyFile(msgspec.Struct, frozen=True):
    client_email: str
    private_key: str
    private_key_id: str
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105  an address, not a password


class ServiceAccount:
    """The key of a service account; never shown.

    Args:
        text: The JSON file that Google made.

    Raises:
        ConfigError: It is not one.
    """

    def __init__(self, text: str) -> None:
        try:
            read = msgspec.json.decode(text, type=_KeyFile)
            key = load_pem_private_key(read.private_key.encode(), None)
        except (msgspec.DecodeError, ValueError, TypeError, UnsupportedAlgorithm):
            raise ConfigError("gcs: the option 'service_account' is not the key of a service account", hint=_HINT) from None
        if not isinstance(key, RSAPrivateKey):
            raise ConfigError("gcs: the option 'service_account' has a key that is not RSA", hint=_HINT)
        self.email = read.client_email
        self.key_id = read.private_key_id
        self.token_url = option_url("gcs", "service_account", read.token_uri)
        self._key = key

    def __repr__(self) -> str:
        return f"ServiceAccount({self.email!r})"

    def assertion(self, now: float) -> str:
        """A statement that holds for an hour from a moment, in seconds since the epoch."""
        claims = {"iss": self.email, "scope": _SCOPE, "aud": self.token_url, "iat": int(now), "exp": int(now) + _LIFE_SECONDS}
        parts = ({"alg": "RS256", "typ": "JWT", "kid": self.key_id}, claims)
        signed = b".".join(_plain(msgspec.json.encode(part)) for part in parts)
        return (signed + b"." + _plain(self._key.sign(signed, PKCS1v15(), SHA256()))).decode()


def tokens_of(account: ServiceAccount, context: Context, http: aiohttp.ClientSession, kept: KeptTokens) -> Tokens:
    """The access tokens of a service account; asking for one is a call of the lane."""
    provider = Provider(title="Google", token_url=account.token_url, client_options="the option service_account", account="this bucket")

    async def ask(form: Mapping[str, str]) -> Answer:
        fields = {**form, "assertion": account.assertion(context.clock.wall())}
        async with context.pace.call(CallKind.LOOK):
            try:
                async with http.post(account.token_url, data=fields, timeout=_LIMITS, allow_redirects=False) as response:
                    status, header, body = response.status, response.headers.get("Retry-After", ""), await beginning(response)
            except NETWORK_ERRORS as error:
                raise network_error(error, "Google", "the token endpoint", "the option service_account") from None
            return answer_of(provider, status, body, retry_after(header, context.clock.wall()))

    # What is known by its name here is signed anew for each token.
    return Tokens(provider, Credentials(assertion=f"{account.email} {account.key_id}"), context.clock, ask, kept=kept)


def _plain(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
