"""Registers RingCentral accounts as the source ``ringcentral``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from archiver.errors import ConfigError
from archiver.http.addresses import option_url, option_word
from archiver.oauth import Link
from archiver.sources.port import ALONE, Context, Source
from archiver.sources.ringcentral.api import PROVIDER, Budgets
from archiver.sources.ringcentral.settings import OPTIONS, credentials_from, settings_from
from archiver.sources.ringcentral.source import RingCentralSource

__all__ = ["ADAPTER", "RingCentralAdapter"]

_ADDRESSES = ("authorize_url", "token_url", "revoke_url")


class RingCentralAdapter:
    """The source ``ringcentral``; the limits of a user are one budget for all sources that it opens."""

    name = "ringcentral"
    summary = "A RingCentral account: recordings, voicemail, SMS, fax and the call log of every extension."
    options = OPTIONS

    def __init__(self) -> None:
        self._budgets = Budgets()

    def open(self, options: dict[str, Any], context: Context = ALONE) -> Source:
        """Makes the source; talks to nobody yet. See `archiver.sources.port.SourceAdapter.open`."""
        return RingCentralSource(context, settings_from(options), credentials_from(options), self._budgets)

    def link(self, options: Mapping[str, Any]) -> Link:
        """How an account is linked; an application with PKCE has no secret."""
        client_id, client_secret = [option_word(self.name, options, name) for name in ("client_id", "client_secret")]
        if not client_id:
            raise ConfigError("ringcentral needs the option 'client_id'", hint="It stands in the application's settings at RingCentral.")
        base = option_url(self.name, "base_url", options["base_url"]) if "base_url" in options else ""
        addresses = {} if not base else {name: f"{base}{urlsplit(getattr(PROVIDER, name)).path}" for name in _ADDRESSES}
        return Link(provider=msgspec.structs.replace(PROVIDER, **addresses), client_id=client_id, client_secret=client_secret)


ADAPTER = RingCentralAdapter()
