"""The source itself: the methods of the port, and how it is registered."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from archiver.errors import ArchiverError, MisconfiguredError, SourceGoneError, SourceNotReadyError, TransientError
from archiver.model import Item, Kind
from archiver.sources.inline import is_inline, unpack
from archiver.sources.port import ALONE, Context, Page, Room, Source
from archiver.sources.replies import read_each
from archiver.sources.twilio.api import Api, Budgets
from archiver.sources.twilio.budget import Budget
from archiver.sources.twilio.records import CONTENTS
from archiver.sources.twilio.rounds import Rounds
from archiver.sources.twilio.settings import OPTIONS, TwilioSettings, login_from, settings_from
from genstage.clock import Clock

__all__ = ["ADAPTER", "TwilioAdapter", "TwilioSource"]

_READY_SECONDS = 15 * 60.0
"""For so long after a call its recording may be told, and not be there yet."""
_LOOK_AGAIN_SECONDS = 60.0


class TwilioSource:
    """One Twilio account, with its subaccounts or without.

    Args:
        context: Clock and HTTP session.
        settings: What is fetched from where.
        login: The header that authorises a call.
        budget: What the account may ask.
    """

    def __init__(self, context: Context, settings: TwilioSettings, login: str, budget: Budget) -> None:
        self._clock: Clock = context.clock
        self._api = Api(context, settings.base_url, login, budget)
        self._rounds = Rounds(self._api, settings, context.clock)

    def __repr__(self) -> str:
        return f"TwilioSource({self._api!r})"

    def discover(self, cursor: str) -> AsyncGenerator[Page, None]:
        """Passes over every list, then what comes; see `Source.discover`."""
        return self._rounds.pages(cursor)

    async def read_many(self, items: Sequence[Item]) -> Sequence[bytes | ArchiverError]:
        """Whole items, one after the other; see `Source.read_many`."""
        return await read_each(self, items)

    async def stream(self, item: Item, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """The bytes from ``offset`` on; see `Source.stream`. What a list told whole is short: Twilio takes no text of over 1600 signs."""
        if is_inline(item.locator):
            if data := unpack(item.locator)[offset:]:
                yield data
            return
        try:
            async with aclosing(self._api.read(item.locator, offset)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except SourceGoneError as error:
            if item.kind is Kind.RECORDING and self._clock.wall() - item.occurred_at / 1000 < _READY_SECONDS:
                raise SourceNotReadyError("the recording is not ready yet", retry_after=_LOOK_AGAIN_SECONDS) from error
            raise
        except MisconfiguredError as error:
            # One item that may not be read must not hold up the others: it is tried again, then shown to a person.
            raise TransientError(error.message, hint=error.hint) from None

    def room(self, budget: int, *, wanted: bool) -> Room:
        """How many contents may be asked for now; looks have a place of their own. See `archiver.sources.port.Paced.room`."""
        del wanted
        return self._api.room() if budget == CONTENTS else Room(items=0, again_in=math.inf)

    async def close(self) -> None:
        """Ends every watch; the HTTP session is the process's. See `Source.close`."""
        self._rounds.close()


class TwilioAdapter:
    """The source ``twilio``; what an account may ask is one budget for all sources that it opens."""

    name = "twilio"
    summary = "A Twilio account and its subaccounts: calls, recordings, SMS, and what came with MMS."
    options = OPTIONS

    def __init__(self) -> None:
        self._budgets = Budgets()

    def open(self, options: dict[str, Any], context: Context = ALONE) -> Source:
        """Makes the source; talks to nobody yet. See `archiver.sources.port.SourceAdapter.open`."""
        settings = settings_from(options)
        return TwilioSource(context, settings, login_from(options), self._budgets.of(settings.base_url, settings.account))


ADAPTER = TwilioAdapter()
