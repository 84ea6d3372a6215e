"""An open, empty database on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from archiver.database.postgres import PostgresDatabase


@pytest.fixture
async def database(postgres_address: str) -> AsyncIterator[PostgresDatabase]:
    """An open, empty database."""
    opened = PostgresDatabase(postgres_address)
    await opened.open()
    yield opened
    await opened.close()
