"""A Twilio on loopback, and sources of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from archiver.sandbox.twilio import Twilio
from support.twilio import Exchanged


@pytest.fixture
async def bench() -> AsyncIterator[Exchanged]:
    """An account with nothing in it, in real time."""
    async with Twilio() as twilio, aiohttp.ClientSession() as http:
        bench = Exchanged(twilio, http)
        yield bench
        await bench.close()
