"""A Twilio on loopback with a made company."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from archiver.sandbox.twilio import Twilio, fill


@pytest.fixture
async def twilio() -> AsyncIterator[Twilio]:
    """An account with two subaccounts, twenty-one calls and as many messages."""
    async with Twilio() as twilio:
        fill(twilio.exchange, calls=21, messages=21)
        yield twilio
