"""A customer that has nothing connected, and a Dropbox on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from archiver.database.sqlite import SqliteDatabase
from archiver.sandbox import Sandbox
from support.connecting import Scene


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """A customer that has nothing connected."""
    database = SqliteDatabase(tmp_path / "archiver.db")
    await database.open()
    async with Sandbox() as sandbox, aiohttp.ClientSession() as http:
        yield Scene(database, await database.add_customer("acme", path_template="x"), sandbox, http)
    await database.close()
