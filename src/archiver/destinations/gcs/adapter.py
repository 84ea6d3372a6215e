"""The options of a bucket, as data, and how they become a destination."""

from __future__ import annotations

import re
from typing import Any

from archiver.adapter import Option
from archiver.destinations.gcs.store import GcsStore, Writing
from archiver.destinations.gcs.tokens import ServiceAccount, tokens_of
from archiver.destinations.objects import FEATURES, ObjectDestination
from archiver.destinations.objects.targets import option_prefix
from archiver.destinations.port import Context
from archiver.errors import ConfigError
from archiver.http.addresses import option_url, option_word
from archiver.oauth import KeptTokens

__all__ = ["ADAPTER", "GcsAdapter"]

_MODES = {"unlocked": "Unlocked", "locked": "Locked"}


class GcsAdapter:
    """Registers the destination ``gcs``."""

    name = "gcs"
    summary = "A bucket of Google Cloud Storage; object retention, resumable big objects."
    features = FEATURES
    options = (
        Option(name="bucket", help="The bucket; it must be there.", main=True),
        Option(name="prefix", help="What stands before every name, such as calls/2024.", default=""),
        Option(name="service_account", help="The key of a service account: the whole JSON file.", secret=True),
        Option(name="storage_class", help="Such as NEARLINE; else the bucket's own.", optional=True),
        Option(name="retention", help="unlocked or locked: nobody removes an object before its time.", optional=True),
        Option(name="retain_days", help="For how many days each object is kept.", type="integer", optional=True),
        Option(name="endpoint", help="Another address, for tests only.", type="url", default="https://storage.googleapis.com", site=True),
    )

    def __init__(self) -> None:
        self._kept = KeptTokens()

    def open(self, options: dict[str, Any], context: Context) -> ObjectDestination:
        """Makes the destination; talks to nobody yet."""
        bucket = options["bucket"].strip()
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", bucket):
            raise ConfigError(
                "gcs: the option 'bucket' is not the name of a bucket", hint="Small letters, digits, hyphens, dots; without gs://."
            )
        if context.http is None:
            raise ConfigError("the destination gcs needs an HTTP session")
        endpoint = option_url(self.name, "endpoint", options["endpoint"])
        tokens = tokens_of(ServiceAccount(options["service_account"]), context, context.http, self._kept)
        store = GcsStore(context, endpoint, bucket, tokens, _writing(options))
        return ObjectDestination(store, context.clock, option_prefix(self.name, options))


def _writing(options: dict[str, Any]) -> Writing:
    mode, days = option_word("gcs", options, "retention").lower(), options.get("retain_days", 0)
    if mode and mode not in _MODES:
        raise ConfigError("gcs: the option 'retention' must be unlocked or locked")
    if bool(mode) != (days > 0):
        raise ConfigError("gcs: the options 'retention' and 'retain_days' belong together", hint="Give both, or neither.")
    return Writing(storage_class=option_word("gcs", options, "storage_class"), retention=_MODES.get(mode, ""), retain_days=days)


ADAPTER = GcsAdapter()
