"""Where to, as whom, with what, over which TLS. Shows no secret."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any, Final, Literal, cast

import msgspec

from archiver.errors import ConfigError
from archiver.http.addresses import is_loopback, option_url, option_word
from archiver.oauth import Credentials, Endpoint, Provider, Tokens
from archiver.sources.port import Context

__all__ = ["Login", "login_from"]

Security = Literal["tls", "starttls", "none"]

_TOKEN_URLS: Final = {
    "gmail.com": "https://oauth2.googleapis.com/token",
    "office365.com": "https://login.microsoftonline.com/common/oauth2/v2.0/token",
    "outlook.com": "https://login.microsoftonline.com/common/oauth2/v2.0/token",
}
_PORTS: Final = {"tls": 993, "starttls": 143, "none": 143}


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A mailbox, and how it is opened.

    Attributes:
        host, port: Of the server.
        security: TLS from the beginning, later, or not at all.
        username: Whose mailbox.
        password: Of it; empty with a token.
        token: Gives an access token; None with a password.
        ca_file: Who vouches for the server; empty for those whom this machine believes.
    """

    host: str
    port: int
    security: Security
    username: str
    password: str = ""
    token: Callable[[], Awaitable[str]] | None = None
    ca_file: str = ""

    def __repr__(self) -> str:
        return f"Login({self.host}:{self.port})"

    def tls(self) -> ssl.SSLContext:
        """What the server must prove: its certificate, for this name.

        Raises:
            ConfigError: The certificates cannot be read.
        """
        try:
            return _context(self.ca_file)
        except (OSError, ssl.SSLError):
            raise ConfigError("imap: the certificates of the option 'ca_file' cannot be read") from None

    async def answer(self) -> tuple[str, bytes]:
        """The name of the mechanism, and what it wants to be told (RFC 4616; Google's XOAUTH2)."""
        if self.token is None:
            return "PLAIN", base64.b64encode(b"\0" + self.username.encode() + b"\0" + self.password.encode())
        token = await self.token()
        return "XOAUTH2", base64.b64encode(f"user={self.username}\1auth=Bearer {token}\1\1".encode())


@cache
def _context(ca_file: str) -> ssl.SSLContext:
    """One for all mailboxes: to read the certificates that a machine believes takes 20 ms."""
    return ssl.create_default_context(cafile=ca_file or None)


def login_from(options: Mapping[str, Any], context: Context) -> Login:
    """Makes it from checked options; asks nobody.

    Raises:
        ConfigError: Something is missing, or cannot be; named, but not shown.
    """
    host = option_word("imap", options, "host")
    security = options["security"]
    if not host or "/" in host or security not in _PORTS:
        raise ConfigError("imap: the options 'host' and 'security' must be a name and one of tls, starttls, none")
    if security == "none" and not is_loopback(host):
        raise ConfigError("imap: without TLS only this machine itself is read", hint="Set the option security to tls or starttls.")
    username, password = options["username"].strip(), options.get("password", "")
    if not username or any(not text.isprintable() for text in (username, password)):
        raise ConfigError("imap: the options 'username' and 'password' have signs that they cannot have, or none")
    token = _token(options, context, host)
    if bool(password) == (token is not None):
        raise ConfigError(
            "imap needs the option 'password', or 'refresh_token' with 'client_id'", hint="docs/imap.md tells which server wants what."
        )
    return Login(
        host=host,
        port=options.get("port") or _PORTS[security],
        security=cast("Security", security),
        username=username,
        password=password,
        token=token,
        ca_file=options.get("ca_file", ""),
    )


def _token(options: Mapping[str, Any], context: Context, host: str) -> Callable[[], Awaitable[str]] | None:
    client_id, client_secret, refresh_token = [
        option_word("imap", options, name) for name in ("client_id", "client_secret", "refresh_token")
    ]
    if not refresh_token:
        return None
    known = next((url for name, url in _TOKEN_URLS.items() if host == name or host.endswith(f".{name}")), "")
    url = option_url("imap", "token_url", options["token_url"]) if options.get("token_url") else known
    if not client_id or not url or context.http is None:
        raise ConfigError("imap: a 'refresh_token' needs the options 'client_id' and 'token_url'")
    provider = Provider(title="the mail provider", token_url=url, account="this mailbox")
    endpoint = Endpoint(context.http, context.clock, provider, client_id=client_id, client_secret=client_secret)
    credentials = Credentials(client_id=client_id, client_secret=client_secret, refresh_token=refresh_token)
    tokens = Tokens(provider, credentials, context.clock, endpoint.ask, secrets=context.secrets)

    async def get() -> str:
        return (await tokens.get()).token

    return get
