"""The PostgreSQL database as a whole: the conformance kit, and what several processes do to each other."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from archiver.database.conformance import DatabaseConformance
from archiver.database.port import Database
from archiver.database.postgres import PostgresDatabase


class TestConformance(DatabaseConformance):
    """The kit."""

    @pytest.fixture
    async def database(self, postgres_address: str) -> AsyncIterator[Database]:
        """An open, empty database."""
        opened = PostgresDatabase(postgres_address)
        await opened.open()
        yield opened
        await opened.close()
