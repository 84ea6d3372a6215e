"""How a call is authorised: by the account's key, as "Authorize with Shared Key" has it, or by a shared access signature; pure."""

from __future__ import annotations

import base64
import binascii
import email.utils
import hashlib
import hmac
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from archiver.errors import ConfigError

__all__ = ["API_VERSION", "SasToken", "SharedKey", "Signer"]

API_VERSION = "2023-11-03"

_SIGNED = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)


class Signer(Protocol):
    """Authorises calls."""

    def url(self, url: str) -> str:
        """The address that is called."""
        ...

    def sign(self, method: str, url: str, headers: Mapping[str, str], length: int, now: float) -> dict[str, str]:
        """The headers of a call with its authorisation.

        Args:
            method: Of HTTP.
            url: Escaped.
            headers: What else the call says, in lower case.
            length: Of the body.
            now: Seconds since the epoch.
        """
        ...


class SharedKey:
    """The account's own key: it may do everything.

    Args:
        account: The storage account.
        key: As the portal shows it, in base64.

    Raises:
        ConfigError: It is not base64.
    """

    def __init__(self, account: str, key: str) -> None:
        self._account = account
        try:
            self._key = base64.b64decode(key, validate=True)
        except binascii.Error:
            raise ConfigError("azure: the option 'account_key' is not a key", hint="It is base64, and ends with ==.") from None

    def __repr__(self) -> str:
        return f"SharedKey({self._account!r})"

    def url(self, url: str) -> str:
        """As it is."""
        return url

    def sign(self, method: str, url: str, headers: Mapping[str, str], length: int, now: float) -> dict[str, str]:
        """See `Signer`."""
        signed = _dated(headers, now)
        told = {**signed, "content-length": str(length) if length else ""}
        parts = urlsplit(url)
        lines = [method, *(told.get(name, "") for name in _SIGNED)]
        lines += [f"{name}:{signed[name].strip()}" for name in sorted(signed) if name.startswith("x-ms-")]
        resource = [f"/{self._account}{parts.path}"]
        resource += [f"{name.lower()}:{value}" for name, value in sorted(parse_qsl(parts.query, keep_blank_values=True))]
        text = "\n".join([*lines, *resource])
        signature = base64.b64encode(hmac.digest(self._key, text.encode(), hashlib.sha256)).decode()
        signed["authorization"] = f"SharedKey {self._account}:{signature}"
        return signed


class SasToken:
    """A shared access signature: it may do what it says, for as long as it says.

    Args:
        token: The query, with or without its question mark.

    Raises:
        ConfigError: It has no signature.
    """

    def __init__(self, token: str) -> None:
        self._token = token.lstrip("?")
        if not any(name == "sig" and value for name, value in parse_qsl(self._token)):
            raise ConfigError("azure: the option 'sas_token' is not a shared access signature", hint="It has a part that begins with sig=.")

    def __repr__(self) -> str:
        return "SasToken(…)"

    def url(self, url: str) -> str:
        """With the signature in the query."""
        return f"{url}{'&' if '?' in url else '?'}{self._token}"

    def sign(self, method: str, url: str, headers: Mapping[str, str], length: int, now: float) -> dict[str, str]:
        """Nothing more is needed than the date."""
        del method, url, length
        return _dated(headers, now)


def _dated(headers: Mapping[str, str], now: float) -> dict[str, str]:
    return {**headers, "x-ms-date": email.utils.formatdate(now, usegmt=True), "x-ms-version": API_VERSION}
