"""What a Twilio account is told: its options, and the record they become."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
import msgspec

from archiver.adapter import Option
from archiver.errors import ConfigError
from archiver.http.addresses import option_moment, option_url, option_word
from archiver.model import Kind, Millis

__all__ = ["KINDS", "OPTIONS", "Sound", "TwilioSettings", "login_from", "settings_from"]

KINDS: Final = (Kind.CALL_LOG, Kind.RECORDING, Kind.SMS)
"""In the order in which their lists are looked at: calls say who spoke in recordings."""
_SID = re.compile(r"AC[0-9a-f]{32}")
_API = "https://api.twilio.com"

OPTIONS = (
    Option(name="account_sid", help="The SID of the account; it begins with AC.", main=True),
    Option(name="api_key", help="The SID of an API key; without it the secret is the account's auth token.", optional=True),
    Option(name="api_secret", help="The secret of the API key, or the auth token.", secret=True),
    Option(name="kinds", help=f"What is fetched: {', '.join(KINDS)}, with commas between.", default=",".join(KINDS)),
    Option(
        name="subaccounts",
        help="The subaccounts too; so by default with the auth token, since API keys do not open them.",
        type="boolean",
        optional=True,
    ),
    Option(name="format", help="In which form recordings are fetched: wav, as Twilio keeps them, or mp3.", default="wav"),
    Option(name="dual_channel", help="Both sides of a recording apart, where it has them; false mixes them.", type="boolean", default=True),
    Option(name="since", help="Nothing older than this date, such as 2026-01-31; everything there is by default.", optional=True),
    Option(name="poll_interval", help="Seconds between two looks for what is new.", type="number", default=60.0),
    Option(
        name="overlap_minutes", help="Minutes that are looked at again each time, for rows that appear late.", type="number", default=60.0
    ),
    Option(name="reconcile_hours", help="Hours between two passes over everything, which repair every gap.", type="number", default=24.0),
    Option(name="reconcile_days", help="How far back such a pass goes; the first one goes back to 'since'.", type="number", default=90.0),
    Option(name="watch", help="Go on looking for what comes; false looks once and ends.", type="boolean", default=True),
    Option(name="base_url", help="Of the API; other regions have their own.", type="url", default=_API),
)


class Sound(msgspec.Struct, frozen=True, kw_only=True):
    """How recordings are fetched.

    Attributes:
        format: ``wav`` or ``mp3``.
        dual_channel: Both sides apart, where a recording has them.
    """

    format: str = "wav"
    dual_channel: bool = True


class TwilioSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is fetched from where, and how often.

    Attributes:
        account: Its SID.
        base_url: Of the API, without a slash at the end.
        kinds: What is fetched.
        subaccounts: Its subaccounts too.
        has_key: It is opened with an API key, not with the auth token.
        sound: How recordings are fetched.
        since: Nothing older than this moment; 0 for everything.
        poll_interval: Seconds between two looks.
        overlap: Before what is known so much is looked at again.
        reconcile_hours: Between two passes over everything.
        reconcile_days: How far back they go.
        watch: False looks once and ends.
    """

    account: str
    base_url: str = _API
    kinds: frozenset[Kind] = frozenset(KINDS)
    subaccounts: bool = True
    has_key: bool = False
    sound: Sound = Sound()
    since: Millis = 0
    poll_interval: float = 60.0
    overlap: Millis = 3_600_000
    reconcile_hours: float = 24.0
    reconcile_days: float = 90.0
    watch: bool = True


def login_from(options: Mapping[str, Any]) -> str:
    """The header that authorises a call.

    Raises:
        ConfigError: Something is missing, or has signs that it cannot have. Never shows it.
    """
    account, key, secret = (option_word("twilio", options, name) for name in ("account_sid", "api_key", "api_secret"))
    if not secret:
        raise ConfigError("twilio needs the option 'api_secret'", hint="Set ARCHIVER_TWILIO_API_SECRET; see docs/twilio.md.")
    return aiohttp.encode_basic_auth(key or account, secret)


def settings_from(options: Mapping[str, Any]) -> TwilioSettings:
    """The settings.

    Raises:
        ConfigError: An option cannot be; named, but not shown.
    """
    account = option_word("twilio", options, "account_sid")
    if not _SID.fullmatch(account):
        raise ConfigError("twilio: the option 'account_sid' is not the SID of an account", hint="AC and 32 hexadecimal digits.")
    kinds = {name.strip() for name in options["kinds"].split(",")} - {""}
    if not kinds or not kinds <= set(KINDS):
        raise ConfigError("twilio: the option 'kinds' names something else", hint=f"Kinds: {', '.join(KINDS)}.")
    if options["format"] not in {"wav", "mp3"}:
        raise ConfigError("twilio: the option 'format' must be wav or mp3")
    for name in ("poll_interval", "overlap_minutes", "reconcile_hours", "reconcile_days"):
        if not 0 < options[name] < 1e6:
            raise ConfigError(f"twilio: the option {name!r} must be more than 0")
    has_key = bool(option_word("twilio", options, "api_key"))
    return TwilioSettings(
        account=account,
        base_url=option_url("twilio", "base_url", options["base_url"]),
        kinds=frozenset(Kind(name) for name in kinds),
        subaccounts=options.get("subaccounts", not has_key),
        has_key=has_key,
        sound=Sound(format=options["format"], dual_channel=options["dual_channel"]),
        since=option_moment("twilio", options, "since"),
        poll_interval=options["poll_interval"],
        overlap=round(options["overlap_minutes"] * 60_000),
        reconcile_hours=options["reconcile_hours"],
        reconcile_days=options["reconcile_days"],
        watch=options["watch"],
    )
