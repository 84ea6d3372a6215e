"""The bytes behind an address: recordings and attachments, streamed as they come."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

import aiohttp

from archiver.errors import MisconfiguredError, SourceGoneError, SourceNotReadyError, TransientError
from archiver.model import Item, Kind
from archiver.sources.ringcentral.api import Api
from archiver.sources.ringcentral.errors import network_error
from archiver.sources.ringcentral.records import ATTACHMENTS, RECORDINGS
from genstage.clock import Clock

__all__ = ["ROUTES", "Contents"]

ROUTES: Final = {RECORDINGS: "recording", ATTACHMENTS: "attachment"}
"""What is asked for the bytes that a budget pays for."""

_CHUNK_BYTES = 1024 * 1024
_READY_SECONDS = 15 * 60.0
"""For so long after a call its recording may be named, and not be there yet."""
_LOOK_AGAIN_SECONDS = 60.0
_AUDIO = ("audio/", "video/")


class Contents:
    """Reads what a locator points to.

    Args:
        api: Makes the calls.
        clock: Time.

    Attributes:
        media_type: What the last recording was; empty before the first.
    """

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self.media_type = ""

    async def stream(self, item: Item, offset: int) -> AsyncGenerator[bytes, None]:
        """The bytes from ``offset`` on.

        Raises:
            SourceThrottledError: The limit is used up, or (`SourceNotReadyError`) a recording is not ready yet.
            SourceGoneError: RingCentral no longer has it.
        """
        route = ROUTES[RECORDINGS if item.kind is Kind.RECORDING else ATTACHMENTS]
        try:
            async with self._api.content(route, item.locator, offset) as response:
                if response.status == 416:
                    return  # nothing after the offset
                if route == "recording":
                    self._remember(response)
                skip = offset if response.status == 200 else 0  # whoever ignores the range sends everything
                async for chunk in _chunks(response, route):
                    if skip >= len(chunk):
                        skip -= len(chunk)
                    else:
                        yield chunk[skip:] if skip else chunk
                        skip = 0
        except SourceGoneError as error:
            if self._clock.wall() - item.occurred_at / 1000 < _READY_SECONDS:
                raise SourceNotReadyError("the recording is not ready yet", retry_after=_LOOK_AGAIN_SECONDS) from error
            raise
        except MisconfiguredError as error:
            # One item that may not be read must not hold up the others: it is tried again, then shown to a person.
            raise TransientError(error.message, hint=error.hint) from None

    async def learn(self, address: str) -> str:
        """What the account's recordings are, asked of one of them; empty if that one does not tell."""
        try:
            async with self._api.content("recording", address, 0, only_head=True) as response:
                self._remember(response)
        except (SourceGoneError, MisconfiguredError):
            return ""
        return self.media_type

    def _remember(self, response: aiohttp.ClientResponse) -> None:
        if response.content_type.startswith(_AUDIO):
            self.media_type = response.content_type


async def _chunks(response: aiohttp.ClientResponse, route: str) -> AsyncIterator[bytes]:
    while True:
        try:
            chunk = await response.content.read(_CHUNK_BYTES)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise network_error(error, route) from None
        if not chunk:
            return
        yield chunk
