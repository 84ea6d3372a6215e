"""A RingCentral on loopback, and sources of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from archiver.sandbox.ringcentral import RingCentral
from support.phones import Bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """An account with three people and no limits, in real time."""
    async with RingCentral(limits={}) as phones, aiohttp.ClientSession() as http:
        bench = Bench(phones, http)
        for number in ("101", "102", "103"):
            phones.office.add_extension(number, f"Agent {number}")
        yield bench
        await bench.close()
