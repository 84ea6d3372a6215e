"""Registers RingCentral accounts as the source ``ringcentral``."""

from __future__ import annotations

from typing import Any

from archiver.sources.port import ALONE, Context, Source
from archiver.sources.ringcentral.api import Budgets
from archiver.sources.ringcentral.settings import OPTIONS, credentials_from, settings_from
from archiver.sources.ringcentral.source import RingCentralSource

__all__ = ["ADAPTER", "RingCentralAdapter"]


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


ADAPTER = RingCentralAdapter()
