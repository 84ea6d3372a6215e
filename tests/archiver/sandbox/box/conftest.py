"""A Box on loopback and one client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from archiver.sandbox.box import Box
from support.box_client import Client


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    """Without users."""
    async with Box() as box:
        yield box


@pytest.fixture
async def client(box: Box) -> AsyncIterator[Client]:
    """A user with an empty account."""
    async with aiohttp.ClientSession() as http:
        yield Client(box, box.add_user("acme"), http)
