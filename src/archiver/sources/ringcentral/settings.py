"""What a RingCentral source is told: its options, and the record they become."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from archiver.adapter import Option
from archiver.errors import ConfigError
from archiver.http.addresses import is_loopback, option_moment, option_word
from archiver.model import Kind, Millis
from archiver.oauth import Credentials

__all__ = ["OPTIONS", "RingCentralSettings", "credentials_from", "settings_from"]

_PLATFORM = "https://platform.ringcentral.com"

OPTIONS = (
    Option(name="client_id", help="The client id of your application at RingCentral.", main=True),
    Option(name="client_secret", help="Its client secret; not needed with PKCE and a refresh token.", optional=True, secret=True),
    Option(name="jwt", help="The JWT credential of the user whose account is read; or give a refresh token.", optional=True, secret=True),
    Option(name="refresh_token", help="What linking the account gave; used once, its successors are kept.", optional=True, secret=True),
    Option(name="base_url", help="Where the account lives; AT&T and Verizon have their own.", type="url", default=_PLATFORM),
    Option(name="kinds", help=f"What is fetched: {', '.join(Kind)}, with commas between.", default=",".join(Kind)),
    Option(name="since", help="Nothing older than this date, such as 2026-01-31; everything there is by default.", optional=True),
    Option(name="poll_interval", help="Seconds between two looks for what is new.", type="number", default=60.0),
    Option(name="reconcile_hours", help="Hours between two passes over everything, which repair every gap.", type="number", default=24.0),
    Option(name="reconcile_days", help="How far back such a pass goes; the first one goes back to 'since'.", type="number", default=90.0),
    Option(name="retention_days", help="Days for which RingCentral keeps recordings.", type="number", default=90.0),
    Option(name="watch", help="Go on looking for what comes; false looks once and ends.", type="boolean", default=True),
)


class RingCentralSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is fetched from where, and how often.

    Attributes:
        base_url: Without a slash at the end.
        kinds: What is fetched.
        since: Nothing older than this moment; 0 for everything.
        poll_interval: Seconds between two looks.
        reconcile_hours: Between two full passes.
        reconcile_days: How far back they go.
        retention_days: Of recordings.
        watch: False looks once and ends.
    """

    base_url: str
    kinds: frozenset[Kind]
    since: Millis = 0
    poll_interval: float = 60.0
    reconcile_hours: float = 24.0
    reconcile_days: float = 90.0
    retention_days: float = 90.0
    watch: bool = True


def settings_from(options: Mapping[str, Any]) -> RingCentralSettings:
    """The settings.

    Raises:
        ConfigError: An option cannot be.
    """
    names = [name.strip() for name in options["kinds"].split(",") if name.strip()]
    if not names or any(name not in list(Kind) for name in names):
        raise ConfigError("ringcentral: the option 'kinds' names something that is no kind", hint=f"Kinds: {', '.join(Kind)}.")
    for name in ("poll_interval", "reconcile_hours", "reconcile_days", "retention_days"):
        if not 0 < options[name] < 1e6:
            raise ConfigError(f"ringcentral: the option {name!r} must be more than 0")
    return RingCentralSettings(
        base_url=_checked_url(options["base_url"].strip().rstrip("/")),
        kinds=frozenset(Kind(name) for name in names),
        since=option_moment("ringcentral", options, "since"),
        poll_interval=options["poll_interval"],
        reconcile_hours=options["reconcile_hours"],
        reconcile_days=options["reconcile_days"],
        retention_days=options["retention_days"],
        watch=options["watch"],
    )


def credentials_from(options: Mapping[str, Any]) -> Credentials:
    """The credentials.

    Raises:
        ConfigError: There are none, or they cannot be. Never shows one.
    """
    words = {name: _word(options, name) for name in ("client_id", "client_secret", "refresh_token")}
    known = Credentials(assertion=_word(options, "jwt"), **words)
    if bool(known.assertion) == bool(known.refresh_token):
        raise ConfigError(
            "ringcentral needs one of the options 'jwt' and 'refresh_token'",
            hint="Set ARCHIVER_RINGCENTRAL_JWT; docs/ringcentral.md tells how to get one.",
        )
    if known.assertion and not known.client_secret:
        raise ConfigError("ringcentral needs the option 'client_secret' with a JWT", hint="Set ARCHIVER_RINGCENTRAL_CLIENT_SECRET.")
    return known


def _word(options: Mapping[str, Any], name: str) -> str:
    """An option that travels in a header or a form, without the blanks that pasting adds; empty if it was not given."""
    value = option_word("ringcentral", options, name)
    if ":" in value:
        raise ConfigError(f"ringcentral: the option {name!r} has signs that it cannot have", hint="Was it copied whole, and nothing else?")
    return value


def _checked_url(url: str) -> str:
    """Tokens and recordings go over TLS, or stay on this machine."""
    parts = urlsplit(url)
    local = parts.scheme == "http" and is_loopback(parts.hostname or "")
    if not parts.hostname or parts.path or not (parts.scheme == "https" or local):
        raise ConfigError(
            "ringcentral: the option 'base_url' must be https:// and a host", hint="Plain http is for this machine itself only."
        )
    return url
