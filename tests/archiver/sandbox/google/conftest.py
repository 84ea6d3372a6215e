"""A Drive on loopback and one client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from archiver.sandbox.google import GoogleDrive
from support.google_client import Client


@pytest.fixture
async def drive() -> AsyncIterator[GoogleDrive]:
    """Without users."""
    async with GoogleDrive() as drive:
        yield drive


@pytest.fixture
async def client(drive: GoogleDrive) -> AsyncIterator[Client]:
    """A user without a limit on writes."""
    async with aiohttp.ClientSession() as http:
        yield Client(drive, drive.add_user("acme"), http)
