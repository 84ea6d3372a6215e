"""A OneDrive on loopback and one client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from archiver.sandbox.microsoft import OneDrive
from support.graph_client import Client


@pytest.fixture
async def onedrive() -> AsyncIterator[OneDrive]:
    """Without users."""
    async with OneDrive() as onedrive:
        yield onedrive


@pytest.fixture
async def client(onedrive: OneDrive) -> AsyncIterator[Client]:
    """A user with a business drive."""
    async with aiohttp.ClientSession() as http:
        yield Client(onedrive, onedrive.add_user("acme"), http)
