"""What a bucket is told: its options, and the record they become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from archiver.adapter import Option
from archiver.errors import ConfigError
from archiver.http.addresses import option_word
from archiver.model import Kind
from archiver.s3.addresses import bucket_url
from archiver.s3.signing import Keys
from archiver.sources.files.kinds import KINDS, option_kinds

__all__ = ["OPTIONS", "S3Settings", "keys_from", "settings_from"]


class S3Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a bucket.

    Attributes:
        url: Of the bucket, without a slash at the end.
        region: Where it is.
        prefix: Only keys that begin with this; with its slash at the end, or empty.
        kinds: Extensions and what such objects are.
        patterns: Patterns over the key behind the prefix, and what such objects are; the first that fits counts, before any extension.
        poll_interval: Seconds between two looks for new keys.
        reconcile_seconds: At the latest after so long everything is listed again.
        watch: False looks once and ends.
    """

    url: str
    region: str
    prefix: str = ""
    kinds: Mapping[str, Kind] = KINDS
    patterns: Sequence[tuple[str, Kind]] = ()
    poll_interval: float = 30.0
    reconcile_seconds: float = 86_400.0
    watch: bool = True


OPTIONS = (
    Option(name="bucket", help="The bucket.", main=True),
    Option(name="prefix", help="Only what is below this, such as calls/acme.", default=""),
    Option(name="access_key", help="The id of the access key; reading and listing is enough."),
    Option(name="secret_key", help="The access key itself.", secret=True),
    Option(name="session_token", help="Of temporary keys; they end within hours.", optional=True, secret=True),
    Option(name="region", help="Where the bucket is.", default="us-east-1"),
    Option(name="endpoint", help="Of a store other than Amazon's: https, or this machine itself.", type="url", optional=True),
    Option(name="addressing", help="Where the bucket's name stands: virtual (in the host), path, or auto.", default="auto"),
    Option(name="kinds", help="More extensions and what such objects are, such as '.amr=recording,.html=sms'.", optional=True),
    Option(name="patterns", help="What keys behind the prefix mean, before extensions: 'voicemail/*=voicemail,fax/*=fax'.", optional=True),
    Option(name="poll_interval", help="Seconds between two looks for new objects.", type="number", default=30.0),
    Option(name="reconcile_hours", help="After so many hours at the latest everything is listed again.", type="number", default=24.0),
    Option(name="watch", help="Go on with what comes; otherwise look once and end.", type="boolean", default=True),
)


def keys_from(options: Mapping[str, Any]) -> Keys:
    """The keys of the bucket.

    Raises:
        ConfigError: One is missing, or has signs that it cannot have.
    """
    words = [option_word("s3", options, name) for name in ("access_key", "secret_key", "session_token")]
    if not words[0] or not words[1]:
        raise ConfigError("s3 needs the options 'access_key' and 'secret_key'", hint="docs/s3-source.md tells what they must be allowed.")
    return Keys(*words)


def settings_from(options: Mapping[str, Any]) -> S3Settings:
    """Makes the record from checked options.

    Raises:
        ConfigError: A value cannot be; named, but not shown.
    """
    region = option_word("s3", options, "region")
    if options["poll_interval"] <= 0 or options["reconcile_hours"] <= 0:
        raise ConfigError("s3: 'poll_interval' and 'reconcile_hours' must be positive")
    prefix = options["prefix"].strip().strip("/")
    return S3Settings(
        url=bucket_url("s3", options, region),
        region=region,
        prefix=f"{prefix}/" if prefix else "",
        kinds={**KINDS, **option_kinds("s3", options.get("kinds", ""))},
        patterns=_patterns(options.get("patterns", "")),
        poll_interval=options["poll_interval"],
        reconcile_seconds=options["reconcile_hours"] * 3600,
        watch=options["watch"],
    )


def _patterns(text: str) -> list[tuple[str, Kind]]:
    patterns = []
    for pair in filter(None, (pair.strip() for pair in text.split(","))):
        pattern, _, kind = (part.strip() for part in pair.rpartition("="))
        if not pattern or kind not in list(Kind):
            raise ConfigError("s3: the option 'patterns' must be like 'voicemail/*=voicemail,fax/*=fax'", hint=f"Kinds: {', '.join(Kind)}.")
        patterns.append((pattern, Kind(kind)))
    return patterns
