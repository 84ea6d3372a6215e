"""A RingCentral on loopback, and somebody who asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from archiver.sandbox.ringcentral import RingCentral
from support.phone_client import PhoneClient


@pytest.fixture
async def phones() -> AsyncIterator[RingCentral]:
    """An account with two people and the published limits."""
    async with RingCentral() as phones:
        phones.office.add_extension("101", "Ann")
        phones.office.add_extension("102", "Bob")
        yield phones


@pytest.fixture
async def client(phones: RingCentral) -> AsyncIterator[PhoneClient]:
    """Ann, with a token."""
    async with aiohttp.ClientSession() as http:
        client = PhoneClient(phones, http)
        await client.connect()
        yield client
