"""Addresses, words and dates that come from options: tokens and recordings go over TLS, or stay on this machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from archiver.errors import ConfigError

__all__ = ["is_loopback", "option_moment", "option_url", "option_word"]


def option_url(adapter: str, name: str, url: str) -> str:
    """An option that is an address, without blanks around it and slashes at its end.

    Raises:
        ConfigError: It is not https, and not http on this machine itself.
    """
    url = url.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise ConfigError(f"{adapter}: the option {name!r} is not an address", hint="It begins with https://.") from None
    if host and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
        return url
    raise ConfigError(f"{adapter}: the option {name!r} must begin with https://", hint="Plain http is for this machine itself only.")


def option_word(adapter: str, options: Mapping[str, Any], name: str) -> str:
    """An option that travels in a header or a form: without the blanks that pasting adds; empty if it was not given.

    Raises:
        ConfigError: It has signs that would spoil a header. Never shows it.
    """
    value: str = options.get(name, "").strip()
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigError(f"{adapter}: the option {name!r} has signs that it cannot have", hint="Was it copied whole, and nothing else?")
    return value


def option_moment(adapter: str, options: Mapping[str, Any], name: str) -> int:
    """An option that is a date, as milliseconds since the epoch; in UTC if it has no zone, 0 if it was not given.

    Raises:
        ConfigError: It is none.
    """
    text: str = options.get(name, "").strip()
    if not text:
        return 0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{adapter}: the option {name!r} is no date", hint="Such as 2026-01-31.") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, by its name or its number."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
